/** How an operator's command reaches a stack: the local one that `npm start` runs, or a deployed stage. */
import { Option } from 'commander'
import type { Wiring } from '../../infra/wiring.ts'
import { CommandError, UsageError } from '../command.ts'
import type { Io } from '../io.ts'
import { compileStage, type DeploymentOptions, deploymentOptions } from './deployment.ts'
import { readSessionToken } from './session.ts'

/** The options that name a stack. */
export const connectionOptions = () => [
  ...deploymentOptions(),
  new Option('--local [url]', `where the local stack of "npm start" is (default: ${LOCAL_URL})`)
    .preset(LOCAL_URL)
    .conflicts('stage'),
]
export type ConnectionOptions = DeploymentOptions & { local?: string }

/** Where `npm start` describes its stack. */
export const STACK_PATH = '/_stack.json'
export const LOCAL_URL = 'http://127.0.0.1:8787'

export type Names = {
  bus: string
  /** Of offboarding events. */
  source: string
  deadLetterQueue: string
  undeliveredEventsQueue: string
  /** Of offboardings for later: the schedules' group, and path and name of the role that sends their events. */
  schedules?: { group: string; role: string }
  /** By the operation's name. */
  operations: Record<string, { functionName: string; queue: string }>
}

type Service = 'sqs' | 'eventbridge' | 'secretsmanager' | 'dynamodb' | 'scheduler' | 'lambda'

/** What the local stack says of itself. */
export type StackDescription = {
  names: Names
  region: string
  endpoints: Record<Exclude<Service, 'scheduler' | 'lambda'>, string> & { scheduler?: string; lambda?: string }
  /** The functions' variables that name secrets and vendors, and their limits. */
  variables: Record<string, string>
  /** How much faster than the vendors' the sandbox's limits are. */
  speed: number
}

export type Connection = {
  names: Names
  region: string
  /** The functions' variables that name secrets and vendors, and their limits. */
  variables: Record<string, string>
  isLocal: boolean
  /** How much faster than documented the vendors' limits are; 1 but in a sandbox. */
  speed: number
  /** What the AWS client of a service is made with: `new SQSClient(settings('sqs'))`. */
  settings(service: Service): ClientSettings
}

type ClientSettings = {
  region: string
  maxAttempts: number
  endpoint?: string
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
}

const MAX_ATTEMPTS = 6

/** The stack the options mean. Without a stage nothing of the caller's AWS configuration is used. */
export async function connect(io: Io, { local, ...deployment }: ConnectionOptions): Promise<Connection> {
  if (deployment.stage === undefined) {
    if (deployment.region ?? deployment.param) throw new UsageError('--region and --param need --stage')
    const url = local ?? LOCAL_URL
    return localConnection(await readDescription(url), readSessionToken(url))
  }
  const { region, wiring } = await compileStage(io, deployment)
  return {
    names: getStackNames(wiring),
    region,
    variables: getVendorVariables(wiring.functions.map(({ env }) => env)),
    isLocal: false,
    speed: 1,
    settings: () => ({ region, maxAttempts: MAX_ATTEMPTS }),
  }
}

/**
 * Puts the stack's variables into this process's environment, where lib/ looks for them, with the way to its secrets and ledger. On
 * the local stack nothing of the caller's AWS configuration is left.
 */
export function useConnection({ variables, region, settings }: Connection): void {
  const { endpoint, credentials } = settings('secretsmanager')
  if (credentials) {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = endpoint
    process.env.AWS_ENDPOINT_URL_DYNAMODB = settings('dynamodb').endpoint
    process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
    if (credentials.sessionToken) process.env.AWS_SESSION_TOKEN = credentials.sessionToken
  }
  Object.assign(process.env, variables, { AWS_REGION: region })
}

/** A line to type: another command with these words, on the same stack. */
export function commandLine(words: string[], { stage, region, param = [], local }: ConnectionOptions) {
  const given = Object.entries({ stage, region, local }).flatMap(([name, value]) => (value ? [`--${name}`, value] : []))
  const all = [...words, ...given, ...param.flatMap((one) => ['--param', one])]
  const quoted = all.map((word) => (/^[\w.:/@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
  return `npx offboarding ${quoted.join(' ')}`
}

export const localConnection = (
  { names, region, endpoints, variables, speed }: StackDescription,
  sessionToken?: string,
): Connection => ({
  names,
  region,
  variables,
  isLocal: true,
  speed,
  settings: (service) => ({
    region,
    ...(endpoints[service] !== undefined && { endpoint: endpoints[service] }),
    maxAttempts: MAX_ATTEMPTS,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local', ...(sessionToken && { sessionToken }) },
  }),
})

/** The address, if it is on this machine. */
const onThisMachine = (url: unknown): URL | undefined => {
  const base = URL.parse(String(url))
  return base?.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(base.hostname) ? base : undefined
}

/** Whatever has taken the port can answer: it sends commands to no other machine, and sets no variables but the stack's. */
async function readDescription(url: string): Promise<StackDescription> {
  const base = onThisMachine(url)
  if (!base) throw new UsageError('--local must be an address on this machine, as in http://127.0.0.1:8787')
  try {
    const response = await fetch(new URL(STACK_PATH, base), { redirect: 'error', signal: AbortSignal.timeout(5_000) })
    const description = (await response.json()) as Partial<StackDescription> | null
    const { names, endpoints, variables = {} } = description ?? {}
    if (response.ok && names && endpoints && Object.values(endpoints).every(onThisMachine))
      return { ...(description as StackDescription), variables: getVendorVariables([variables]) }
  } catch {}
  throw new CommandError(
    `no local stack answers at ${base.origin}: run "npm start" in another terminal, or name a deployed stage with --stage`,
  )
}

/** Names of what a stack has, from its compiled template. */
export function getStackNames({ functions, rules, oneTimeSchedules }: Wiring): Names {
  const [rule] = rules
  const [source] = (rule?.pattern.source ?? []) as string[]
  const lastPart = (url: string | undefined) => url?.split('/').at(-1) ?? ''
  const operations = functions.filter(({ env }) => env.WORK_QUEUE_URL)
  return {
    bus: rule?.bus ?? '',
    source: source ?? '',
    deadLetterQueue: lastPart(operations[0]?.env.DEAD_LETTER_QUEUE_URL),
    undeliveredEventsQueue: functions.find(({ failureQueue }) => failureQueue)?.failureQueue ?? '',
    ...(oneTimeSchedules && { schedules: oneTimeSchedules }),
    operations: Object.fromEntries(
      operations.map(({ name, module, env }) => [
        module.split('/').at(-2) ?? '',
        { functionName: name, queue: lastPart(env.WORK_QUEUE_URL) },
      ]),
    ),
  }
}

/** The variables of the functions that name secrets, vendors and the ledger, and their limits. */
export const getVendorVariables = (environments: Record<string, string>[]): Record<string, string> =>
  Object.fromEntries(
    environments
      .flatMap(Object.entries)
      .filter(([name]) => /^((FEISHU|DINGTALK|MAX|LEDGER)_|(VENDORS|DEPLOYED_STAGE)$)/.test(name)),
  )
