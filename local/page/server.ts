/** What `npm start` shows in a browser: the API, to be tried, and offboardings as they go on. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { build } from 'esbuild'
import { listCodeSections } from '../../cli/code-tables.ts'
import type { Connection } from '../../cli/stack/connection.ts'
import { KINDS, toOperationError } from '../../lib/error.ts'
import { NAMES, REFUSALS } from '../../lib/handlers/resolve.ts'
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import { REASONS } from '../../lib/people/find-person.ts'
import { CHECK_ID } from '../../lib/report/rows.ts'
import { parse } from '../../lib/schema.ts'
import type { Pages } from '../aws/http-api.ts'
import type { BusEvent } from '../aws/put-events-entry.ts'
import { runOperatorCommand } from './command.ts'
import { type Card, watchOffboardings } from './offboardings.ts'

/** Chinese for hints, which the ledger has in English, and for the parts that some are made of. */
export type Hints = { message: 'hints'; hints: Record<string, string> }

/** What came of a redrive: exit code and standard error of the operator's command. */
export type Redriven = { exitCode: number; log: string }

export type Page = {
  pages: Pages
  /** Takes what is put on the bus. */
  onEvent(event: BusEvent): void
  /** Shows the stack's offboardings; returns what ends that. */
  watch(connection: Connection): () => void
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
  const { outputFiles } = await build({
    entryPoints: ['local/page/app.tsx', 'local/page/style.css'],
    outdir: '_page',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2024',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  })
  const built = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? ''
  const html = file('local/page/index.html').replace('<html', isLive ? '<html data-live' : '<html')

  /** The newest message about each thing, for a browser that comes later. */
  const messages = new Map<string, string>()
  const listeners = new Set<ServerResponse>()
  const send = (about: string, content: Card | Hints) => {
    const message = `data: ${JSON.stringify(content)}\n\n`
    messages.set(about, message)
    for (const response of listeners) response.write(message)
  }

  send('hints', await hintsOfTables())

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
        response.write(`retry: 1000\nevent: start\ndata:\n\n${[...messages.values()].join('')}`)
        listeners.add(response)
        response.once('close', () => listeners.delete(response))
      },
      'GET /_page/report': saveReport,
      'POST /_page/redrive': redrive,
    },
    onEvent({ id, 'detail-type': type, detail }) {
      if (type !== OFFBOARDING) return
      try {
        parse(offboarding, detail)
      } catch (error) {
        // The functions reject it.
        const { en, zh } = toOperationError(error).detail
        send(`hints of ${id}`, { message: 'hints', hints: { [en]: zh } })
      }
    },
    watch: (connection) =>
      watchOffboardings(
        connection,
        () => listeners.size > 0,
        (card) => send(`offboarding ${card.id}`, card),
      ),
  }
}

const urlOf = ({ headers: { host } }: IncomingMessage): string => `http://${host}`

/** By the option of `offboarding report` that asks for it. */
const REPORT_TYPES: Record<string, string> = {
  csv: 'text/csv',
  json: 'application/json',
  markdown: 'text/markdown',
}

/** `?offboarding=ID&format=csv`: what `offboarding report ID --csv` writes, as a file. */
async function saveReport(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const query = new URL(request.url ?? '', urlOf(request)).searchParams
  const [id = '', format = ''] = [query.get('offboarding') ?? '', query.get('format') ?? '']
  const type = Object.hasOwn(REPORT_TYPES, format) ? REPORT_TYPES[format] : undefined
  if (id === '' || type === undefined) return refuse(response, 400, 'offboarding and format are required')
  const { stdout, stderr } = await runOperatorCommand(['report', `--${format}`, '--local', urlOf(request), '--', id])
  if (stdout === '') return refuse(response, 404, stderr)
  const name = encodeURIComponent(`${id}.${format === 'markdown' ? 'md' : format}`).replaceAll("'", '%27')
  const disposition = `attachment; filename*=UTF-8''${name}`
  response.writeHead(200, {
    ...HEADERS,
    'content-type': `${type}; charset=utf-8`,
    'content-disposition': disposition,
  })
  response.end(stdout)
}

/** `{"offboardingId": …}`: does what `offboarding letters redrive --offboarding ID` does; the page has asked. */
async function redrive(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  // A form of another site cannot send this type, even from a browser that sends no Origin.
  if (request.headers['content-type'] !== 'application/json') return refuse(response, 415, 'send application/json')
  const id = readOffboardingId(body)
  if (id === undefined) return refuse(response, 400, 'offboardingId is required')
  const command = ['letters', 'redrive', `--offboarding=${id}`, '--yes', '--local', urlOf(request)]
  const { exitCode, stderr } = await runOperatorCommand(command)
  const redriven: Redriven = { exitCode, log: stderr }
  response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' })
  response.end(JSON.stringify(redriven))
}

function readOffboardingId(body: Buffer): string | undefined {
  try {
    const { offboardingId } = JSON.parse(body.toString())
    return typeof offboardingId === 'string' && offboardingId !== '' ? offboardingId : undefined
  } catch {
    return undefined
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' })
  response.end(text)
}

const file = (path: string): string => readFileSync(path, 'utf8')

async function hintsOfTables(): Promise<Hints> {
  const meanings = (await listCodeSections()).flatMap(({ codes }) => Object.values(codes))
  const parts = [
    ...Object.values(REFUSALS).map(({ en, zh }) => ({ en: `${en} `, zh })),
    ...Object.values(NAMES).map(({ en, zh }) => ({ en: `${en}: `, zh: `${zh}：` })),
    ...REASONS,
  ]
  const hints = [CHECK_ID, ...[...Object.values(KINDS), ...meanings].flatMap(({ hint }) => hint ?? []), ...parts]
  return { message: 'hints', hints: Object.fromEntries(hints.map(({ en, zh }) => [en, zh])) }
}
