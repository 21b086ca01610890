/** What `npm start` shows in a browser: the API, to be tried, and offboardings as they go on. */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { build } from 'esbuild'
import { listCodeSections } from '../../cli/code-tables.ts'
import { loadOperations } from '../../infra/operations.ts'
import { KINDS, toOperationError } from '../../lib/error.ts'
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import { parse } from '../../lib/schema.ts'
import type { Pages } from '../aws/http-api.ts'
import type { LogLine } from '../aws/lambda-container.ts'
import type { BusEvent } from '../aws/put-events-entry.ts'
import type { Hints, Targets } from './offboardings.ts'

export type Page = {
  pages: Pages
  /** Takes what the functions log. */
  onLog(line: LogLine): void
  /** Takes what is put on the bus. */
  onEvent(event: BusEvent): void
}

/** Nothing from elsewhere, nothing inline, in no frame. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

/** Builds the page. `isLive`: calls reach the real vendors, so that the page makes dry runs unless told otherwise. */
export async function createPage({ isLive }: { isLive: boolean }): Promise<Page> {
  const openApi = file('docs/openapi.json')
  const [{ outputFiles }, operations] = await Promise.all([
    build({
      entryPoints: ['local/page/app.tsx', 'local/page/style.css'],
      outdir: '_page',
      bundle: true,
      write: false,
      minify: true,
      format: 'esm',
      target: 'es2024',
      jsx: 'automatic',
      jsxImportSource: 'preact',
    }),
    loadOperations(),
  ])
  const built = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  const html = file('local/page/index.html').replace('<html', isLive ? '<html data-live' : '<html')

  /** Every message since the start, for a browser that comes later. */
  const told: string[] = []
  const listeners = new Set<ServerResponse>()
  const tell = (line: object) => {
    const message = `data: ${JSON.stringify(line)}\n\n`
    told.push(message)
    for (const response of listeners) response.write(message)
  }

  tell(await hintsOfTables())

  const serve =
    (type: string, text: string): Pages[string] =>
    (_, response) => {
      response.writeHead(200, { ...HEADERS, 'content-type': `${type}; charset=utf-8` })
      response.end(text)
    }

  return {
    pages: {
      'GET /': serve('text/html', html),
      'GET /_page/app.js': serve('text/javascript', built('.js')),
      'GET /_page/style.css': serve('text/css', built('.css')),
      'GET /_page/icon.svg': serve('image/svg+xml', file('local/page/icon.svg')),
      'GET /_page/openapi.json': serve('application/json', openApi),
      'GET /_page/offboardings': (_, response) => {
        response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
        response.write(`retry: 1000\nevent: start\ndata:\n\n${told.join('')}`)
        listeners.add(response)
        response.once('close', () => listeners.delete(response))
      },
    },
    onLog({ line }) {
      const told = parseLine(line)
      if (told) tell(told)
    },
    onEvent({ id: eventId, 'detail-type': type, detail }) {
      if (type !== OFFBOARDING) return
      try {
        const event = parse(offboarding, detail)
        const targets = operations.map(({ operation }) => [operation.name, operation.targets(event)])
        tell({ message: 'targets', eventId, targets: Object.fromEntries(targets) } satisfies Targets)
      } catch (error) {
        // The functions reject it.
        const { en, zh } = toOperationError(error).detail
        tell({ message: 'hints', hints: { [en]: zh } } satisfies Hints)
      }
    },
  }
}

const file = (path: string): string => readFileSync(path, 'utf8')

async function hintsOfTables(): Promise<Hints> {
  const meanings = (await listCodeSections()).flatMap(({ codes }) => Object.values(codes))
  const hints = [...Object.values(KINDS), ...meanings].flatMap(({ hint }) => hint ?? [])
  return { message: 'hints', hints: Object.fromEntries(hints.map(({ en, zh }) => [en, zh])) }
}

function parseLine(line: string): object | undefined {
  try {
    const json: unknown = JSON.parse(line)
    return typeof json === 'object' && json !== null ? json : undefined
  } catch {}
}
