import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { operation as aclSubscribe } from '../../functions/feishu-calendar-acl-subscribe.ts'
import { operation as driveUnsubscribe } from '../../functions/feishu-drive-unsubscribe.ts'
import { FILE_TYPES } from '../../lib/feishu/drive-file.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { parse } from '../../lib/schema.ts'
import { urlOf } from '../../lib/vendor/vendor-call.ts'
import { seedOf } from '../seed.ts'

fc.configureGlobal({ seed: seedOf() })
process.env.FEISHU_BASE_URL = 'https://open.feishu.cn'

const problemOf = (schema: v.GenericSchema, value: unknown) => {
  try {
    parse(schema, value)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('an id in the path', () => {
  const calendar = (calendar_id: string) => ({ calendar_id, open_id: 'ou_1' })

  test.each([
    '../x',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'a%2fb',
    '.',
    '..',
    '',
    'a b',
    'a\nb',
    'a\u0000b',
    'a\u200bb',
    '\ud800',
    'a\uffffb',
    'x'.repeat(257),
  ])('may not be %j', (id) => {
    expect(problemOf(aclSubscribe.input, calendar(id))).toMatch(/^calendar_id /)
  })

  test('is never repeated in the problem', () => {
    expect(problemOf(aclSubscribe.input, calendar('eyJ-a-pasted/token'))).not.toContain('pasted')
  })

  test('whatever is accepted is one segment of the same path', () => {
    // As `unit: 'binary'` draws them, for which fast-check first makes a table of all 1.1 million.
    const character = fc
      .integer({ min: 0, max: 0x10f7ff })
      .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(character).map((characters) => characters.join('')),
      fc.constantFrom('.', '%2e', '…'),
    )
    fc.assert(
      fc.property(text, (id) => {
        if (!v.is(aclSubscribe.input, calendar(id))) return
        const { pathname, search, hash } = new URL(urlOf(aclSubscribe, calendar(id)))
        const segments = pathname.split('/')
        expect([segments.length, decodeURIComponent(segments[5] ?? ''), search + hash]).toEqual([8, id, ''])
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("a document's event type", () => {
  const file = (file_type: string, event_type?: string) => ({
    file_token: 'f',
    file_type,
    ...(event_type && { event_type }),
  })

  test('is required for a folder', () => {
    expect(problemOf(driveUnsubscribe.input, file('folder'))).toMatch(/^event_type must be file.created_in_folder_v1/)
    expect(problemOf(driveUnsubscribe.input, file('folder', 'file.created_in_folder_v1'))).toBe('accepted')
  })

  test.each(FILE_TYPES.filter((type) => type !== 'folder'))('must not be sent for %s', (type) => {
    expect(problemOf(driveUnsubscribe.input, file(type))).toBe('accepted')
    expect(problemOf(driveUnsubscribe.input, file(type, 'file.created_in_folder_v1'))).toMatch(/^event_type /)
  })

  test('travels in the query', () => {
    expect(
      urlOf(driveUnsubscribe, { file_token: 't', file_type: 'folder', event_type: 'file.created_in_folder_v1' }),
    ).toBe(
      'https://open.feishu.cn/open-apis/drive/v1/files/t/delete_subscribe?file_type=folder&event_type=file.created_in_folder_v1',
    )
  })
})

describe('the offboarding event', () => {
  const event = (detail: object) => ({ offboardingId: 'o1', ...detail })
  const file = { fileToken: 't', fileType: 'docx' }

  test.each([
    ['no target', event({}), 'selects nothing'],
    ['only empty lists', event({ feishu: { approvalCodes: [], files: [] } }), 'selects nothing'],
    ['calendar: false alone', event({ feishu: { openId: 'ou_1', calendar: false } }), 'selects nothing'],
    ['no offboardingId', { feishu: { approvalCodes: ['a'] } }, 'offboardingId is required'],
    [
      'an unknown field',
      event({ feishu: { approvalCodes: ['a'], approvalCode: 'b' } }),
      'feishu.approvalCode is not a known field',
    ],
    ['a wrong type', event({ dryRun: 'false', feishu: { approvalCodes: ['a'] } }), 'dryRun must be true or false'],
    [
      'calendar without openId',
      event({ feishu: { calendar: true } }),
      'feishu.openId is required when calendar is true',
    ],
    ['a file without type', event({ feishu: { files: [{ fileToken: 't' }] } }), 'feishu.files[0].fileType is required'],
    [
      'a folder without event type',
      event({ feishu: { files: [file, { ...file, fileType: 'folder' }] } }),
      'feishu.files[1].eventType must be',
    ],
    [
      'an id that alters the path',
      event({ feishu: { approvalCodes: ['a/b'] } }),
      'feishu.approvalCodes[0] may not hold',
    ],
    [
      'a custodian missing',
      event({ feishu: { calendarAcls: { calendarIds: ['c'] } } }),
      'feishu.calendarAcls.openId is required',
    ],
    ['a user missing', event({ dingtalk: { calendarIds: ['c'] } }), 'dingtalk.unionId is required'],
    ['no object at all', null, 'input must be an object'],
    [
      'a list for an object',
      event({ feishu: [], dingtalk: { unionId: 'u', calendarIds: ['c'] } }),
      'feishu must be an object',
    ],
  ])('with %s is invalid', (_, detail, problem) => {
    expect(problemOf(offboarding, detail)).toContain(problem)
  })

  test('may say null for what a file does not have', () => {
    expect(problemOf(offboarding, event({ feishu: { files: [{ ...file, eventType: null, openId: null }] } }))).toBe(
      'accepted',
    )
  })

  test('with thousands of wrong items is refused without looking each up among all others', () => {
    const searched = vi.spyOn(Array.prototype, 'includes')
    onTestFinished(() => searched.mockRestore())
    const problem = problemOf(offboarding, event({ feishu: { files: Array(3_000).fill({}), calendar: true } }))
    expect(problem).toContain('feishu.files[0].fileToken is required')
    expect(searched.mock.contexts.filter((list) => (list as unknown[]).length > 1_000)).toEqual([])
  })

  test('is never half-parsed: anything either is valid or names a field', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (detail) => {
        const problem = problemOf(offboarding, detail)
        expect(problem).not.toBe('')
        expect(problem === 'accepted').toBe(v.is(offboarding, detail))
      }),
    )
  })
})
