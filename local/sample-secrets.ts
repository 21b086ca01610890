/** The secrets that go with the sandbox's world: what an operator would have put into Secrets Manager. */
import { randomBytes } from 'node:crypto'
import type { World } from './sandbox/sandbox.ts'

/**
 * Secret ids come from the functions' environment variables, tokens from the world. `isSold`: the apps are a store app and a
 * third-party enterprise app, of which no ticket has been pushed yet.
 */
export function sampleSecrets(
  world: World,
  variables: Record<string, string>,
  { isSold = false } = {},
): Record<string, unknown> {
  const feishuType = isSold ? 'store' : 'self_built'
  const dingtalkType = isSold ? 'third_party_enterprise' : 'internal'
  const { appId, appSecret, callback } = world.feishu.apps.find(({ type }) => type === feishuType) ?? {}
  const dingtalk = world.dingtalk.apps.find(({ type }) => type === dingtalkType)
  const { clientId, clientSecret, corpIds: [authCorpId] = [] } = dingtalk ?? {}
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString()
  const users = world.feishu.users.flatMap(({ openId, tokens: [tokens] = [] }) =>
    tokens
      ? [
          [
            `${variables.FEISHU_USER_SECRET_PREFIX}${openId}`,
            {
              accessToken: tokens.accessToken,
              accessTokenExpiresAt: inSeconds(tokens.expiresIn),
              refreshToken: tokens.refreshToken,
              refreshTokenExpiresAt: inSeconds(tokens.refreshExpiresIn ?? 0),
            },
          ],
        ]
      : [],
  )
  const pushed = {
    [`${variables.FEISHU_CALLBACK_SECRET_ID}`]: callback,
    [`${variables.DINGTALK_CALLBACK_SECRET_ID}`]: { ...dingtalk?.callback, ownerKey: clientId },
  }
  return {
    [`${variables.FEISHU_APP_SECRET_ID}`]: { type: feishuType, appId, appSecret },
    [`${variables.DINGTALK_APP_SECRET_ID}`]: isSold
      ? { type: dingtalkType, suiteKey: clientId, suiteSecret: clientSecret, authCorpId }
      : { type: dingtalkType, appKey: clientId, appSecret: clientSecret },
    ...(variables.FEISHU_CALLBACK_SECRET_ID && pushed),
    ...(variables.PEOPLE_KEY_SECRET_ID && {
      [variables.PEOPLE_KEY_SECRET_ID]: { key: randomBytes(32).toString('hex') },
    }),
    ...robotSecret(
      variables.FEISHU_ROBOT_SECRET_ID,
      world.feishu.robots,
      (token) => `${variables.FEISHU_BASE_URL}/open-apis/bot/v2/hook/${token}`,
    ),
    ...robotSecret(
      variables.DINGTALK_ROBOT_SECRET_ID,
      world.dingtalk.robots,
      (token) => `${variables.DINGTALK_OAPI_BASE_URL}/robot/send?access_token=${token}`,
    ),
    ...Object.fromEntries(users),
  }
}

/** That of the vendor's first robot, where the stack has one. */
function robotSecret(
  id: string | undefined,
  [robot]: World['feishu']['robots'] & {} = [],
  urlOf: (token: string) => string,
): Record<string, unknown> {
  return id && robot ? { [id]: { url: urlOf(robot.token), signingKey: robot.signingKey } } : {}
}
