/**
 * Stack traces that name our own sources; build.ts puts this first in each bundle. Node's `--enable-source-maps` does the
 * same, but goes through the bundle and its map at every start. Here the map is read when a stack is first looked at.
 */
import type { SourceMap } from 'node:module'

let map: SourceMap | undefined

function readMap(): SourceMap {
  const [fs, { SourceMap }] = [process.getBuiltinModule('node:fs'), process.getBuiltinModule('node:module')]
  return new SourceMap(JSON.parse(fs.readFileSync(`${import.meta.filename}.map`, 'utf8')))
}

/** The frame as V8 writes it, or where in our sources it is: names of functions are lost to the minifier. */
function described(frame: NodeJS.CallSite): string {
  if (frame.getFileName() !== import.meta.url) return String(frame)
  try {
    map ??= readMap()
    const origin = map.findOrigin(frame.getLineNumber() ?? 0, frame.getColumnNumber() ?? 0)
    if ('fileName' in origin)
      return `${frame.isAsync() ? 'async ' : ''}${origin.fileName.replace(/^(\.\.\/)+/, '')}:${origin.lineNumber}:${origin.columnNumber}`
  } catch {}
  return String(frame)
}

/** The first line as V8 has it, whatever was thrown. */
function headerOf(error: unknown): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}

Error.prepareStackTrace = (error, frames) =>
  [headerOf(error), ...frames.map((frame) => `    at ${described(frame)}`)].join('\n')
