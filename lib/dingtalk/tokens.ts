/**
 * DingTalk's tokens: of an internal app, of a third-party app for one organization, and of a user.
 * https://open.dingtalk.com/document/development/obtain-the-access-token-of-an-internal-app
 */
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { environment, vendorUrl } from '../environment.ts'
import { OperationError } from '../error.ts'
import { remember } from '../redact.ts'
import { type Token, TokenCache } from '../tokens/cache.ts'
import type { User, UserSecret } from '../tokens/user-secret.ts'
import { userCredential } from '../tokens/user-token.ts'
import { call } from '../vendor/classify.ts'
import type { Credential, Identity } from '../vendor/vendor.ts'
import { dingtalkResponseParser } from './answers.ts'
import { dingtalkTokenCodes } from './codes.ts'

const appSecret = v.variant('type', [
  v.strictObject({ type: v.literal('internal'), appKey: secretText, appSecret: secretText }),
  v.strictObject({
    type: v.literal('third_party_enterprise'),
    suiteKey: secretText,
    suiteSecret: secretText,
    suiteTicket: secretText,
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
export async function dingtalkCredential({ userId = '' }: Identity, remainingMs: () => number): Promise<Credential> {
  return withApp(async (app) => {
    if (app.type === 'third_party_personal') return userCredential(dingtalkUser(userId), remainingMs)
    const { type, ...body } = app
    const key = [vendorUrl('DINGTALK_BASE_URL'), ...Object.values(app)].join(' ')
    const token = await appTokens.get(key, () => appToken(TOKEN_PATHS[type], body, remainingMs()))
    return { accessToken: token.value, actsAs: 'tenant', reject: () => appTokens.reject(key, token) }
  })
}

/** The fields of these secrets are the fields of the requests. */
const TOKEN_PATHS = { internal: 'accessToken', third_party_enterprise: 'corpAccessToken' }

const seconds = v.pipe(v.number(), v.minValue(1))
const appTokenAnswer = v.object({ accessToken: secretText, expireIn: seconds })

async function appToken(path: string, body: Record<string, string>, remainingMs: number): Promise<Token> {
  const { accessToken, expireIn } = await post(path, body, appTokenAnswer, remainingMs)
  return { value: accessToken, expiresAtMs: Date.now() + expireIn * 1_000 }
}

/** The user with this unionId. */
export const dingtalkUser = (unionId: string): User => ({
  secretId: environment('DINGTALK_USER_SECRET_PREFIX') + unionId,
  renew: (secret, remainingMs) =>
    withPersonalApp(async (app) => {
      const grant = { grantType: 'refresh_token', refreshToken: secret.refreshToken }
      return { ...secret, ...(await requestUserToken(app, grant, remainingMs)) }
    }),
  authorizeCommand: `npm run authorize -- --vendor dingtalk --union-id ${unionId}`,
})

/** The tokens that an authorization code stands for, once. */
export const exchangeDingtalkCode = (code: string, remainingMs: number): Promise<UserSecret> =>
  withPersonalApp((app) => requestUserToken(app, { grantType: 'authorization_code', code }, remainingMs))

const withPersonalApp = <Result>(use: (app: PersonalApp) => Promise<Result>) =>
  withApp((app) => {
    if (app.type === 'third_party_personal') return use(app)
    throw new OperationError('misconfigured', {
      en: 'Only a third_party_personal app has user tokens.',
      zh: '只有 third_party_personal 类型的应用才有用户令牌。',
    })
  })

const userTokenAnswer = v.object({ accessToken: secretText, refreshToken: secretText, expireIn: seconds })
/** Documented for the refresh token, whose end no answer tells. */
const REFRESH_TOKEN_MS = 30 * 24 * 60 * 60_000

/**
 * https://open.dingtalk.com/document/development/obtain-user-token
 * The page lists no code for a refused grant: a refusal by a code that no table knows is taken for one.
 */
async function requestUserToken(app: PersonalApp, grant: Record<string, string>, remainingMs: number) {
  const body = { clientId: app.clientId, clientSecret: app.clientSecret, ...grant }
  try {
    const answer = await post('userAccessToken', body, userTokenAnswer, remainingMs)
    return {
      accessToken: answer.accessToken,
      accessTokenExpiresAt: new Date(Date.now() + answer.expireIn * 1_000).toISOString(),
      refreshToken: answer.refreshToken,
      refreshTokenExpiresAt: new Date(Date.now() + REFRESH_TOKEN_MS).toISOString(),
    }
  } catch (error) {
    if (!(error instanceof OperationError) || error.kind !== 'protocol' || !error.upstream?.code) throw error
    throw new OperationError('reauthorization_required', error.detail, { upstream: error.upstream })
  }
}

async function post<Answer>(
  path: string,
  body: Record<string, string>,
  answer: v.GenericSchema<unknown, Answer>,
  remainingMs: number,
): Promise<Answer> {
  remember(body)
  const { answer: given } = await call(
    {
      vendor: dingtalkResponseParser,
      request: {
        method: 'POST',
        url: `${vendorUrl('DINGTALK_BASE_URL')}/v1.0/oauth2/${path}`,
        headers: { accept: 'application/json' },
        body,
      },
      codes: dingtalkTokenCodes,
      succeeded: (json) => v.is(answer, json),
    },
    remainingMs,
  )
  remember(given.json)
  return v.parse(answer, given.json)
}
