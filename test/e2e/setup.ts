/** Before all tests: an emulated account, both vendors, and a stage deployed as docs/deploy.md says. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GetFunctionConfigurationCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import type { TestProject } from 'vitest/node'
import { operationNames } from '../../infra/operations.ts'
import { sampleSecrets } from '../../local/sample-secrets.ts'
import { sampleWorld, soldWorld, startSandbox, type World } from '../../local/sandbox/sandbox.ts'
import { deployerPolicy } from '../docs/policies.ts'
import { type Account, clientsOf, createUser, type Keys } from './aws.ts'
import { type MiniStack, startMiniStack } from './ministack.ts'
import { printedBy, tryNpmRun } from './npm.ts'

type Cloud = Account & {
  /** Of a user who may do what docs/deployer-policy.json says for the stage, and nothing else. */
  deployer: Keys
  sandboxUrl: string
  /** `--stage` and the parameters that point a stage at the sandbox. */
  deployArguments: string[]
  /** What `npm run package` wrote before the deploy. */
  artefacts: string
}

declare module 'vitest' {
  interface ProvidedContext {
    cloud: Cloud
  }
}

export const STAGE = 'e2e'
/** How many times faster than documented the vendors' limits pass. */
export const SPEED = 60
/** Somebody with a token at the vendor whom the account has no secret for yet. */
export const NEWCOMER = 'ou_newcomer'

export default async function setup(project: TestProject) {
  const opened: { close(): Promise<void> }[] = []
  let ministack: MiniStack | undefined
  const close = async () => {
    for (const it of opened.reverse()) await it.close()
  }
  try {
    ministack = await startMiniStack()
    opened.push(ministack)
    const sandbox = await startSandbox({ speed: SPEED, world: worldWithNewcomer() })
    opened.push(sandbox)
    const artefacts = await mkdtemp(path.join(tmpdir(), 'e2e-'))
    opened.push({ close: () => rm(artefacts, { recursive: true, force: true }) })

    const account: Account = { url: ministack.url, region: ministack.region, root: ministack.root }
    const cloud: Cloud = {
      ...account,
      deployer: await createUser(account, 'deployer', await deployerPolicy(STAGE)),
      sandboxUrl: sandbox.url,
      deployArguments: vendorParameters(sandbox.url),
      artefacts,
    }
    await storeSecrets(cloud, STAGE)
    const stage = ['--stage', STAGE, ...cloud.deployArguments]
    await printedBy(tryNpmRun(cloud, 'package', ['--package', artefacts, ...stage]))
    await printedBy(tryNpmRun(cloud, 'deploy', stage))
    await speedUp(cloud, STAGE)
    project.provide('cloud', cloud)
    return close
  } catch (error) {
    await close()
    throw new Error(`${(error as Error).message}\nMiniStack:\n${ministack?.log().slice(-5_000)}`)
  }
}

/** Lets the functions of a stage keep to the sandbox's pace, for which there is no parameter. */
export async function speedUp(account: Account, stage: string): Promise<void> {
  const { lambda } = clientsOf(account)
  for (const name of operationNames) {
    const FunctionName = `${stage}-${name}`
    const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
    const Variables = { ...Environment?.Variables, LIMIT_SPEED: String(SPEED) }
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
  }
}

export const vendorParameters = (url: string) => [
  `--param=feishuBaseUrl=${url}`,
  `--param=feishuOauthTokenUrl=${url}/oauth/v3/token`,
  `--param=dingtalkBaseUrl=${url}`,
  `--param=dingtalkOapiBaseUrl=${url}`,
]

function worldWithNewcomer(): World {
  const world = sampleWorld()
  const leaver = world.feishu.users.find(({ openId }) => openId === 'ou_leaver')
  if (!leaver) throw new Error('the sample world has no leaver')
  const tokens = (leaver.tokens ?? []).map((token) => ({
    ...token,
    accessToken: 'u-newcomer',
    refreshToken: 'ur-newcomer',
  }))
  world.feishu.users.push({ ...leaver, openId: NEWCOMER, tokens })
  return world
}

/** Secrets first, as an operator would; the newcomer's is left out. `isSold`: of the apps that live on tickets, with the callbacks' keys. */
export async function storeSecrets(account: Account, stage: string, { isSold = false } = {}): Promise<void> {
  const prefix = `subscription-offboarding/${stage}`
  const ofCallbacks = {
    FEISHU_CALLBACK_SECRET_ID: `${prefix}/feishu/callback`,
    DINGTALK_CALLBACK_SECRET_ID: `${prefix}/dingtalk/callback`,
  }
  const variables = {
    FEISHU_APP_SECRET_ID: `${prefix}/feishu/app`,
    FEISHU_USER_SECRET_PREFIX: `${prefix}/feishu/user/`,
    DINGTALK_APP_SECRET_ID: `${prefix}/dingtalk/app`,
    ...(isSold && ofCallbacks),
  }
  const secrets = sampleSecrets(isSold ? soldWorld() : sampleWorld(), variables, { isSold })
  const { secrets: client } = clientsOf(account)
  for (const [Name, secret] of Object.entries(secrets))
    await client.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify(secret) }))
}
