/** Feishu and Lark: hosts, and how a call carries its token. */
import * as v from 'valibot'
import { vendorUrl } from '../environment.ts'
import { openId } from '../schema.ts'
import { ask } from '../vendor/classify.ts'
import type { Vendor } from '../vendor/vendor.ts'
import { feishuResponseParser } from './answers.ts'
import { feishuCredential } from './tokens.ts'

/** Feishu (China) or Lark (global), by `FEISHU_BASE_URL`. */
export const feishu: Vendor = {
  ...feishuResponseParser,
  baseUrl: () => vendorUrl('FEISHU_BASE_URL'),
  headers: (accessToken) => ({ authorization: `Bearer ${accessToken}`, accept: 'application/json' }),
  credential: feishuCredential,
  /** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get */
  async ownerOf(accessToken, remainingMs, authorizeCommand) {
    const url = `${feishu.baseUrl()}/open-apis/authen/v1/user_info`
    const user = v.object({ data: v.object({ open_id: openId }) })
    const { data } = await ask(
      feishu,
      { url, headers: feishu.headers(accessToken) },
      user,
      remainingMs,
      authorizeCommand,
    )
    return data.open_id
  },
}
