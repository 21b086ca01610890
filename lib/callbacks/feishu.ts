/**
 * What Feishu pushes to a URL: whether it is Feishu's, and what it says.
 * https://open.feishu.cn/document/ukTMukTMukTM/uYDNxYjL2QTM24iN0EjN/event-subscription-configure-/encrypt-key-encryption-configuration-case
 */
import { createDecipheriv, createHash } from 'node:crypto'
import * as v from 'valibot'
import { isSame, type Push, parseObject, Refusal } from './push.ts'

const setting = v.pipe(v.string(), v.minLength(1))

/** The app's settings for pushes. Without an Encrypt Key they are neither encrypted nor signed: the token alone is the proof. */
export const feishuCallbackSecret = v.strictObject({ verificationToken: setting, encryptKey: v.optional(setting) })
export type FeishuCallbackSecret = v.InferOutput<typeof feishuCallbackSecret>

const TIMESTAMP = 'x-lark-request-timestamp'
const NONCE = 'x-lark-request-nonce'
const SIGNATURE = 'x-lark-signature'

/**
 * The question by which Feishu verifies a URL has no signature, and is short. What is answered back is plain characters: blocks of
 * another push, put into a captured question, decrypt to others.
 */
const QUESTION_BYTES = 4_096
const question = v.object({
  type: v.literal('url_verification'),
  challenge: v.pipe(v.string(), v.regex(/^[\w+/=.-]{1,200}$/)),
  token: v.string(),
})

/**
 * Returns what was pushed: the question by which Feishu verifies a URL, or an event. Throws `Refusal` for what is not this app's.
 * Where there is an Encrypt Key, nothing but that question is read without a signature that fits.
 */
export function openFeishuPush(
  push: Pick<Push, 'headers' | 'body'>,
  { verificationToken, encryptKey }: FeishuCallbackSecret,
): { challenge: string } | { event: Record<string, unknown> } {
  const isProved = encryptKey === undefined || isSigned(push, encryptKey)
  if (!isProved && push.body.length > QUESTION_BYTES) throw new Refusal(401, 'signature')
  const sent = parseObject(push.body)
  const plain = encryptKey === undefined ? sent : decrypt(sent.encrypt, encryptKey)
  const asked = v.safeParse(question, plain)
  if (!asked.success && !isProved) throw new Refusal(401, 'signature')
  const { header, token } = plain as { header?: { token?: unknown }; token?: unknown }
  if (!isSame(verificationToken, header?.token ?? token)) throw new Refusal(401, 'token')
  return asked.success ? { challenge: asked.output.challenge } : { event: plain }
}

/** SHA-256 of two headers exactly as received, the key, and the bytes of the body; hexadecimal. */
function isSigned({ headers, body }: Pick<Push, 'headers' | 'body'>, encryptKey: string): boolean {
  const hash = createHash('sha256').update(`${headers[TIMESTAMP] ?? ''}${headers[NONCE] ?? ''}${encryptKey}`)
  return isSame(hash.update(body).digest('hex'), headers[SIGNATURE]?.toLowerCase())
}

const IV_BYTES = 16

function decrypt(encrypted: unknown, encryptKey: string): Record<string, unknown> {
  if (typeof encrypted !== 'string') throw new Refusal(400, 'shape')
  const bytes = Buffer.from(encrypted, 'base64')
  const key = createHash('sha256').update(encryptKey).digest()
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, bytes.subarray(0, IV_BYTES))
    return parseObject(Buffer.concat([decipher.update(bytes.subarray(IV_BYTES)), decipher.final()]))
  } catch {
    throw new Refusal(401, 'encryption')
  }
}
