/** How the vendors sign and encrypt what they push, from their pages. */
import { createCipheriv, createHash, randomBytes } from 'node:crypto'

/** A push as it goes over the wire. */
export type Sealed = { headers: Record<string, string>; query: Record<string, string>; body: string }

/** https://open.feishu.cn/document/ukTMukTMukTM/uYDNxYjL2QTM24iN0EjN/event-subscription-configure-/encrypt-key-encryption-configuration-case */
export function sealForFeishu(
  event: object,
  { encryptKey }: { encryptKey?: string },
  nowMs: number,
  { isSigned = true } = {},
): Sealed {
  const text = JSON.stringify(event)
  const plain = { headers: { 'content-type': 'application/json; charset=utf-8' }, query: {} }
  if (encryptKey === undefined) return { ...plain, body: text }
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', createHash('sha256').update(encryptKey).digest(), iv)
  const encrypt = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()]).toString('base64')
  const body = JSON.stringify({ encrypt })
  if (!isSigned) return { ...plain, body }
  const timestamp = String(Math.floor(nowMs / 1_000))
  const nonce = randomBytes(6).toString('hex')
  const headers = {
    ...plain.headers,
    'x-lark-request-timestamp': timestamp,
    'x-lark-request-nonce': nonce,
    'x-lark-signature': createHash('sha256')
      .update(timestamp + nonce + encryptKey + body)
      .digest('hex'),
  }
  return { ...plain, headers, body }
}

/** https://open.dingtalk.com/document/development/http-callback-overview */
export function sealForDingtalk(
  event: object,
  { token, aesKey, ownerKey }: { token: string; aesKey: string; ownerKey: string },
  nowMs: number,
): Sealed {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const text = Buffer.from(JSON.stringify(event))
  const size = Buffer.from([text.length >>> 24, text.length >>> 16, text.length >>> 8, text.length])
  const open = Buffer.concat([randomBytes(16), size, text, Buffer.from(ownerKey)])
  const fill = 32 - (open.length % 32)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const sealed = Buffer.concat([cipher.update(Buffer.concat([open, Buffer.alloc(fill, fill)])), cipher.final()])
  const encrypt = sealed.toString('base64')
  const timestamp = String(nowMs)
  const nonce = randomBytes(4).toString('hex')
  const sorted = [token, timestamp, nonce, encrypt].sort().join('')
  return {
    headers: { 'content-type': 'application/json' },
    query: { msg_signature: createHash('sha1').update(sorted).digest('hex'), timestamp, nonce },
    body: JSON.stringify({ encrypt }),
  }
}
