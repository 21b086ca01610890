/** What several of Feishu's codes mean. */
import type { Meaning } from '../vendor/vendor.ts'

export const tokenRejected: Meaning = {
  tokenRejected: true,
  means: { en: 'the access token was rejected', zh: '访问令牌被拒绝' },
}

export const missingScope: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app lacks a scope', zh: '应用缺少权限' },
  hint: {
    en: "Enable the scope in the app's console and publish a version.",
    zh: '请在应用后台开通该权限并发布版本。',
  },
}

export const internalFault: Meaning = {
  kind: 'unavailable',
  means: { en: 'a fault at the vendor', zh: '厂商内部错误' },
}

/** Two calls at once wanted the same thing. */
export const contention: Meaning = {
  kind: 'unavailable',
  scope: 'item',
  means: { en: 'another call is working on the same resource', zh: '资源正被其他调用占用' },
}

export const invalidParameter: Meaning = {
  kind: 'invalid_request',
  means: { en: 'a parameter is invalid', zh: '参数错误' },
}

export const unknownId: Meaning = {
  kind: 'invalid_request',
  means: { en: 'an id does not exist, or belongs to another app or tenant', zh: 'ID 不存在，或属于其他应用或租户' },
  hint: {
    en: 'Use an id of this app and tenant: an open_id is valid for one app only.',
    zh: '请使用本应用、本租户内的 ID：open_id 仅对一个应用有效。',
  },
}

export const wrongApp: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app does not exist or its credentials are wrong', zh: '应用不存在或凭证有误' },
  hint: {
    en: 'Check app id and secret in the app secret, and that its host (Feishu or Lark) is the right one.',
    zh: '请检查应用密钥中的 App ID 与 App Secret，以及所用的域名（飞书或 Lark）。',
  },
}

export const notInstalled: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app is not installed in the tenant', zh: '租户未安装该应用' },
  hint: { en: 'Install the app in this tenant.', zh: '请在该租户内安装该应用。' },
}

/** The vendor's last word on a person. */
export const gone: Meaning = {
  kind: 'not_found',
  scope: 'user',
  final: true,
  means: { en: 'the user does not exist any more', zh: '用户已不存在或已离职' },
}

export const frozen: Meaning = {
  kind: 'forbidden',
  scope: 'user',
  final: true,
  means: { en: 'the user is frozen or has left', zh: '用户已被冻结或已离职' },
  hint: {
    en: 'If the user has left, nothing can be done in their name any more; if frozen, unfreeze and redrive.',
    zh: '若用户已离职，则无法再以其身份操作；若被冻结，请解冻后重新投递。',
  },
}

/** Source: https://github.com/larksuite/cli, internal/auth/errors.go */
export const accessPolicy: Meaning = {
  kind: 'forbidden',
  means: { en: "the tenant's access policy blocks the user or the app", zh: '租户的访问控制策略拦截了该用户或应用' },
  hint: {
    en: "Have the tenant's administrator allow this app and this user, from the address of the functions, then redrive.",
    zh: '请让租户管理员放行该应用与该用户（以及函数的出口 IP），然后重新投递。',
  },
}

export const wrongPath: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the host knows no such path', zh: '该主机没有此路径' },
  hint: {
    en: 'Check FEISHU_BASE_URL: https://open.feishu.cn, or for Lark https://open.larksuite.com, without a path.',
    zh: '请检查 FEISHU_BASE_URL：https://open.feishu.cn，Lark 则为 https://open.larksuite.com，均不带路径。',
  },
}
