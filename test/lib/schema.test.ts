import { expect, test } from 'vitest'
import { printable } from '../../lib/schema.ts'

test.each([
  ['a\u0000b\u202ec\u2028d', 100, 'abcd'],
  ['abc', 2, 'ab'],
  ['ab😀', 4, 'ab😀'],
  ['ab😀', 3, 'ab'],
])('text from outside %j is printable', (text, length, shown) => {
  expect(printable(text, length)).toBe(shown)
})
