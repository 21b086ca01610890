/** Secrets Manager: the only place secrets come from. The only file that knows its client. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as v from 'valibot'
import { OperationError, type Text } from './error.ts'

const client = new SecretsManagerClient({ requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 } })

const CACHE_MS = 5 * 60_000
const cache = new Map<string, { text: Promise<string>; readAtMs: number }>()

/** A non-empty string that may travel in a header or a body: no blanks at its ends, no control characters. */
export const secretText = v.pipe(v.string(), v.regex(/^[^\s\p{Cc}]+$/u))

/**
 * Reads the secret `id` and hands its value to `use`. The text is cached for five minutes. When `use` ends as
 * `misconfigured` on a cached secret, the secret is read again, once: a rotated credential takes effect without a deploy.
 * A secret that is missing, unreadable, not JSON or of another shape is `misconfigured`, naming the id and the field,
 * never a value.
 */
export async function withSecret<Secret, Result>(
  id: string,
  schema: v.GenericSchema<unknown, Secret>,
  use: (secret: Secret) => Promise<Result>,
): Promise<Result> {
  const cached = cache.get(id)
  const fresh = !cached || Date.now() - cached.readAtMs > CACHE_MS
  try {
    return await use(parseSecret(id, schema, await (fresh ? read(id) : cached.text)))
  } catch (error) {
    if (fresh || !(error instanceof OperationError) || error.kind !== 'misconfigured') throw error
    return use(parseSecret(id, schema, await read(id)))
  }
}

/** Reads once for all who ask meanwhile; a read that failed is forgotten. */
function read(id: string): Promise<string> {
  const text = fetchSecret(id)
  cache.set(id, { text, readAtMs: Date.now() })
  text.catch(() => cache.delete(id))
  return text
}

/** The secret's current text, past every cache. */
export async function fetchSecret(id: string): Promise<string> {
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }))
    if (SecretString) return SecretString
  } catch (error) {
    throw awsError(id, error)
  }
  throw misconfigured(id, 'holds no text', '没有文本内容')
}

/** The text as JSON of the schema's shape. */
export function parseSecret<Secret>(id: string, schema: v.GenericSchema<unknown, Secret>, text: string): Secret {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw misconfigured(id, 'is not JSON', '不是 JSON')
  }
  const result = v.safeParse(schema, json)
  if (result.success) return result.output
  const field = v.getDotPath(result.issues[0])
  throw misconfigured(
    id,
    field ? `has a missing or invalid field "${field}"` : 'is not a JSON object of the documented shape',
    field ? `缺少字段 "${field}" 或其值无效` : '不是文档所述形状的 JSON 对象',
  )
}

function awsError(id: string, error: unknown): OperationError {
  const { name, $metadata, $retryable } = error as {
    name: string
    $metadata?: { httpStatusCode?: number }
    $retryable?: object
  }
  if (name === 'ResourceNotFoundException') return misconfigured(id, 'does not exist', '不存在')
  // An answer in the 4xx range that is no throttle is a matter of permissions, keys or the id itself.
  const status = $metadata?.httpStatusCode ?? 0
  if (status >= 400 && status < 500 && !$retryable && !/Thrott|TooMany|RequestLimit/.test(name))
    return misconfigured(id, `could not be read (${name})`, `无法读取(${name})`)
  return new OperationError('unavailable', {
    en: `Secrets Manager did not return secret "${id}".`,
    zh: `Secrets Manager 未返回密钥 "${id}"。`,
  })
}

const misconfigured = (id: string, en: string, zh: string) => {
  const hint: Text = {
    en: `Store the documented JSON in the secret "${id}" and allow this function to read it.`,
    zh: `请将文档所述的 JSON 写入密钥 "${id}",并允许本函数读取。`,
  }
  return new OperationError('misconfigured', { en: `Secret "${id}" ${en}.`, zh: `密钥 "${id}" ${zh}。` }, { hint })
}
