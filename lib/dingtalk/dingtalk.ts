/** DingTalk: hosts, and how a call carries its token. */
import * as v from 'valibot'
import { vendorUrl } from '../environment.ts'
import { nameId } from '../schema.ts'
import { ask } from '../vendor/classify.ts'
import type { Vendor } from '../vendor/vendor.ts'
import { dingtalkResponseParser } from './answers.ts'
import { dingtalkCredential } from './tokens.ts'

/** DingTalk, international (`api.dingtalk.io`) or mainland (`api.dingtalk.com`), by `DINGTALK_BASE_URL`. */
export const dingtalk: Vendor = {
  ...dingtalkResponseParser,
  baseUrl: () => vendorUrl('DINGTALK_BASE_URL'),
  headers: (accessToken) => ({
    'x-acs-dingtalk-access-token': accessToken,
    accept: 'application/json',
    'content-type': 'application/json',
  }),
  credential: dingtalkCredential,
  /** https://open.dingtalk.com/document/development/dingtalk-retrieve-user-information */
  async ownerOf(accessToken, remainingMs, authorizeCommand) {
    const url = `${dingtalk.baseUrl()}/v1.0/contact/users/me`
    const user = v.object({ unionId: nameId })
    return (await ask(dingtalk, { url, headers: dingtalk.headers(accessToken) }, user, remainingMs, authorizeCommand))
      .unionId
  },
}
