/** What must not leave this bundle, should a vendor repeat it: every secret and token that this container has seen. */

const MOST = 1_000
const known = new Set<string>()

/** Registers the values of fields whose names, as the vendors give them, mark a secret. */
export function registerSecrets(fields: object): void {
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string' && value.length >= 6 && SECRET.test(name)) known.add(value)
  for (const oldest of known) {
    if (known.size <= MOST) break
    known.delete(oldest)
  }
}

const SECRET = /(secret|ticket|token|verifier|^code)$/i

/** The text without any of them. */
export const redact = (text: string): string =>
  text === '' ? text : [...known].reduce((told, secret) => told.replaceAll(secret, '[redacted]'), text)
