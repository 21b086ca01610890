/**
 * What must not leave this bundle, should a vendor repeat it: the secrets and tokens that this container has seen, whole or
 * twelve characters of them in a row, as they are or encoded.
 *
 * Of each secret every seventh run of six characters is indexed, so that any twelve in a row hold one of those. A text is
 * looked through as it is and as each way to undo an encoding leaves it.
 */
import { printable } from './schema.ts'

/** Characters in a row that may not get out; of a shorter secret all. */
const SHORTEST_RUN = 12
const GRAM = 6
const STEP = SHORTEST_RUN - GRAM + 1

/** Secrets kept beside those of apps; whichever was used longest ago goes first. */
const MOST = 1_000
const lasting = new Set<string>()
const recent = new Set<string>()

/** Where runs of six characters are in secrets, by their hash. */
const index = new Map<number, { secret: string; at: number }[]>()

/**
 * Registers the values of fields whose names, as the vendors give them, mark a secret. Those of an app are never forgotten;
 * of the others the thousand that were registered last are known, again or for the first time.
 */
export function registerSecrets(fields: object, { isApp = false } = {}): void {
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string' && value.length >= GRAM && SECRET.test(name) && !lasting.has(value)) {
      if (!recent.delete(value)) addToIndex(value)
      ;(isApp ? lasting : recent).add(value)
    }
  for (const oldest of recent) {
    if (recent.size <= MOST) break
    recent.delete(oldest)
    removeFromIndex(oldest)
  }
}

const SECRET = /(secret|ticket|token|verifier|^code)$/i

function addToIndex(secret: string): void {
  for (let at = 0; at + GRAM <= secret.length; at += STEP) {
    const hash = hashAt(secret, at)
    const places = index.get(hash)
    if (places) places.push({ secret, at })
    else index.set(hash, [{ secret, at }])
  }
}

function removeFromIndex(secret: string): void {
  for (let at = 0; at + GRAM <= secret.length; at += STEP) {
    const hash = hashAt(secret, at)
    const places = index.get(hash) ?? []
    places.splice(
      places.findIndex((place) => place.secret === secret),
      1,
    )
    if (places.length === 0) index.delete(hash)
  }
}

/** The same for letters of either case. */
const codeAt = (text: string, at: number) => text.charCodeAt(at) | 0x20

function hashAt(text: string, at: number): number {
  let hash = 0
  for (let next = at; next < at + GRAM; next++) hash = (Math.imul(hash, 0x01000193) + codeAt(text, next)) | 0
  return hash
}

/** How far the encodings that a text went through are undone, one after the other. */
const DEPTH = 3

/** A part of a text, from its first character to the one behind its last. */
type Range = [start: number, end: number]

/** The text with `[redacted]` in place of what is of a secret. */
export function redact(text: string): string {
  const found: Range[] = []
  if (index.size > 0) search({ text, originOf: (at) => at }, DEPTH, found)
  let told = ''
  let end = 0
  for (const [from, to] of found.sort(([a], [b]) => a - b)) {
    if (from > end || told === '') told += `${text.slice(end, from)}[redacted]`
    end = Math.max(end, to)
  }
  return told + text.slice(end)
}

/** Whether a part of a secret is in the text, as it is or encoded. */
export const holdsSecret = (text: string): boolean => redact(text) !== text

/** No more of a vendor's text is looked at. */
const LONGEST = 1_024

/** A vendor's text, fit to be repeated: without secrets, printable, and after that cut to `length` characters. */
export const quote = (text: string, length?: number): string => printable(redact(printable(text, LONGEST)), length)

/** A vendor's id or code, or null where it is longer than 64 characters, has others than such have, or holds a secret. */
export const quoteId = (id: string): string | null => (/^[\w.:-]{1,64}$/.test(id) && !holdsSecret(id) ? id : null)

/** A text, or what an encoding that is undone leaves, and where in the original a place of it is, rounded down or up. */
type View = { text: string; originOf: (at: number, round: (place: number) => number) => number }

function search(view: View, depth: number, found: Range[]): void {
  const { text, originOf } = view
  for (let at = 0; at + GRAM <= text.length; ) {
    const range = secretAt(text, at)
    if (range) found.push([originOf(range[0], Math.floor), originOf(range[1], Math.ceil)])
    at = range ? range[1] : at + 1
  }
  if (depth > 0) for (const inner of decode(view)) search(inner, depth - 1, found)
}

/** The longest part of a secret around the run of six characters at `at`, if it is long enough. */
function secretAt(text: string, at: number): Range | undefined {
  const places = index.get(hashAt(text, at))
  if (!places) return undefined
  let longest: Range | undefined
  for (const { secret, at: place } of places) {
    let before = 0
    while (before < Math.min(at, place) && codeAt(text, at - before - 1) === codeAt(secret, place - before - 1))
      before++
    let after = 0
    const most = Math.min(text.length - at, secret.length - place)
    while (after < most && codeAt(text, at + after) === codeAt(secret, place + after)) after++
    if (after < GRAM || before + after < Math.min(SHORTEST_RUN, secret.length)) continue
    if (!longest || at + after > longest[1]) longest = [Math.min(at - before, longest?.[0] ?? at), at + after]
  }
  return longest
}

/** What the text may stand for, for each encoding that it may have. */
function* decode({ text, originOf }: View): Generator<View> {
  for (const { isIn, pieces, read } of ESCAPES) {
    if (!isIn.test(text)) continue
    const parts = text.match(pieces) ?? []
    const starts = [0]
    for (const part of parts) starts.push((starts.at(-1) ?? 0) + part.length)
    const decoded = parts.map((part) => (part.length > 1 ? String.fromCharCode(read(part)) : part)).join('')
    yield { text: decoded, originOf: (at, round) => originOf(starts[at] ?? text.length, round) }
  }
  for (const { 0: run, index: start } of text.matchAll(HEX))
    for (let shift = 0; shift < 2; shift++) {
      const pairs = [...run.slice(shift).matchAll(HEX_PAIR)]
      const placeOf = (at: number) => start + shift + (pairs[at]?.index ?? run.length - shift)
      const decoded = Buffer.from(pairs.join(''), 'hex').toString('latin1')
      if (HAS_GRAM.test(decoded)) yield { text: decoded, originOf: (at, round) => originOf(placeOf(at), round) }
    }
  for (const { 0: run, index: start } of text.matchAll(BASE64))
    for (let shift = 0; shift < 4; shift++) {
      const decoded = Buffer.from(run.slice(shift), 'base64').toString('latin1')
      if (HAS_GRAM.test(decoded))
        yield { text: decoded, originOf: (at, round) => originOf(start + shift + round((at * 4) / 3), round) }
    }
}

/** Two digits for each character, at once or with something between. */
const HEX = /[0-9a-f]{2}(?:[ :-]?[0-9a-f]{2}){5,}[0-9a-f]?/gi
const HEX_PAIR = /[0-9a-f]{2}/gi
/** Of either alphabet, and no shorter than six characters become. */
const BASE64 = /[\w+/-]{8,}/g
const HAS_GRAM = /[!-~]{6}/

/** An encoding that writes a character as a longer sequence. */
const escaping = (sequence: string, read: (part: string) => number) => ({
  isIn: new RegExp(sequence, 'i'),
  pieces: new RegExp(`${sequence}|[^]`, 'gi'),
  read,
})

/** ASCII's characters that HTML has names for. https://html.spec.whatwg.org/multipage/named-characters.html */
const NAMES: Record<string, string> = Object.fromEntries(
  (
    'amp& lt< gt> quot" apos\' excl! num# dollar$ percnt% lpar( rpar) ast* midast* plus+ comma, period. sol/ colon: semi; ' +
    'equals= quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] hat^ lowbar_ underbar_ grave` diacriticalgrave` lcub{ ' +
    'lbrace{ rcub} rbrace} verbar| vert| verticalline|'
  )
    .split(' ')
    .map((pair) => [pair.slice(0, -1), pair.slice(-1)]),
)
const ESCAPES = [
  // Percent-encoding, also that of JavaScript's escape().
  escaping('%(?:u[0-9a-f]{4}|[0-9a-f]{2})', (part) => Number.parseInt(part.replace(/%u?/i, ''), 16)),
  // JSON and JavaScript.
  escaping('\\\\(?:u[0-9a-f]{4}|u\\{[0-9a-f]{1,6}\\}|x[0-9a-f]{2}|[^a-z0-9])', (part) =>
    part.length > 2 ? Number.parseInt(part.replace(/[^0-9a-f]/gi, ''), 16) : part.charCodeAt(1),
  ),
  // Quoted-printable.
  escaping('=[0-9a-f]{2}', (part) => Number.parseInt(part.slice(1), 16)),
  // HTML, in which a number may stand without its semicolon.
  escaping('&(?:#\\d{1,16};?|#x[0-9a-f]{1,16};?|[a-z]{2,16};)', (part) => {
    const name = part.slice(1).replace(';', '').toLowerCase()
    if (name[0] !== '#') return (NAMES[name] ?? '\0').charCodeAt(0)
    return name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  }),
]
