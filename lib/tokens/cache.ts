/**
 * Access tokens, cached for the life of a container.
 *
 * - A token is served until 5 minutes before it expires.
 * - Within those 5 minutes, and after, the caller waits for a renewal: a frozen container runs nothing in the background.
 * - Callers that need the same token at once share one load.
 * - A load that fails is never cached; the next caller tries again.
 * - A token that is still valid survives a failed renewal.
 * - `reject` drops a token only while it is the one in the cache, so many rejections of one token cause one renewal.
 * - A rejection counts for 5 minutes: where there is no other token, the same one may be accepted later.
 */

/** `expiresAtMs` is epoch milliseconds. */
export type Token = { value: string; expiresAtMs: number }

/** A token is renewed when it ends within this time. Milliseconds. */
export const EARLY_MS = 5 * 60_000
/** A token that ends within this time could end on its way to the vendor, so it is no fallback. Milliseconds. */
export const LAST_USE_MS = 10_000

/** How long a rejection counts. Milliseconds. */
export const REJECTED_MS = 5 * 60_000

type Entry = { token?: Token | undefined; loading?: Promise<Token> | undefined; rejected?: Token | undefined }

export class TokenCache {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /**
   * The token for `key`, from the cache or from `load`, which is told what the vendor rejected last. `key` names vendor,
   * app and tenant or user.
   */
  async get(key: string, load: (rejected: string | undefined) => Promise<Token>): Promise<Token> {
    const entry = this.#entries.get(key) ?? {}
    this.#entries.set(key, entry)
    if (entry.token && this.#now() < entry.token.expiresAtMs - EARLY_MS) return entry.token
    const { value, expiresAtMs = 0 } = entry.rejected ?? {}
    entry.loading ??= load(this.#now() < expiresAtMs ? value : undefined).finally(() => {
      entry.loading = undefined
    })
    try {
      entry.token = await entry.loading
      return entry.token
    } catch (error) {
      if (entry.token && this.#now() < entry.token.expiresAtMs - LAST_USE_MS) return entry.token
      throw error
    }
  }

  /** The vendor refused `token`: the next `get` loads another. */
  reject(key: string, token: Token): void {
    const entry = this.#entries.get(key)
    if (entry?.token?.value !== token.value) return
    entry.rejected = { value: token.value, expiresAtMs: this.#now() + REJECTED_MS }
    entry.token = undefined
  }
}
