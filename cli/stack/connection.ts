/** How an operator's command reaches a stack: the local one that `npm start` runs, or a deployed stage. */

import type { Wiring } from '../../infra/wiring.ts'
import { CommandError, UsageError } from '../command.ts'
import { compileStage, DEPLOYMENT_OPTIONS, type DeploymentOptions } from './deployment.ts'

/** The options that say which stack is meant, for `parseArgs`. */
export const CONNECTION_OPTIONS = { ...DEPLOYMENT_OPTIONS, local: { type: 'string' } } as const
export type ConnectionOptions = DeploymentOptions & { local?: string }

/** The same for a command's `--help`. */
export const CONNECTION_HELP = `  --stage STAGE      a deployed stage; stage, region and parameters as given to "osls deploy", AWS credentials as usual.
  --region REGION    Without it, the local stack that "npm start" runs in another terminal
  --param NAME=VALUE
  --local URL        where the local stack is (default http://127.0.0.1:8787)`

/** Where `npm start` tells of its stack. */
export const STACK_PATH = '/_stack.json'
export const LOCAL_URL = 'http://127.0.0.1:8787'

export type Names = {
  bus: string
  /** Of offboarding events. */
  source: string
  deadLetterQueue: string
  undeliveredEventsQueue: string
  /** By the operation's name. */
  operations: Record<string, { functionName: string; queue: string; logGroup: string }>
}

type Service = 'sqs' | 'eventbridge' | 'secretsmanager' | 'logs'

/** What the local stack says of itself. */
export type StackDescription = {
  names: Names
  region: string
  endpoints: Record<Service, string>
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
  credentials?: { accessKeyId: string; secretAccessKey: string }
}

const MAX_ATTEMPTS = 6

/** The stack the options mean. Without a stage nothing of the caller's AWS configuration is used. */
export async function connect({ local, ...deployment }: ConnectionOptions): Promise<Connection> {
  if (deployment.stage === undefined) {
    if (deployment.region ?? deployment.param) throw new UsageError('--region and --param need --stage')
    return localConnection(await readDescription(local ?? LOCAL_URL))
  }
  if (local !== undefined) throw new UsageError('either --stage or --local')
  const { region, wiring } = await compileStage(deployment)
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
 * Puts the stack's variables into this process's environment, where lib/ looks for them, with the way to its secrets. On
 * the local stack nothing of the caller's AWS configuration is left.
 */
export function useConnection({ variables, region, settings }: Connection): void {
  const { endpoint, credentials } = settings('secretsmanager')
  if (credentials) {
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = endpoint
    process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
  }
  Object.assign(process.env, variables, { AWS_REGION: region })
}

/** A line to type: another command with these words, on the same stack. */
export function commandLine(name: string, words: string[], { stage, region, param = [], local }: ConnectionOptions) {
  const given = Object.entries({ stage, region, local }).flatMap(([name, value]) => (value ? [`--${name}`, value] : []))
  const all = [...words, ...given, ...param.flatMap((one) => ['--param', one])]
  const quoted = all.map((word) => (/^[\w.:/@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
  return `npm run ${name} -- ${quoted.join(' ')}`
}

export const localConnection = ({ names, region, endpoints, variables, speed }: StackDescription): Connection => ({
  names,
  region,
  variables,
  isLocal: true,
  speed,
  settings: (service) => ({
    region,
    endpoint: endpoints[service],
    maxAttempts: MAX_ATTEMPTS,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  }),
})

async function readDescription(url: string): Promise<StackDescription> {
  const base = URL.parse(url)
  if (base?.protocol !== 'http:' || !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(base.hostname))
    throw new UsageError('--local must be an address on this machine, as in http://127.0.0.1:8787')
  try {
    const response = await fetch(new URL(STACK_PATH, base), { signal: AbortSignal.timeout(5_000) })
    const description = (await response.json()) as Partial<StackDescription> | null
    if (response.ok && description?.names && description.endpoints) return description as StackDescription
  } catch {}
  throw new CommandError(
    `no local stack answers at ${base.origin}: run "npm start" in another terminal, or name a deployed stage with --stage`,
  )
}

/** Names of what a stack has, from its compiled template. */
export function getStackNames({ functions, queues, rules, eventSources }: Wiring): Names {
  const [rule] = rules
  const [source] = (rule?.pattern.source ?? []) as string[]
  const moduleOf = (functionName: string) => functions.find(({ name }) => name === functionName)?.module ?? ''
  const workQueue = queues.find(({ name }) => name === eventSources[0]?.queue)
  const { deadLetterTargetArn } = (workQueue?.properties.RedrivePolicy ?? {}) as { deadLetterTargetArn?: string }
  return {
    bus: rule?.bus ?? '',
    source: source ?? '',
    deadLetterQueue: deadLetterTargetArn?.split(':').at(-1) ?? '',
    undeliveredEventsQueue: functions.find(({ failureQueue }) => failureQueue)?.failureQueue ?? '',
    operations: Object.fromEntries(
      eventSources.map(({ queue, functionName }) => {
        const operation = moduleOf(functionName).split('/').at(-2) ?? ''
        return [operation, { functionName, queue, logGroup: `/aws/lambda/${functionName}` }]
      }),
    ),
  }
}

/** The variables of the functions that name secrets and vendors, and their limits. */
export const getVendorVariables = (environments: Record<string, string>[]): Record<string, string> =>
  Object.fromEntries(environments.flatMap(Object.entries).filter(([name]) => /^(FEISHU|DINGTALK|MAX)_/.test(name)))
