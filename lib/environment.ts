/** Environment variables, read when they are needed, so that a missing one names itself instead of stopping the start. */
import { OperationError } from './error.ts'

/** The variable's value. A missing or empty one is `misconfigured`. */
export function environment(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw misconfigured(name, 'is not set', '未设置')
}

/**
 * A vendor's URL from the environment: https, or plain http on loopback, without credentials or query. A base URL (`…_BASE_URL`)
 * has no path, a token URL has one.
 */
export function vendorUrl(name: string): string {
  const value = environment(name)
  const known = vendorUrls.get(name)
  if (known?.value === value) return known.url
  const url = URL.parse(value)
  const loopback = url && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (!url || url.username || url.password || !(url.protocol === 'https:' || (url.protocol === 'http:' && loopback)))
    throw misconfigured(name, 'must be an https URL', '必须为 https 地址')
  const hasPath = /[^/]/.test(url.pathname)
  const isBase = name.endsWith('_BASE_URL')
  if (isBase && (hasPath || /[?#]/.test(url.href)))
    throw misconfigured(
      name,
      `must be "${url.origin}" alone, without a path or query`,
      `只能为 "${url.origin}"，不带路径或参数`,
    )
  if (/[?#]/.test(url.href)) throw misconfigured(name, 'must have no query or fragment', '不得包含查询参数或片段')
  if (!isBase && !hasPath)
    throw misconfigured(name, 'must have the path of the token endpoint', '必须包含令牌接口的路径')
  const trimmed = url.href.replace(/\/+$/, '')
  vendorUrls.set(name, { value, url: trimmed })
  return trimmed
}

/** Those found good, by the variable, with what it held: each call asks several times. */
const vendorUrls = new Map<string, { value: string; url: string }>()

/** A whole number from the environment, 1 at least. */
export function environmentNumber(name: string): number {
  const value = Number(environment(name))
  if (Number.isInteger(value) && value >= 1) return value
  throw misconfigured(name, 'must be a whole number, 1 at least', '必须为不小于 1 的整数')
}

const misconfigured = (name: string, en: string, zh: string) =>
  new OperationError(
    'misconfigured',
    { en: `The environment variable ${name} ${en}.`, zh: `环境变量 ${name} ${zh}。` },
    { scope: 'us', hint: { en: `Set ${name} and deploy again.`, zh: `请设置 ${name} 后重新部署。` } },
  )
