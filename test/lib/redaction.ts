/** What redaction promises, as a property of any secret, any part of it and any encodings one after the other. */
import fc from 'fast-check'
import { redact, registerSecrets } from '../../lib/redact.ts'
import { seedOf } from '../seed.ts'

type Encoding = {
  encode: (text: string) => string
  /** Undoes it wherever a text has it, and leaves the rest as it is. */
  decode: (text: string) => string
}

const hex = (char: string, length: number) => char.charCodeAt(0).toString(16).padStart(length, '0')
const each = (write: (char: string) => string) => (text: string) => [...text].map(write).join('')
const unhex = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))

const percent = {
  decode: (text: string) =>
    text.replace(/%(?:u([0-9a-f]{4})|([0-9a-f]{2}))/gi, (_, four, two) => unhex(_, four ?? two)),
}
const json = {
  decode: (text: string) =>
    text.replace(/\\u(?:([0-9a-f]{4})|\{([0-9a-f]+)\})|\\([^u])/gi, (_, four, some, char) =>
      (four ?? some) ? unhex(_, four ?? some) : char,
    ),
}
const quoted = { decode: (text: string) => text.replace(/=([0-9a-f]{2})/gi, unhex) }
const pairs = (separator: string): Encoding => ({
  encode: (text) => [...text].map((char) => hex(char, 2)).join(separator),
  decode: (text) => text.replace(new RegExp(`([0-9a-f]{2})(?:${separator})?`, 'gi'), unhex),
})
const NAMES = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos', '/': 'sol', '+': 'plus', '=': 'equals' }
const html = {
  decode: (text: string) =>
    text.replace(/&(?:#(\d+);?|#x([0-9a-f]+);?|([a-z]+);)/gi, (all, decimal, digits, name) => {
      if (decimal) return String.fromCharCode(Number(decimal))
      if (digits) return unhex(all, digits)
      return Object.entries(NAMES).find(([, known]) => known === name.toLowerCase())?.[0] ?? all
    }),
}
const base64 = (alphabet: 'base64' | 'base64url', before: string, after: string): Encoding => ({
  encode: (text) => Buffer.from(before + text + after).toString(alphabet),
  decode: (text) =>
    (text.match(/[\w+/-]+/g) ?? [])
      .flatMap((run) => [0, 1, 2, 3].map((shift) => Buffer.from(run.slice(shift), 'base64').toString('latin1')))
      .join('\n'),
})

const ENCODINGS: Record<string, Encoding> = {
  'percent, where needed': { ...percent, encode: encodeURIComponent },
  'percent, upper case': { ...percent, encode: each((char) => `%${hex(char, 2).toUpperCase()}`) },
  'percent, lower case': { ...percent, encode: each((char) => `%${hex(char, 2)}`) },
  'JSON, where needed': { ...json, encode: (text) => JSON.stringify(text).slice(1, -1) },
  'JSON, with slashes': { ...json, encode: (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/') },
  'JSON, lower case': { ...json, encode: each((char) => `\\u${hex(char, 4)}`) },
  'JSON, upper case': { ...json, encode: each((char) => `\\u${hex(char, 4).toUpperCase()}`) },
  'HTML, by name': {
    ...html,
    encode: each((char) => (char in NAMES ? `&${NAMES[char as keyof typeof NAMES]};` : char)),
  },
  'HTML, decimal': { ...html, encode: each((char) => `&#${char.charCodeAt(0)};`) },
  'HTML, hexadecimal': { ...html, encode: each((char) => `&#x${hex(char, 2)};`) },
  'HTML, without semicolons': { ...html, encode: each((char) => `&#${char.charCodeAt(0)}`) },
  'HTML, zeros before': { ...html, encode: each((char) => `&#${String(char.charCodeAt(0)).padStart(10, '0')};`) },
  'HTML, upper case': { ...html, encode: each((char) => `&#X${hex(char, 4).toUpperCase()};`) },
  'percent, of JavaScript': { ...percent, encode: each((char) => `%u${hex(char, 4)}`) },
  'JavaScript, in braces': { ...json, encode: each((char) => `\\u{${hex(char, 2)}}`) },
  'quoted-printable': { ...quoted, encode: each((char) => `=${hex(char, 2).toUpperCase()}`) },
  hexadecimal: pairs(''),
  'hexadecimal, with colons': pairs(':'),
  base64: base64('base64', '', ''),
  'base64, second offset': base64('base64', 'x', 'yz'),
  'base64, third offset': base64('base64', 'xy', '&z'),
  base64url: base64('base64url', '', ' token'),
  'base64url, second offset': base64('base64url', '\u0000', ''),
  'base64url, third offset': base64('base64url', '{"', '"}'),
}
const CASES: Record<string, Encoding> = {
  'as it is': { encode: (text) => text, decode: (text) => text },
  'upper case': { encode: (text) => text.toUpperCase(), decode: (text) => text },
  'lower case': { encode: (text) => text.toLowerCase(), decode: (text) => text },
}

const text = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength })
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BASE64URL = `${LETTERS}0123456789-_`
const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('')

const secrets = fc.oneof(
  text(BASE64URL, 12, 80),
  text('0123456789abcdef', 32, 64),
  text(`${BASE64URL}+/=.%&\\"'<>`, 12, 60),
  text(PRINTABLE, 12, 60),
  text(PRINTABLE, 6, 11),
  text(BASE64URL, 40, 90).map((rest) => `eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.${rest}`),
)
/** What may stand beside it: at once, or a word away. */
const beside = fc.constantFrom('', ' ', 'invalid token ', '"', '无效的令牌：', '不合法。', 'id=', '.', ', code 4711')

const one = fc.constantFrom(...Object.keys(ENCODINGS))
const few = fc.array(one, { maxLength: 2 })
const three = fc.array(one, { minLength: 3, maxLength: 3 })

/** What a vendor may make of a secret: twelve or more of its characters, encoded, with something beside them. */
export const distortions = fc
  .record({
    start: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.oneof(fc.constant(12), fc.integer({ min: 12, max: 90 })),
    letters: fc.constantFrom(...Object.keys(CASES)),
    others: fc.oneof({ weight: 20, arbitrary: few }, { weight: 1, arbitrary: three }),
    before: beside,
    after: beside,
  })
  .map(({ start, length, letters, others, before, after }) => {
    const encodings = [CASES[letters], ...others.map((name) => ENCODINGS[name])] as Encoding[]
    return {
      encodings,
      distort(secret: string) {
        const from = Math.floor(start * Math.max(0, secret.length - 12))
        const part = secret.slice(from, from + length)
        return before + encodings.reduce((written, { encode }) => encode(written), part) + after
      },
    }
  })

/** A secret, and what a vendor makes of it. */
export const leaks = fc
  .tuple(secrets, distortions)
  .map(([secret, { encodings, distort }]) => ({ secret, encodings, told: distort(secret) }))

/** The parts of the secret that whoever knows the encodings reads in a text: twelve characters, or all of a shorter one. */
export function readable(secret: string, encodings: Encoding[], told: string): string[] {
  const length = Math.min(12, secret.length)
  const read = encodings.reduceRight((decoded, { decode }) => decode(decoded), told).toLowerCase()
  const parts = Array.from({ length: secret.length - length + 1 }, (_, at) => secret.slice(at, at + length))
  return parts.filter((part) => read.includes(part.toLowerCase()))
}

/** Fails when a part of a secret gets out of some text. */
export function assertNothingGetsOut(numRuns: number): void {
  fc.assert(
    fc.property(leaks, ({ secret, told, encodings }) => {
      registerSecrets({ accessToken: secret })
      const left = readable(secret, encodings, redact(told))
      if (left.length > 0) throw new Error(`left: ${left.join(' ')} in ${redact(told)}`)
    }),
    { numRuns, seed: seedOf() },
  )
}
