/** `offboarding users authorize`: has one user grant access and stores the tokens in the user's secret. */
import { createHash, randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import * as v from 'valibot'
import { OperationError, type Text } from '../../lib/error.ts'
import { clear } from '../../lib/ledger/renewals.ts'
import { quote } from '../../lib/redact.ts'
import { openId as openIdSchema } from '../../lib/schema.ts'
import { isRenewable, type UserSecret } from '../../lib/tokens/user-secret.ts'
import { CommandError, UsageError, vendorId, wholeNumber, withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connectionOptions } from '../stack/connection.ts'
import { useVariables } from '../stack/variables.ts'
import { type Page, type Redirect, startCallback } from './callback.ts'
import { type Consent, dingtalkConsent, feishuConsent } from './consent.ts'
import { DEPLOYMENT_HELP } from './list.ts'
import { presenceOf, writeUser } from './user-secrets.ts'

type Options = ConnectionOptions & {
  vendor: keyof typeof VENDORS
  openId?: string
  unionId?: string
  port: number
  timeout: number
  scope?: string
}

const VENDORS = {
  feishu: {
    option: 'openId',
    flag: '--open-id',
    consent: feishuConsent,
    variables: [
      'FEISHU_APP_SECRET_ID',
      'FEISHU_USER_SECRET_PREFIX',
      'FEISHU_BASE_URL',
      'FEISHU_OAUTH_TOKEN_URL',
      'LEDGER_TABLE',
    ],
  },
  dingtalk: {
    option: 'unionId',
    flag: '--union-id',
    consent: dingtalkConsent,
    variables: ['DINGTALK_APP_SECRET_ID', 'DINGTALK_USER_SECRET_PREFIX', 'DINGTALK_BASE_URL', 'LEDGER_TABLE'],
  },
} as const

export const authorizeCommand = (io: Io): Command =>
  withOptions(
    new Command('authorize')
      .summary('have a user grant access, and store the tokens')
      .description(
        "Has one user grant this app access, and stores the tokens in the user's secret. Prints an address to open in a browser " +
          'as that user, and waits on 127.0.0.1 for the browser to come back. Prints no token.',
      ),
    [
      new Option('--vendor <vendor>', 'dingtalk only for a third-party personal app')
        .choices(Object.keys(VENDORS))
        .makeOptionMandatory(),
      new Option('--open-id <open-id>', 'the Feishu user').argParser(vendorId).conflicts('unionId'),
      new Option('--union-id <union-id>', 'the DingTalk user').argParser(vendorId),
      new Option(
        '--port <n>',
        'port of the redirect URL http://127.0.0.1:PORT/callback, which the app must have registered',
      )
        .default(8788)
        .argParser(wholeNumber(1, 65_535)),
      new Option('--timeout <seconds>', 'how long to wait for the consent')
        .default(300)
        .argParser(wholeNumber(1, 3_600)),
      new Option('--scope <scopes>', "instead of what the operations need; Feishu's offline_access is always included"),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `
If the user's browser is on another machine, it ends at an address on 127.0.0.1
that it cannot open: open that same address here while the command waits.
${DEPLOYMENT_HELP}

Examples:
  AWS_PROFILE=ops npx offboarding users authorize --vendor feishu \\
    --open-id ou_xxxxxxxx --stage prod`,
    )
    .action(async (options: Options) => {
      io.exitCode = await authorize(io, options)
    })

async function authorize(io: Io, { port, timeout, scope, ...options }: Options): Promise<number> {
  const vendor = VENDORS[options.vendor]
  const id = options[vendor.option]
  if (id === undefined) throw new UsageError(`--vendor ${options.vendor} needs ${vendor.flag}`)
  if (options.vendor === 'feishu' && !v.is(openIdSchema, id))
    throw new UsageError('--open-id must begin with ou_: an e-mail address, a user_id or a union_id is something else')

  const { region, kmsKeyId } = await useVariables(io, vendor.variables, options)
  const consent = vendor.consent(id)
  // The first call: it says what is wrong with the credentials.
  const presence = await presenceOf(consent.secretId)
  const clientId = await consent.clientId()
  log(io, `Secret "${consent.secretId}" in ${region}: ${PRESENCE[presence]}.`)

  const state = randomBytes(32).toString('base64url')
  const codeVerifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
  const asked = scope?.split(/\s+/).filter(Boolean) ?? consent.scopes.operations
  const scopes = [...new Set([...consent.scopes.always, ...asked])]
  const callback = await startCallback({
    port,
    state,
    onRefused: () => log(io, 'Refused a redirect with a wrong state. Still waiting …'),
  })
  try {
    const { redirectUri } = callback
    const pageUrl = consent.pageUrl({ clientId, redirectUri, state, codeChallenge, scopes })
    log(io, `Redirect URL, which the app must have registered: ${redirectUri}`)
    log(io, `Open this as ${id}, within ${timeout} s:`)
    io.stdout.write(`${pageUrl}\n`)
    const redirect = await callback.wait((signal) => io.sleep(timeout * 1_000, signal))
    if (!redirect) throw new CommandError(`access was not granted within ${timeout} s. Nothing was stored.`)
    const secret = await answering(redirect, async () => {
      const tokens = await consent.exchange({ code: codeOf(redirect, consent), redirectUri, codeVerifier })
      if (!isRenewable(tokens)) log(io, consent.renewalNeeds.en)
      const owner = await askOwner(io, () => consent.ownerOf(tokens.accessToken))
      if (owner !== id) throw wrongPerson(id, owner)
      const secret: UserSecret = { ...tokens, authorizedAt: new Date().toISOString() }
      await writeUser(consent.secretId, secret, id, kmsKeyId)
      await clear(consent.secretId).catch((error: OperationError) =>
        log(
          io,
          `The ledger's entry about the previous tokens could not be deleted: ${error.message} This does no harm.`,
        ),
      )
      return secret
    })
    if (isRenewable(secret)) {
      log(
        io,
        `Stored the tokens of ${id}. The refresh token ends ${secret.refreshTokenExpiresAt} unless renewed before.`,
      )
      return 0
    }
    log(
      io,
      `Stored the access token of ${id}, which ends ${secret.accessTokenExpiresAt}. Fix that, then run this again.`,
    )
    return 1
  } finally {
    await callback.close()
  }
}

const OWNER_TRIES = 3
const OWNER_WAIT_MS = 2_000

/** The owner of tokens that exist only here: a moment's fault of the vendor does not drop them. */
async function askOwner(io: Io, ask: () => Promise<string>): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      const isPassing = error instanceof OperationError && (error.retryable || error.kind === 'protocol')
      if (!isPassing || tries === OWNER_TRIES) throw error
      await io.sleep(OWNER_WAIT_MS)
    }
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
    const reason = quote(error)
    throw refused({ en: `The vendor ended the consent: ${reason}.`, zh: `厂商终止了授权：${reason}。` })
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
      en: `Access was granted by ${quote(found)}, not by ${wanted}.`,
      zh: `授权的用户为 ${quote(found)}，而非 ${wanted}。`,
    },
    {
      hint: {
        en: 'Nothing was stored. Open the address in a private window and log in as the right person.',
        zh: '未存储任何内容。请在无痕窗口中打开该地址，并以正确的用户登录。',
      },
    },
  )

const GRANTED: Page = {
  status: 200,
  title: { en: 'Access granted', zh: '授权成功' },
  text: { en: 'The tokens are stored. You may close this page.', zh: '令牌已存储，可以关闭此页面。' },
}
const FAILED: Page = {
  status: 400,
  title: { en: 'Not completed', zh: '授权未完成' },
  text: { en: 'Authorization failed. The command shows the reason.', zh: '操作未成功，原因请见命令输出。' },
}
