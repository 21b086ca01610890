/**
 * Stack traces that name our own sources; build.ts puts this first in each bundle. Node's `--enable-source-maps` does the
 * same, but goes through the bundle and its map at every start. Here the map is read when a stack is first looked at.
 */
import type { SourceMap } from 'node:module'

const folder = new URL('.', import.meta.url).href
const maps = new Map<string, SourceMap>()

/** The source map beside the bundled file at `url`. */
function readMap(url: string): SourceMap {
  const known = maps.get(url)
  if (known) return known
  const [fs, { SourceMap }] = [process.getBuiltinModule('node:fs'), process.getBuiltinModule('node:module')]
  const map = new SourceMap(JSON.parse(fs.readFileSync(new URL(`${url}.map`), 'utf8')))
  maps.set(url, map)
  return map
}

/** The frame as V8 writes it, or its place in the sources: the minifier has changed the names of functions. */
function formatFrame(frame: NodeJS.CallSite): string {
  const url = frame.getFileName()
  if (!url?.startsWith(folder)) return String(frame)
  try {
    const origin = readMap(url).findOrigin(frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 0)
    if ('fileName' in origin)
      return `${frame.isAsync() ? 'async ' : ''}${origin.fileName.replace(/^(\.\.\/)+/, '')}:${origin.lineNumber}:${origin.columnNumber}`
  } catch {}
  return String(frame)
}

/** The first line as V8 has it, whatever was thrown. */
function formatHeader(error: unknown): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}

Error.prepareStackTrace = (error, frames) =>
  [formatHeader(error), ...frames.map((frame) => `    at ${formatFrame(frame)}`)].join('\n')
