/** `offboarding list` of as many offboardings as a company has in years. */
import { expect, onTestFinished, test } from 'vitest'
import type { Sending } from '../../lib/ledger/offboardings.ts'
import { settle, startLedgerStack } from './ledger-stack.ts'
import { run } from './operator.ts'

test('of 10,000 offboardings shows some from a small page, and all of them page after page', async () => {
  const stack = await startLedgerStack()
  onTestFinished(() => stack.stop())
  await settle(stack, { offboardingId: 'done-x' })
  // An hour ago and later, each at a time of its own.
  stack.copy('done-x', 9_999, (item, index) =>
    item.includes('summary#')
      ? item
          .replaceAll('done-x', `done-${index}`)
          .replace(/("since":\{"S":")[^"]+/, `$1${new Date(Date.now() - index * 100).toISOString()}`)
      : item,
  )
  const queries = () => stack.ledger.requests.filter(({ operation }) => operation === 'Query')
  const { stdout, stderr } = await run(['list', '--local', stack.url])
  expect([stdout.trimEnd().split('\n').length, stderr]).toEqual([
    22,
    '0 need an operator, 0 open, more than 20 finished. --all shows every one.\n',
  ])
  expect(
    queries()
      .slice(-3)
      .map(({ input }) => input.Limit),
  ).toEqual([60, 60, 60])
  const before = queries().length
  const all = JSON.parse((await run(['list', '--state', 'finished', '--json', '--local', stack.url])).stdout)
  expect(new Set(all.map(({ offboardingId }: Sending) => offboardingId)).size).toBe(10_000)
  expect(queries().length - before).toBeGreaterThan(1)
  expect(stack.ledger.requests.some(({ operation }) => operation === 'Scan')).toBe(false)
})
