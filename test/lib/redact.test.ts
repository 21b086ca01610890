/** Redaction by itself; what gets out of the functions and commands is in test/functions and test/cli. */
import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { seedOf } from '../seed.ts'

const { assertNothingGetsOut, leaks, readable } = await import('./redaction.ts')

const SECRET = 'u-7fK2mQ9xRt4WzB1nLc8vYd3s'

test('of any secret, no twelve characters get out in any of the encodings or up to three of them', () => {
  assertNothingGetsOut(2_500)
})

test('the property sees what is left as it is', () => {
  const isSeen = fc.property(leaks, ({ secret, told, encodings }) => readable(secret, encodings, told).length > 0)
  fc.assert(isSeen, { seed: seedOf() })
})

describe('of what it knows', () => {
  let lib: typeof import('../../lib/redact.ts')
  beforeAll(async () => {
    vi.resetModules()
    lib = await import('../../lib/redact.ts')
    lib.registerSecrets({ access_token: SECRET, code: 'aB3dE6g', user_id: 'one-that-is-no-secret' })
  })

  test.each([
    [`your token ${SECRET} is invalid`, 'your token [redacted] is invalid'],
    [`${SECRET}${SECRET}`, '[redacted]'],
    [`twice: ${SECRET} and ${SECRET}.`, 'twice: [redacted] and [redacted].'],
    [SECRET.slice(5, 17), '[redacted]'],
    [SECRET.slice(5, 16), SECRET.slice(5, 16)],
    ['code aB3dE6g is used', 'code [redacted] is used'],
    ['code aB3dE6 is used', 'code aB3dE6 is used'],
    [`%22${encodeURIComponent(`"${SECRET}"`)}%22`, '%22%22[redacted]%22%22'],
    [`&quot;${Buffer.from(SECRET).toString('base64').replace('=', '')}&quot;`, '&quot;[redacted]&quot;'],
    ['one-that-is-no-secret', 'one-that-is-no-secret'],
    ['', ''],
  ])('%s becomes %s', (given, told) => {
    expect(lib.redact(given)).toBe(told)
  })

  test('a text is cut after that, and control characters hide nothing', () => {
    const hidden = [...SECRET].join('\u0000')
    expect(lib.quote(`${'x'.repeat(290)} ${SECRET} and more`, 300)).toBe(`${'x'.repeat(290)} [redacted`)
    expect(lib.quote(`your token ${hidden}`, 300)).toBe('your token [redacted]')
  })

  test.each([
    '20230214175123010225155137072C0B71',
    '02170689123456700000000000000000000ffffac1402a5e1b2c3',
    '6F9619FF-8B86-D011-B42D-00CF4FC964FF',
    '15r5xxb3zk8tm',
    'Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi',
    '99991663',
  ])('%s is an id or code', (given) => {
    expect(lib.quoteId(given)).toBe(given)
  })

  test.each(['', 'two words', '<b>', 'a/b', '请求', 'x'.repeat(65), `id-${SECRET}`, `${SECRET.slice(3, 15)}.1`])(
    '%s is none',
    (given) => {
      expect(lib.quoteId(given)).toBeNull()
    },
  )

  test('innocent texts stay as they are', () => {
    const words = [
      'permission',
      'denied',
      '权限不足',
      'scope',
      'calendar:calendar',
      'ou_7d8a6e6df7621556ce0d21922b676706',
    ]
    const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.uuid()), { maxLength: 20 })
    const isLeft = fc.property(text, (parts) => lib.redact(parts.join(' ')) === parts.join(' '))
    fc.assert(isLeft, { seed: seedOf(), numRuns: 300 })
  })
})

test('an app is never forgotten, nor what is used again; the rest goes by age', async () => {
  vi.resetModules()
  const { redact, registerSecrets } = await import('../../lib/redact.ts')
  const tokenOf = (user: number) => `token-of-${user}-${String(user * 7_919).padStart(12, '0')}`
  const used = 'r-4kT9pWq2ZxN7vB5mHc1s'
  const unused = 'r-9yGd3LfJ6uE8oCa0RkXi'
  registerSecrets({ appSecret: SECRET }, { isApp: true })
  registerSecrets({ refresh_token: unused })
  registerSecrets({ refresh_token: used })
  for (let user = 0; user < 1_500; user++) {
    registerSecrets({ accessToken: tokenOf(user) })
    if (user === 900) registerSecrets({ refresh_token: used })
  }
  expect([SECRET, used, unused, tokenOf(1_499)].map(redact)).toEqual(['[redacted]', '[redacted]', unused, '[redacted]'])
})
