/** `npm run authorize`: has one user grant access and stores the tokens in the user's secret. */
import { createHash, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { OperationError, type Text } from '../lib/error.ts'
import { nameId, openId, printable } from '../lib/schema.ts'
import { isRenewable, type UserSecret } from '../lib/tokens/user-secret.ts'
import { CommandError, runCommand, say, UsageError, wholeNumber } from './command.ts'
import { DEPLOYMENT_OPTIONS, useDeployment } from './stack/deployment.ts'
import { type Page, type Redirect, startCallback } from './users/callback.ts'
import { type Consent, dingtalkConsent, feishuConsent } from './users/consent.ts'
import { presenceOf, writeUser } from './users/user-secrets.ts'

const HELP = `Has one user grant this app access, and stores the tokens in the user's secret. Prints an address to open in a
browser as that user, and waits on 127.0.0.1 for the browser to come back. Prints no token.

  npm run authorize -- --vendor feishu --open-id OPEN_ID [options]
  npm run authorize -- --vendor dingtalk --union-id UNION_ID [options]     only for a third-party personal app

  --port N           port of the redirect URL, which must be registered with the app (default 8788:
                     http://127.0.0.1:8788/callback)
  --timeout SECONDS  how long to wait for the consent (default 300)
  --scope SCOPES     instead of what the operations need; Feishu's offline_access is always asked for
  --stage STAGE      stage, region and parameters as given to "osls deploy"; the defaults are serverless.yml's.
  --region REGION    A function's variable that is set in the environment, such as FEISHU_APP_SECRET_ID,
  --param NAME=VALUE goes before its value in serverless.yml
  --help

AWS credentials are found as usual, for instance by AWS_PROFILE. Where the user's browser is on another machine, it ends
at an address on 127.0.0.1 that it cannot open: open that very address here, while the command waits.

  AWS_PROFILE=ops npm run authorize -- --vendor feishu --open-id ou_xxxxxxxx --stage prod
`

const VENDORS = {
  feishu: {
    option: 'open-id',
    consent: feishuConsent,
    variables: ['FEISHU_APP_SECRET_ID', 'FEISHU_USER_SECRET_PREFIX', 'FEISHU_BASE_URL', 'FEISHU_OAUTH_TOKEN_URL'],
  },
  dingtalk: {
    option: 'union-id',
    consent: dingtalkConsent,
    variables: ['DINGTALK_APP_SECRET_ID', 'DINGTALK_USER_SECRET_PREFIX', 'DINGTALK_BASE_URL'],
  },
} as const

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      vendor: { type: 'string' },
      'open-id': { type: 'string' },
      'union-id': { type: 'string' },
      port: { type: 'string', default: '8788' },
      timeout: { type: 'string', default: '300' },
      scope: { type: 'string' },
      ...DEPLOYMENT_OPTIONS,
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (values.vendor !== 'feishu' && values.vendor !== 'dingtalk')
    throw new UsageError('--vendor must be feishu or dingtalk')
  const vendor = VENDORS[values.vendor]
  const id = values[vendor.option]
  const other = vendor.option === 'open-id' ? 'union-id' : 'open-id'
  if (id === undefined || values[other] !== undefined)
    throw new UsageError(`--vendor ${values.vendor} needs --${vendor.option} and no --${other}`)
  if (!v.is(nameId, id)) throw new UsageError(`--${vendor.option} may hold only letters, digits and _ + = . @ -`)
  if (values.vendor === 'feishu' && !v.is(openId, id))
    throw new UsageError('--open-id must begin with ou_: no e-mail address, user_id or union_id')
  const port = wholeNumber('port', values.port, 1, 65_535)
  const timeoutMs = wholeNumber('timeout', values.timeout, 1, 3_600) * 1_000

  const { region, kmsKeyId } = await useDeployment(vendor.variables, values)
  const consent = vendor.consent(id)
  const clientId = await consent.clientId()
  say(`Secret "${consent.secretId}" in ${region}: ${PRESENCE[await presenceOf(consent.secretId)]}.`)

  const state = randomBytes(32).toString('base64url')
  const codeVerifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
  const asked = values.scope?.split(/\s+/).filter(Boolean) ?? consent.scopes.operations
  const scopes = [...new Set([...consent.scopes.always, ...asked])]
  const callback = await startCallback({
    port,
    state,
    onRefused: () => say('Refused a redirect with a wrong state. Still waiting …'),
  })
  try {
    const { redirectUri } = callback
    const pageUrl = consent.pageUrl({ clientId, redirectUri, state, codeChallenge, scopes })
    say(`Redirect URL, as it must be registered with the app: ${redirectUri}`)
    say(`Open this as ${id}, within ${timeoutMs / 1_000} s:`)
    process.stdout.write(`${pageUrl}\n`)
    const redirect = await callback.wait(timeoutMs)
    if (!redirect) throw new CommandError(`nobody granted access within ${timeoutMs / 1_000} s. Nothing was stored.`)
    const secret = await answering(redirect, async () => {
      const tokens = await consent.exchange({ code: codeOf(redirect, consent), redirectUri, codeVerifier })
      if (!isRenewable(tokens)) say(consent.renewalNeeds.en)
      const owner = await consent.ownerOf(tokens.accessToken)
      if (owner !== id) throw wrongPerson(id, owner)
      const secret: UserSecret = { ...tokens, authorizedAt: new Date().toISOString() }
      await writeUser(consent.secretId, secret, kmsKeyId)
      return secret
    })
    if (isRenewable(secret)) {
      say(`Stored the tokens of ${id}. The refresh token ends ${secret.refreshTokenExpiresAt} unless renewed before.`)
      return 0
    }
    say(
      `Stored the access token of ${id}, which ends ${secret.accessTokenExpiresAt}. Run this again when that is changed.`,
    )
    return 1
  } finally {
    await callback.close()
  }
}

/** What becomes of the secret once the user has consented. */
const PRESENCE = {
  missing: 'will be created',
  present: 'exists and gets a new version',
  scheduled: 'is scheduled for deletion and will be restored',
}

/** Does the work while the browser waits, and shows it how the work ended. */
async function answering<Result>(redirect: Redirect, work: () => Promise<Result>): Promise<Result> {
  try {
    const result = await work()
    await redirect.answer(GRANTED)
    return result
  } catch (error) {
    await redirect.answer(error instanceof OperationError ? { ...FAILED, text: error.detail } : FAILED)
    throw error
  }
}

function codeOf({ query }: Redirect, { codeParameter }: Consent): string {
  const error = query.get('error')
  if (error === 'access_denied') throw refused({ en: 'The user declined to grant access.', zh: '用户拒绝了授权。' })
  if (error !== null) {
    const told = printable(error)
    throw refused({ en: `The vendor ended the consent: ${told}.`, zh: `厂商终止了授权:${told}。` })
  }
  const code = query.get(codeParameter)
  if (code) return code
  throw refused({ en: `The redirect carries no ${codeParameter}.`, zh: `跳转中没有 ${codeParameter}。` })
}

const refused = (detail: Text): OperationError =>
  new OperationError('forbidden', detail, {
    hint: {
      en: 'Nothing was stored. Run this again to ask once more.',
      zh: '未存储任何内容。请重新运行以再次请求授权。',
    },
  })

const wrongPerson = (wanted: string, found: string): OperationError =>
  new OperationError(
    'forbidden',
    {
      en: `Access was granted by ${printable(found)}, not by ${wanted}.`,
      zh: `授权的用户为 ${printable(found)},而非 ${wanted}。`,
    },
    {
      hint: {
        en: 'Nothing was stored. Open the address in a private window and log in as the right person.',
        zh: '未存储任何内容。请在无痕窗口中打开该地址,并以正确的用户登录。',
      },
    },
  )

const GRANTED: Page = {
  status: 200,
  title: { en: 'Access granted', zh: '授权成功' },
  text: { en: 'The tokens are stored. You may close this page.', zh: '令牌已存储,可以关闭此页面。' },
}
const FAILED: Page = {
  status: 400,
  title: { en: 'Not completed', zh: '授权未完成' },
  text: { en: 'It did not work. The command tells why.', zh: '操作未成功,原因请见命令输出。' },
}

await runCommand('authorize', main)
