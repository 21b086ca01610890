/**
 * What DingTalk pushes to a URL: whether it is DingTalk's, what it says, and the answer that it wants.
 * https://open.dingtalk.com/document/development/http-callback-overview
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { isSame, type Push, parseObject, Refusal } from './push.ts'

const setting = v.pipe(v.string(), v.minLength(1))

/**
 * The app's settings for pushes. `aesKey`: 43 characters, a key of 32 bytes in Base64 without its padding. `ownerKey`: whose pushes
 * are taken. Of an internal app that is the AppKey, or the CorpId where the callback was registered by an API call; of a third-party
 * app the suiteKey.
 */
export const dingtalkCallbackSecret = v.strictObject({
  token: setting,
  aesKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}$/)),
  ownerKey: setting,
})
export type DingtalkCallbackSecret = v.InferOutput<typeof dingtalkCallbackSecret>

/** Encrypted text with what proves it, as DingTalk writes it in an answer. */
export type Sealed = { msg_signature: string; timeStamp: string; nonce: string; encrypt: string }

/** 16 random bytes, the length in 4 bytes, the text, the owner's key, and padding to a multiple of 32 bytes. */
const RANDOM_BYTES = 16
const LENGTH_BYTES = 4
const BLOCK_BYTES = 32
/** Not encrypted, but the initialization vector: the key's first bytes. */
const IV_BYTES = 16

/** Returns the event that was pushed. Throws `Refusal` for what is not this app's; nothing is decrypted before its signature fits. */
export function openDingtalkPush(
  { query, body }: Pick<Push, 'query' | 'body'>,
  secret: DingtalkCallbackSecret,
): Record<string, unknown> {
  const { timestamp = '', nonce = '', msg_signature, signature = msg_signature } = query
  const { encrypt } = parseObject(body)
  if (typeof encrypt !== 'string') throw new Refusal(400, 'shape')
  if (!isSame(sign(secret.token, timestamp, nonce, encrypt), signature?.toLowerCase()))
    throw new Refusal(401, 'signature')
  return parseObject(decrypt(encrypt, secret))
}

/** Encrypts and signs an answer. `timestamp` in epoch milliseconds. */
export function sealDingtalkAnswer(
  text: string,
  secret: DingtalkCallbackSecret,
  { timestamp, nonce = randomBytes(8).toString('hex') }: { timestamp: number; nonce?: string },
): Sealed {
  const timeStamp = String(timestamp)
  const encrypt = encryptText(text, secret)
  return { msg_signature: sign(secret.token, timeStamp, nonce, encrypt), timeStamp, nonce, encrypt }
}

/** SHA-1 of the four texts in alphabetical order; hexadecimal. */
const sign = (...texts: string[]): string => createHash('sha1').update(texts.sort().join('')).digest('hex')

function decrypt(encrypted: string, { aesKey, ownerKey }: DingtalkCallbackSecret): string {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, IV_BYTES)).setAutoPadding(false)
  let padded: Buffer
  try {
    padded = Buffer.concat([decipher.update(Buffer.from(encrypted, 'base64')), decipher.final()])
  } catch {
    throw new Refusal(401, 'encryption')
  }
  const padding = padded.at(-1) ?? 0
  const from = RANDOM_BYTES + LENGTH_BYTES
  const end = padded.length - padding
  if (padding < 1 || padding > BLOCK_BYTES || end < from) throw new Refusal(401, 'encryption')
  const to = from + padded.readUInt32BE(RANDOM_BYTES)
  if (to > end) throw new Refusal(401, 'encryption')
  if (!isSame(ownerKey, padded.toString('utf8', to, end))) throw new Refusal(401, 'owner')
  return padded.toString('utf8', from, to)
}

function encryptText(text: string, { aesKey, ownerKey }: DingtalkCallbackSecret): string {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(bytes.length)
  const plain = Buffer.concat([randomBytes(RANDOM_BYTES), length, bytes, Buffer.from(ownerKey)])
  const padding = BLOCK_BYTES - (plain.length % BLOCK_BYTES)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, IV_BYTES)).setAutoPadding(false)
  return Buffer.concat([cipher.update(plain), cipher.update(Buffer.alloc(padding, padding)), cipher.final()]).toString(
    'base64',
  )
}
