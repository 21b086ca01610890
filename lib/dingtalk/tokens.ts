/**
 * DingTalk's tokens: of an internal app, of a third-party app for one organization, and of a user.
 * https://open.dingtalk.com/document/development/obtain-the-access-token-of-an-internal-app
 */
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { environment, vendorUrl } from '../environment.ts'
import { OperationError } from '../error.ts'
import { registerSecrets } from '../redact.ts'
import { authorizeCommand } from '../tokens/authorize-command.ts'
import { TokenBudget } from '../tokens/budget.ts'
import { type Token, TokenCache } from '../tokens/cache.ts'
import { withTicket } from '../tokens/ticket.ts'
import { applyGrant, parseSeconds, tokenText, type User, type UserSecret } from '../tokens/user-secret.ts'
import { userCredential } from '../tokens/user-token.ts'
import { call } from '../vendor/classify.ts'
import type { CodeTable, Credential, Identity } from '../vendor/vendor.ts'
import { dingtalkResponseParser } from './answers.ts'
import { dingtalkTokenCodes, dingtalkUserTokenCodes } from './codes.ts'

const appSecret = v.variant('type', [
  v.strictObject({ type: v.literal('internal'), appKey: secretText, appSecret: secretText }),
  v.strictObject({
    type: v.literal('third_party_enterprise'),
    suiteKey: secretText,
    suiteSecret: secretText,
    suiteTicket: v.optional(secretText),
    authCorpId: secretText,
  }),
  v.strictObject({ type: v.literal('third_party_personal'), clientId: secretText, clientSecret: secretText }),
])
type App = v.InferOutput<typeof appSecret>
type PersonalApp = Extract<App, { type: 'third_party_personal' }>

const withApp = <Result>(use: (app: App) => Promise<Result>) =>
  withSecret(environment('DINGTALK_APP_SECRET_ID'), appSecret, use)

const appTokens = new TokenCache()

/** The app's token, or, for a third-party personal app, which has none, the user's own. */
export async function dingtalkCredential({ userId = '' }: Identity, budget: TokenBudget): Promise<Credential> {
  return withApp(async (app) => {
    if (app.type === 'third_party_personal') return userCredential(dingtalkUser(userId), budget)
    const key = [vendorUrl('DINGTALK_BASE_URL'), ...Object.values(app)].join(' ')
    const token = await appTokens.get(key, () =>
      app.type === 'internal' ? internalToken(app, budget) : corpToken(app, budget),
    )
    return { accessToken: token.value, actsAs: 'tenant', reject: () => appTokens.reject(key, token) }
  })
}

/** The fields of these secrets are the fields of the requests. */
const internalToken = ({ type: _, ...body }: Extract<App, { type: 'internal' }>, budget: TokenBudget) =>
  appToken('accessToken', body, budget)

const corpToken = (
  { type: _, suiteTicket, ...body }: Extract<App, { type: 'third_party_enterprise' }>,
  budget: TokenBudget,
): Promise<Token> =>
  withTicket(
    'suiteTicket',
    suiteTicket,
    (newest) => appToken('corpAccessToken', { ...body, suiteTicket: newest }, budget),
    budget,
  )

/** What a token lives; no answer gives the end of a refresh token. Seconds. */
const USUAL = { accessSeconds: 7_200, refreshSeconds: 30 * 24 * 60 * 60, refreshEndPublished: true }

const appTokenAnswer = v.object({ accessToken: tokenText, expireIn: v.optional(v.unknown()) })

async function appToken(path: string, body: Record<string, string>, budget: TokenBudget): Promise<Token> {
  const { accessToken, expireIn } = await post(path, body, dingtalkTokenCodes, appTokenAnswer, budget.beforeCall())
  return { value: accessToken, expiresAtMs: Date.now() + (parseSeconds(expireIn) ?? USUAL.accessSeconds) * 1_000 }
}

/** The command that has this user grant access, as in `npx offboarding users authorize --vendor dingtalk --union-id u1`. */
export const authorizeDingtalkUser = (unionId: string) =>
  authorizeCommand('--vendor', 'dingtalk', '--union-id', unionId)

/** The user with this unionId. */
export const dingtalkUser = (unionId: string): User => ({
  secretId: environment('DINGTALK_USER_SECRET_PREFIX') + unionId,
  renew: (secret, budget) => {
    const grant = { grantType: 'refresh_token', refreshToken: secret.refreshToken ?? '' }
    return withPersonalApp((app) => requestUserToken(app, grant, secret, budget))
  },
  authorizeCommand: () => authorizeDingtalkUser(unionId),
  renewalNeeds: {
    en: 'Cannot be renewed: DingTalk gave no refresh token.',
    zh: '无法刷新：钉钉未返回 refreshToken。',
  },
})

/** The tokens that an authorization code stands for, once. */
export const exchangeDingtalkCode = (code: string, remainingMs: number): Promise<UserSecret> =>
  withPersonalApp((app) =>
    requestUserToken(app, { grantType: 'authorization_code', code }, {}, new TokenBudget(() => remainingMs)),
  )

const withPersonalApp = <Result>(use: (app: PersonalApp) => Promise<Result>) =>
  withApp((app) => {
    if (app.type === 'third_party_personal') return use(app)
    throw new OperationError('misconfigured', {
      en: 'Only a third_party_personal app has user tokens.',
      zh: '只有 third_party_personal 类型的应用才有用户令牌。',
    })
  })

/** Only what is used without another choice is required: an answer that is refused has used up the refresh token. */
const userTokenAnswer = v.object({
  accessToken: tokenText,
  refreshToken: v.optional(v.unknown()),
  expireIn: v.optional(v.unknown()),
})

const userTokenCodes = { ...dingtalkTokenCodes, ...dingtalkUserTokenCodes }

/** https://open.dingtalk.com/document/development/obtain-user-token */
async function requestUserToken(
  app: PersonalApp,
  grant: Record<string, string>,
  before: Partial<UserSecret>,
  budget: TokenBudget,
): Promise<UserSecret> {
  const body = { clientId: app.clientId, clientSecret: app.clientSecret, ...grant }
  try {
    const answer = await post('userAccessToken', body, userTokenCodes, userTokenAnswer, budget)
    const { accessToken, refreshToken, expireIn } = answer
    return applyGrant(before, { accessToken, accessSeconds: expireIn, refreshToken }, USUAL)
  } catch (error) {
    if (!(error instanceof OperationError) || !grant.refreshToken) throw error
    const { kind, upstream, detail } = error
    if (upstream?.status !== 400 || (kind !== 'protocol' && kind !== 'invalid_request')) throw error
    // Which code refuses a refresh token is on no page. One that names it is the vendor's last word, a message is not.
    const final = /refresh[._]?token/i.test(upstream.code ?? '')
    if (!final && !REFUSES_REFRESH_TOKEN.test(upstream.message)) throw error
    throw new OperationError('reauthorization_required', detail, { upstream, final })
  }
}

const REFUSES_REFRESH_TOKEN = /refresh[._ ]?token\b.{0,40}(expired|invalid|illegal|过期|无效|不合法)/i

async function post<Answer>(
  path: string,
  body: Record<string, string>,
  codes: CodeTable,
  answer: v.GenericSchema<unknown, Answer>,
  budget: TokenBudget,
): Promise<Answer> {
  registerSecrets(body)
  const url = `${vendorUrl('DINGTALK_BASE_URL')}/v1.0/oauth2/${path}`
  const request = { method: 'POST' as const, url, headers: { accept: 'application/json' }, body }
  const succeeded = (json: Record<string, unknown>) => v.is(answer, granted(json))
  const exchange = { vendor: dingtalkResponseParser, request, codes, succeeded, grantsTokens: true }
  const { answer: given } = await budget.ask(url, (remainingMs) => call(exchange, remainingMs))
  return v.parse(answer, granted(given.json))
}

const FIELDS = ['accessToken', 'refreshToken', 'expireIn']

/** What was granted, by the documented names: keys come in any case, and some answers put it into `result`. */
function granted(json: Record<string, unknown>): Record<string, unknown> {
  const all = typeof json.result === 'object' && json.result !== null ? { ...json, ...json.result } : json
  const keys = Object.fromEntries(Object.entries(all).map(([key, value]) => [key.toLowerCase(), value]))
  return Object.fromEntries(FIELDS.map((field) => [field, keys[field.toLowerCase()]]))
}
