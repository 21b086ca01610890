import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { TokenCache } from '../../../lib/tokens/cache.ts'

const MINUTE_MS = 60_000

function cacheAt(startMs = 0) {
  const clock = { nowMs: startMs }
  const loads: number[] = []
  const cache = new TokenCache(() => clock.nowMs)
  const load =
    (lifeMs = 120 * MINUTE_MS) =>
    async () => {
      const value = `token-${loads.push(clock.nowMs)}`
      for (let turns = 0; turns < 5; turns++) await turn()
      return { value, expiresAtMs: clock.nowMs + lifeMs }
    }
  return { cache, clock, loads, load }
}

const failing = async () => {
  throw new Error('no token')
}

describe('the token cache', () => {
  test('serves a token until 5 minutes before it expires', async () => {
    const { cache, clock, loads, load } = cacheAt()
    await cache.get('a', load())
    clock.nowMs = 115 * MINUTE_MS - 1
    expect((await cache.get('a', load())).value).toBe('token-1')
    expect(loads).toHaveLength(1)
  })

  test('within those 5 minutes the caller waits for a renewal', async () => {
    const { cache, clock, load } = cacheAt()
    await cache.get('a', load())
    clock.nowMs = 115 * MINUTE_MS
    expect((await cache.get('a', load())).value).toBe('token-2')
  })

  test('50 callers on a cold cache share one load', async () => {
    const { cache, loads, load } = cacheAt()
    const tokens = await Promise.all(Array.from({ length: 50 }, () => cache.get('a', load())))
    expect(new Set(tokens.map(({ value }) => value))).toEqual(new Set(['token-1']))
    expect(loads).toHaveLength(1)
  })

  test('keeps the tokens of two keys apart', async () => {
    const { cache, load } = cacheAt()
    const [a, b] = await Promise.all([cache.get('a', load()), cache.get('b', load())])
    expect(a.value).not.toBe(b.value)
  })

  test('a failed load is not cached', async () => {
    const { cache, load } = cacheAt()
    await expect(cache.get('a', failing)).rejects.toThrow('no token')
    expect((await cache.get('a', load())).value).toBe('token-1')
  })

  test('a token that is still valid survives a failed renewal', async () => {
    const { cache, clock, load } = cacheAt()
    await cache.get('a', load())
    clock.nowMs = 118 * MINUTE_MS
    expect((await cache.get('a', failing)).value).toBe('token-1')
  })

  test('a token that has expired does not', async () => {
    const { cache, clock, load } = cacheAt()
    await cache.get('a', load())
    clock.nowMs = 121 * MINUTE_MS
    await expect(cache.get('a', failing)).rejects.toThrow('no token')
  })

  test('a rejected token does not survive a failed renewal either', async () => {
    const { cache, load } = cacheAt()
    cache.reject('a', await cache.get('a', load()))
    await expect(cache.get('a', failing)).rejects.toThrow('no token')
  })

  test('20 rejections of one token cause one renewal', async () => {
    const { cache, loads, load } = cacheAt()
    const token = await cache.get('a', load())
    const renewed = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        // Some before, some during and some after the renewal.
        for (let turns = 0; turns < index; turns++) await turn()
        cache.reject('a', token)
        return cache.get('a', load())
      }),
    )
    expect(new Set(renewed.map(({ value }) => value))).toEqual(new Set(['token-2']))
    expect(loads).toHaveLength(2)
  })
})
