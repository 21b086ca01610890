/**
 * Answers of the vendors that are rare in tests and common in the field, by name. `PUT /_sandbox/cases/NAME` has every
 * matching call answered so until `DELETE /_sandbox/cases/NAME`; `GET /_sandbox/cases` lists them.
 */

import { dingtalkFailure } from './dingtalk.ts'
import { feishuFailure, feishuOAuthFailure, feishuUserInfoFailure } from './feishu-gateway.ts'
import type { Script, Target } from './script.ts'

export interface Case {
  shows: string
  target: Target
  script: Script
}

const feishuUserTokens: Target = { method: 'POST', path: /^\/(oauth\/v3\/token|open-apis\/authen\/v2\/oauth\/token)$/ }
const feishuAppTokens: Target = { method: 'POST', path: /^\/open-apis\/auth\/v3\// }
const userInfo: Target = { path: '/open-apis/authen/v1/user_info' }
const feishuCalls: Target = { path: /^\/open-apis\/(calendar|approval|drive)\// }
const feishuEverything: Target = { path: /^\/(open-apis|oauth)\/(?!authen\/v1\/authorize)/ }
const dingtalkUserTokens: Target = { path: '/v1.0/oauth2/userAccessToken' }
const dingtalkCalls: Target = { path: /^\/v1\.0\/calendar\// }
const dingtalkEverything: Target = { path: /^\/v1\.0\// }

/** An answer as a script, word for word. */
const said = ({ status, json }: { status: number; json?: Record<string, unknown> }): Script => ({ status, body: json })

const oauthError = (status: number, error: string, error_description: string): Script => ({
  status,
  body: { error, error_description },
})

const scopes = (...subjects: string[]) => ({
  msg: `Access denied. One of the following scopes is required: [${subjects.join(', ')}]`,
  error: { permission_violations: subjects.map((subject) => ({ type: 'action_scope_required', subject })) },
})
const calendarScopes = scopes('calendar:calendar', 'calendar:calendar:readonly', 'calendar:calendar:read')

/** Every case by its name. */
export const cases: Readonly<Record<string, Case>> = {
  'feishu-no-refresh-token': {
    shows: 'offline_access missing: a new access token comes without a refresh token',
    target: feishuUserTokens,
    script: { change: { refresh_token: null, refresh_token_expires_in: null } },
  },
  'feishu-no-refresh-end': {
    shows: 'the answer does not say when the refresh token ends',
    target: feishuUserTokens,
    script: { change: { refresh_token_expires_in: null } },
  },
  'feishu-lifetimes-as-text': {
    shows: 'numbers are written as text',
    target: feishuUserTokens,
    script: { change: { code: '0', expires_in: '7200', refresh_token_expires_in: '604800' } },
  },
  'feishu-no-code': {
    shows: 'a token answer without `code`',
    target: feishuUserTokens,
    script: { change: { code: null } },
  },
  'feishu-invalid-grant': {
    shows: 'an OAuth error of RFC 6749 without a code: the grant is lost',
    target: feishuUserTokens,
    script: oauthError(400, 'invalid_grant', 'The refresh token has been revoked.'),
  },
  'feishu-invalid-client': {
    shows: 'an OAuth error of RFC 6749 without a code: the app is wrong',
    target: feishuUserTokens,
    script: oauthError(401, 'invalid_client', 'Client authentication failed.'),
  },
  'feishu-oauth-unavailable': {
    shows: 'an OAuth error of RFC 6749 without a code: try later',
    target: feishuUserTokens,
    script: oauthError(400, 'temporarily_unavailable', 'Try again later.'),
  },
  'feishu-oauth-down': {
    shows: '20072 for as long as it lasts',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20072)),
  },
  'feishu-no-path': {
    shows: 'a token URL with a wrong path',
    target: feishuUserTokens,
    script: { status: 404, headers: { 'Content-Type': 'text/plain' }, body: '404 page not found' },
  },
  'feishu-access-policy': {
    shows: "21001: the tenant's access policy blocks calls and renewals",
    target: feishuEverything,
    script: said(feishuFailure(21001)),
  },
  'feishu-token-2200': {
    shows: 'an app token is answered with 2200, as it is for some wrong settings of the app',
    target: feishuAppTokens,
    script: said(feishuFailure(2200)),
  },
  'feishu-token-10013': {
    shows: 'an app token is answered with 10013',
    target: feishuAppTokens,
    script: said(feishuFailure(10013)),
  },
  'feishu-code-unknown': {
    shows: 'the authorization code is unknown',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20003)),
  },
  'feishu-code-expired': {
    shows: 'the authorization code has expired',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20004)),
  },
  'feishu-code-used': {
    shows: 'the authorization code was used before',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20065)),
  },
  'feishu-pkce-failed': {
    shows: 'the PKCE check fails',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20049)),
  },
  'feishu-redirect-differs': {
    shows: 'the redirect URL is not that of the consent',
    target: feishuUserTokens,
    script: said(feishuOAuthFailure(20071)),
  },
  ...Object.fromEntries(
    ([20005, 20008, 20021, 20022, 20023] as const).map((code): [string, Case] => {
      const answer = feishuUserInfoFailure(code)
      return [
        `feishu-user-info-${code}`,
        { shows: `user_info: ${answer.json?.msg}`, target: userInfo, script: said(answer) },
      ]
    }),
  ),
  'feishu-other-owner': {
    shows: 'the stored tokens are those of another person',
    target: userInfo,
    script: { change: { data: { open_id: 'ou_custodian', tenant_key: 'sandbox' } } },
  },
  'feishu-app-scopes': {
    shows: '99991672 with three scopes of which one is enough',
    target: feishuCalls,
    script: said(feishuFailure(99991672, calendarScopes)),
  },
  'feishu-user-scopes': {
    shows: '99991679: the user has granted none of three scopes',
    target: feishuCalls,
    script: said(feishuFailure(99991679, calendarScopes)),
  },
  'feishu-field-violations': {
    shows: '99992402 names the field',
    target: feishuCalls,
    script: said(
      feishuFailure(99992402, {
        error: { field_violations: [{ field: 'file_type', value: 'odt', description: 'not an option' }] },
      }),
    ),
  },
  'feishu-log-id-in-body': {
    shows: 'a failure whose request id is in the body alone',
    target: feishuCalls,
    script: { change: {}, headers: { 'X-Tt-Logid': null } },
  },
  'feishu-token-flapping': {
    shows: 'every token is rejected, new ones too',
    target: feishuCalls,
    script: said(feishuFailure(99991663)),
  },
  'dingtalk-banned': {
    shows: "the caller's address is banned for five minutes",
    target: dingtalkEverything,
    script: { status: 403, body: { status: 1111, wait: 5, source: 'x5', punish: 'deny', uuid: 'sandbox' } },
  },
  'dingtalk-banned-page': {
    shows: "the caller's address is banned, told by a page of HTML",
    target: dingtalkEverything,
    script: { html: true, status: 403 },
  },
  'dingtalk-no-route': {
    shows: 'HTTP 200 with errcode 404: the host or path is wrong',
    target: dingtalkUserTokens,
    script: { status: 200, body: { errcode: 404, errmsg: '请求的URI地址不存在' } },
  },
  'dingtalk-no-action': {
    shows: 'InvalidAction.NotFound: the host or path is wrong',
    target: dingtalkUserTokens,
    script: said(dingtalkFailure('InvalidAction.NotFound')),
  },
  'dingtalk-unauthorized-client': {
    shows: 'the app is not authorized in the organization',
    target: dingtalkUserTokens,
    script: said(dingtalkFailure('unauthorized.client')),
  },
  'dingtalk-no-refresh-token': {
    shows: 'a new access token comes without a refresh token',
    target: dingtalkUserTokens,
    script: { change: { refreshToken: null, expireIn: '7200' } },
  },
  'dingtalk-busy': {
    shows: 'system.busy with HTTP 400',
    target: dingtalkEverything,
    script: said(dingtalkFailure('system.busy')),
  },
  'dingtalk-service-error': {
    shows: 'service.error with HTTP 400',
    target: dingtalkEverything,
    script: said(dingtalkFailure('service.error')),
  },
  'dingtalk-item-gone': {
    shows: 'the calendar does not exist any more',
    target: dingtalkCalls,
    script: said(dingtalkFailure('instanceNotExist')),
  },
  'proxy-page': {
    shows: 'a proxy answers in place of Feishu, with a page of HTML',
    target: feishuCalls,
    script: { html: true, status: 403 },
  },
  'proxy-nothing': {
    shows: 'a proxy answers in place of either vendor, with nothing',
    target: { path: /^\/(open-apis|v1\.0)\/(calendar|approval|drive)\// },
    script: { status: 200, body: '' },
  },
}
