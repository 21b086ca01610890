/** Feishu and Lark: hosts, and how a call carries its token. */
import { vendorUrl } from './environment.ts'
import { feishuDialect } from './feishu-dialect.ts'
import { feishuCredential } from './feishu-tokens.ts'
import type { Vendor } from './vendor.ts'

/** Feishu (China) or Lark (global), by `FEISHU_BASE_URL`. */
export const feishu: Vendor = {
  ...feishuDialect,
  baseUrl: () => vendorUrl('FEISHU_BASE_URL'),
  headers: (accessToken) => ({ authorization: `Bearer ${accessToken}`, accept: 'application/json' }),
  credential: feishuCredential,
}
