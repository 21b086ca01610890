/** What a stage is deployed with, for the commands that work on it: all of it read from serverless.yml. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Option } from 'commander'
import { parse } from 'yaml'
import { compileTemplate } from '../../infra/compile.ts'
import { readTemplate, type Wiring } from '../../infra/wiring.ts'
import { CommandError, repeatable, UsageError } from '../command.ts'
import { type Io, log } from '../io.ts'

/** The options that name a deployment: the values that `osls deploy` was given. */
export const deploymentOptions = () => [
  new Option('--stage <stage>', 'a deployed stage, as given to "osls deploy" (default: the local stack)'),
  new Option('--region <region>', 'the AWS region (default: the one in serverless.yml)'),
  repeatable('--param <name=value>', 'a deploy parameter; may be repeated'),
]

export type DeploymentOptions = { stage?: string; region?: string; param?: string[] }

export type Deployment<Name extends string> = {
  region: string
  variables: Record<Name, string>
  /** The customer-managed key of the secrets, if they have one. */
  kmsKeyId: string | undefined
}

/**
 * The functions' environment variables `names` of one stage, put into this process's environment, where lib/ looks for
 * them; `AWS_REGION` too, which is serverless.yml's unless given. A variable that is already set stays; when all are,
 * nothing is compiled. Names of secrets belong to a stage: asking for a stage while one of them is set is wrong usage.
 */
export async function useDeployment<Name extends string>(
  io: Io,
  names: readonly Name[],
  options: DeploymentOptions,
): Promise<Deployment<Name>> {
  const { stage } = options
  const { params, used, kmsKeyId } = checkDeployment(options)

  const given = names.filter((name) => process.env[name])
  const ofStage = given.find(isOfSecret)
  if (stage !== undefined && ofStage) throw new UsageError(`--stage has no effect while ${ofStage} is set`)
  if (given.length > 0) log(io, `From the environment: ${given.join(', ')}`)
  const compiled = given.length < names.length ? variablesOf(await compile(io, stage, params)) : {}

  const variables = Object.fromEntries(
    names.map((name) => {
      const value = process.env[name] || compiled[name]
      if (!value) throw new CommandError(`serverless.yml gives no function the variable ${name}`)
      return [name, value]
    }),
  ) as Record<Name, string>
  Object.assign(process.env, variables, { AWS_REGION: used }, stage !== undefined && { DEPLOYED_STAGE: stage })
  return { region: used, variables, kmsKeyId }
}

/** Whether a variable names secrets, which belong to one stage. */
export const isOfSecret = (name: string): boolean => /_SECRET_(ID|PREFIX)$/.test(name)

/** The stage's functions, queues and rules, and its region. */
export async function compileStage(io: Io, options: DeploymentOptions): Promise<{ region: string; wiring: Wiring }> {
  const { params, used } = checkDeployment(options)
  return { region: used, wiring: await compile(io, options.stage, params, used) }
}

/** The options' parameters, the region and the secrets' key, where they are not given those of serverless.yml. Throws `UsageError`. */
export function checkDeployment({ stage, region, param = [] }: DeploymentOptions) {
  if (stage !== undefined && !/^[a-z][a-z0-9]{0,9}$/.test(stage))
    throw new UsageError('--stage must be at most ten lower-case letters and digits, beginning with a letter')
  if (region !== undefined && !/^[a-z]{2}(-[a-z]+)+-\d+$/.test(region))
    throw new UsageError('--region must be an AWS region, as in ap-southeast-1')
  const service = readService()
  const params = readParams(param, Object.keys(service.params.default))
  return {
    params,
    used: region ?? service.provider.region,
    kmsKeyId: (params.secretsKmsKeyArn ?? service.params.default.secretsKmsKeyArn) || undefined,
  }
}

/** A line of `name=value` for each parameter, the names being those of serverless.yml. */
function readParams(lines: string[], known: string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(line) ?? []
      if (name === '') throw new UsageError('--param must be name=value')
      if (!known.includes(name)) throw new UsageError(`--param ${name}: serverless.yml has no such parameter`)
      return [name, value]
    }),
  )
}

const SERVERLESS_FILE = path.join(import.meta.dirname, '../../serverless.yml')

type Service = { provider: { region: string }; params: { default: Record<string, string> } }

const readService = (): Service => parse(readFileSync(SERVERLESS_FILE, 'utf8'), { logLevel: 'error' })

const variablesOf = ({ functions }: Wiring): Record<string, string> =>
  Object.assign({}, ...functions.map(({ env }) => env))

async function compile(
  io: Io,
  stage: string | undefined,
  params: Record<string, string>,
  region?: string,
): Promise<Wiring> {
  try {
    const template = await compileTemplate({
      params,
      ...(stage !== undefined && { stage }),
      onCompile: () => log(io, 'Compiling serverless.yml …'),
    })
    return readTemplate(template, { queueUrl: (name) => name, ...(region !== undefined && { region }) })
  } catch (error) {
    const { message } = error as Error
    const reason = /Received rejection: (.+)/.exec(message) ?? /Error:\s+(.+(?:\n {2}- .+)?)/.exec(message)
    throw new CommandError(`serverless.yml could not be compiled: ${(reason?.[1] ?? message).replace(/\s+/g, ' ')}`)
  }
}
