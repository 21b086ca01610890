/** DingTalk: hosts, and how a call carries its token. */
import { dingtalkDialect } from './dingtalk-dialect.ts'
import { dingtalkCredential } from './dingtalk-tokens.ts'
import { vendorUrl } from './environment.ts'
import type { Vendor } from './vendor.ts'

/** DingTalk, international (`api.dingtalk.io`) or mainland (`api.dingtalk.com`), by `DINGTALK_BASE_URL`. */
export const dingtalk: Vendor = {
  ...dingtalkDialect,
  baseUrl: () => vendorUrl('DINGTALK_BASE_URL'),
  headers: (accessToken) => ({
    'x-acs-dingtalk-access-token': accessToken,
    accept: 'application/json',
    'content-type': 'application/json',
  }),
  credential: dingtalkCredential,
}
