/** `npm start`: the whole flow on one machine, from an event of the HR system to the report. */
import { parseArgs } from 'node:util'
import { CommandError, isUsageError, readObject, UsageError } from '../cli/command.ts'
import { sendEvent } from '../cli/event/send-events.ts'
import { type Io, log, processIo } from '../cli/io.ts'
import { getExitCode } from '../cli/progress/exit-code.ts'
import { follow } from '../cli/progress/follow.ts'
import { FORMATS } from '../cli/progress/report-formats.ts'
import { LOCAL_URL, localConnection, STACK_PATH } from '../cli/stack/connection.ts'
import { keepSessionToken } from '../cli/stack/session.ts'
import { compileTemplate } from '../infra/compile.ts'
import { readTemplate } from '../infra/wiring.ts'
import { LEAVING } from '../lib/leaving-event.ts'
import { OFFBOARDING } from '../lib/offboarding-event.ts'
import type { Report } from '../lib/report/summary.ts'
import { createPage } from './page/server.ts'
import { fillRegister } from './sample-register.ts'
import { sampleSecrets } from './sample-secrets.ts'
import { type Sandbox, sampleWorld, soldWorld, startSandbox } from './sandbox/sandbox.ts'
import { startStack } from './stack.ts'
import { describeStack } from './stack-description.ts'

const HELP = `Runs the functions of dist/ on this machine: queues, event bus and HTTP API as serverless.yml describes
them, against a sandbox of both vendors. Sends an event that names a leaver, shows who is found and what becomes of
every target, and keeps the HTTP API up.

  npm start -- [options]

  --once             exit after the report: 0 when every item finished, 1 when something was parked or rejected,
                     3 when nothing was, but a vendor does not know an id; of the sample, where one of each is meant
                     to be, 0 when it ended
  --event FILE       the event's detail as JSON: of User Leaving, or of User Offboarding as in local/events/offboarding.json
                     (default local/events/leaving.json)
  --no-event         send none, and leave the register empty; "npx offboarding offboard" in another terminal sends one
  --dry-run          plan and check everything, change nothing
  --speed N          how much faster the sandbox's limit windows run (default 60; 1 is real time)
  --port N           wanted port of the HTTP API (default 8787; another one when it is taken)
  --store-apps       a Feishu store app and a DingTalk third-party enterprise app, which need what the vendors push
  --live             real vendors instead of the sandbox; needs --event
  --secrets FILE     with --live: JSON object, secret id to secret (default local/secrets.json, ignored by git)
  --help

  npm start -- --once --event my-leaver.json --dry-run
`

const OPTIONS = {
  once: { type: 'boolean', default: false },
  event: { type: 'string' },
  'no-event': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  speed: { type: 'string', default: '60' },
  port: { type: 'string', default: '8787' },
  'store-apps': { type: 'boolean', default: false },
  live: { type: 'boolean', default: false },
  secrets: { type: 'string', default: 'local/secrets.json' },
  help: { type: 'boolean', default: false },
} as const

const readOptions = (args: string[]) => parseArgs({ args, options: OPTIONS }).values
type Options = ReturnType<typeof readOptions>

/** Runs `npm start -- ARGS` until it is interrupted, or to the end of the event with `--once`. Returns the exit code. */
export async function start(args: string[], io: Io): Promise<number> {
  try {
    const options = readOptions(args)
    if (!options.help) return await startWith(options, io)
    io.stdout.write(HELP)
    return 0
  } catch (error) {
    const [message] = (error as Error).message.split('\n')
    log(io, `npm start: ${message}`)
    if (!isUsageError(error)) return 1
    log(io, 'Run "npm start -- --help" for usage.')
    return 2
  }
}

function readNumber(options: Options, name: 'speed' | 'port', min: number, max: number): number {
  const value = Number(options[name])
  if (options[name].trim() !== '' && value >= min && value <= max) return value
  throw new UsageError(`--${name} must be a number from ${min} to ${max}`)
}

const SANDBOX_PARAMS = {
  dingtalkPeopleIndex: 'on',
  vendorCallbacks: 'on',
  robots: 'feishu,dingtalk',
  digestHour: '0',
  digestTimeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
}
const PEOPLE_INDEX_SCHEDULE = 'local-people-index'
const NOTIFICATIONS_SCHEDULE = 'local-notifications'
const MINUTE_MS = 60_000

/** Vendor URLs of a live run may come from the caller's environment, as for Lark. */
const LIVE_VARIABLES = ['FEISHU_BASE_URL', 'FEISHU_OAUTH_TOKEN_URL', 'DINGTALK_BASE_URL', 'DINGTALK_OAPI_BASE_URL']

async function startWith(options: Options, io: Io): Promise<number> {
  const say = (line: string): void => log(io, line)
  const speed = readNumber(options, 'speed', 1, 10_000)
  const httpPort = readNumber(options, 'port', 0, 65_535)
  const sendsEvent = !options['no-event']
  if (!sendsEvent && (options.once || options.event || options['dry-run']))
    throw new UsageError('--no-event goes without --once, --event and --dry-run')
  if (options.live && sendsEvent && !options.event)
    throw new UsageError('--live needs --event FILE or --no-event: the sample names no real person')
  const isSold = options['store-apps']
  if (isSold && options.live) throw new UsageError('--store-apps is of the sandbox, and goes without --live')
  const detail = readObject(options.event ?? 'local/events/leaving.json')
  if (options['dry-run']) detail.dryRun = true
  if (isSold) nameTenant(detail)
  const liveSecrets = options.live ? readObject(options.secrets) : undefined

  const template = await compileTemplate({
    stage: 'local',
    // In the sandbox everybody may be found by each of what HR knows, and both vendors push.
    ...(!options.live && { params: SANDBOX_PARAMS }),
    onCompile: () => say('Compiling serverless.yml …'),
  })
  const { functions } = readTemplate(template, { queueUrl: (name) => name })
  const variables = Object.assign({}, ...functions.map(({ env }) => env))

  let sandbox: Sandbox | undefined
  const world = isSold ? soldWorld() : sampleWorld()
  if (!options.live) sandbox = await startSandbox({ world, speed })
  const env = sandbox
    ? { ...sandbox.variables, STAGE_OPTION: '--local' }
    : Object.fromEntries(LIVE_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))

  let eventId: string | undefined
  const page = await createPage({ isLive: sandbox === undefined })
  const stopping = new AbortController()
  const stack = await startStack({
    template,
    httpPort,
    env,
    secrets: liveSecrets ?? sampleSecrets(world, { ...variables, ...env }, { isSold }),
    onEvent: page.onEvent,
    pages: {
      ...page.pages,
      [`GET ${STACK_PATH}`]: (_, response) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(description()))
      },
    },
    // On a busy machine the ledger may answer too late for the functions' time-outs while they start: the last try is after that.
    retryDelaysMs: [200, 10_000],
    onWork: ({ functionName, error }) => {
      if (error) say(`${functionName} failed and will be called again: ${(error as Error).message}`)
    },
    onUndelivered: ({ functionName, event, error }) => {
      say(`${functionName} could not take event ${event.id}: ${(error as Error).message}`)
      if (event.id === eventId) stopping.abort(new CommandError('not every function could take the event'))
    },
  })
  sandbox?.pushTo(stack.apiUrl)
  // As DingTalk does again and again; Feishu is asked to when a ticket is missing.
  if (isSold) await sandbox?.push({ event: 'suite_ticket' })
  const description = () => describeStack(stack, { speed: sandbox ? speed : 1, env })
  const connection = localConnection(description())
  const stopWatching = page.watch(connection)
  const forgetToken = keepSessionToken(stack.apiUrl, stack.awsEnv.AWS_SESSION_TOKEN)
  let shownMessages = 0
  const notify = async () => {
    await stack.runSchedule(NOTIFICATIONS_SCHEDULE).catch(() => {})
    const messages = sandbox?.state.messages ?? []
    for (const { robot, text } of messages.slice(shownMessages))
      say(`\nThe ${robot} robot of the sandbox got:\n${text}`)
    shownMessages = messages.length
  }
  let notifying: NodeJS.Timeout | undefined

  try {
    let exitCode = 0
    if (sandbox) await stack.runSchedule(PEOPLE_INDEX_SCHEDULE)
    if (!options.once) say(`Watch it, and try the API, at ${stack.apiUrl}`)
    if (sendsEvent) {
      if (sandbox) await fillRegister(connection, isSold ? TENANT : undefined)
      const isNamed = 'leaver' in detail
      eventId = await sendEvent(connection, detail, isNamed ? LEAVING : OFFBOARDING)
      const count = Object.keys(connection.names.operations).length
      say(`Sent event ${eventId} to ${isNamed ? 'the function that finds the leaver' : `${count} functions`}.`)
      const offboardingId = typeof detail.offboardingId === 'string' ? detail.offboardingId : null
      const report = await follow(io, connection, { offboardingId, eventId, signal: stopping.signal })
      io.stdout.write(`\n${FORMATS.table(report, report.rows)}\n`)
      exitCode = options.event ? getExitCode(report) : getSampleExitCode(report)
    }
    if (!options.once) {
      say(`\nThe HTTP API is up at ${stack.apiUrl}. Open that, or try:`)
      say(`  curl -X POST '${stack.apiUrl}/feishu/calendars/unsubscription?open_id=ou_leaver&dry_run=true'`)
      if (sandbox) say(`The sandbox of both vendors is at ${sandbox.url}, its state at ${sandbox.url}/_sandbox/state`)
      if (sandbox)
        say(`  curl ${sandbox.url}/_sandbox/push -d '{"event":"contact.user.deleted_v3","user":"ou_leaver"}'`)
      const elsewhere = stack.apiUrl === LOCAL_URL ? '' : ` --local ${stack.apiUrl}`
      say(
        `In another terminal: npx offboarding offboard leaver@corp.example --custodian custodian@corp.example${elsewhere}`,
      )
      const signal = io.catchInterrupt()
      say('Ctrl-C ends it.')
      if (sandbox) {
        void notify()
        notifying = setInterval(notify, MINUTE_MS)
      }
      await new Promise<unknown>((resolve) => signal.addEventListener('abort', resolve))
    }
    return exitCode
  } finally {
    clearInterval(notifying)
    forgetToken()
    stopWatching()
    await stack.close()
    await sandbox?.close()
  }
}

/** One document of the sample is parked on purpose, and one calendar is gone. */
const getSampleExitCode = ({ rows, ...report }: Report): number =>
  getExitCode({ ...report, rows: rows.filter(({ outcome }) => outcome !== 'parked') }, { goneIsFine: true })

const TENANT = 'sandbox-tenant'

/** A store app is asked in the name of a tenant. */
function nameTenant(detail: Record<string, unknown>): void {
  const { leaver, feishu } = detail
  if (isObject(leaver)) detail.leaver = { ...leaver, feishu: { tenantKey: TENANT, ...(leaver.feishu ?? {}) } }
  if (isObject(feishu)) detail.feishu = { tenantKey: TENANT, ...feishu }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

if (import.meta.main) process.exitCode = await start(process.argv.slice(2), processIo())
