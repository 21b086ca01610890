import { describe, expect, test } from 'vitest'
import { leaving } from '../../lib/leaving-event.ts'
import { issuesOf, parse } from '../../lib/schema.ts'

const fieldsOf = (detail: unknown) => issuesOf(leaving, detail).map(([field, { en }]) => `${field} ${en}`)
const of = (leaver: object) => ({ offboardingId: 'hr-1', leaver })

describe('a leaving event', () => {
  test.each([
    { email: 'leaver@corp.example' },
    { mobile: '+8613800000000' },
    { mobile: '13800000000' },
    { employeeNumber: '10023' },
    { feishu: { userId: '4f1a' } },
    { dingtalk: { unionId: 'sandboxUnionId01iE' } },
  ])('finds the leaver by %j alone', (leaver) => {
    expect(parse(leaving, of(leaver))).toEqual({ ...of(leaver), dryRun: false })
  })

  test.each([
    [{}, 'leaver names no person: give an e-mail address, a mobile, an employee number or an id'],
    [
      { feishu: { tenantKey: 'tenant' } },
      'leaver names no person: give an e-mail address, a mobile, an employee number or an id',
    ],
    [{ email: 'leaver' }, 'leaver.email must be an e-mail address'],
    [{ email: 'a b@corp.example' }, 'leaver.email must be an e-mail address'],
    [
      { mobile: '0049 123' },
      'leaver.mobile must be a number with its country code, as in +8613800000000; one of mainland China may stand without',
    ],
    [
      { employeeNumber: ' 10023' },
      'leaver.employeeNumber may not begin or end with a space, nor hold control characters',
    ],
    [
      { feishu: { openId: 'leaver@corp.example' } },
      'leaver.feishu.openId must be an open_id, which begins with ou_: no e-mail address, user_id or union_id',
    ],
  ])('with the leaver %j is refused, and says so', (leaver, issue) => {
    expect(fieldsOf(of(leaver))).toEqual([issue])
  })

  test('names every wrong field', () => {
    expect(
      fieldsOf({ leaver: { email: '' }, custodian: {}, lastDay: '2026-12-04' }).map((text) => text.split(' ')[0]),
    ).toEqual(expect.arrayContaining(['offboardingId', 'leaver.email', 'custodian', 'lastDay']))
  })
})
