import { describe, expect, it, test } from 'vitest'
import { ACCEPTED, judge, parseReport } from '../../scripts/findings.ts'

const finding = (check: string, resource: string) => ({ check, name: 'Ensure it', resource })
const accepted = [{ check: 'CKV_1', resources: /^AWS::SQS::Queue\./, reason: 'Because.' }]

describe('judge', () => {
  it('says nothing where each finding is accepted and each entry is needed', () => {
    const findings = [finding('CKV_1', 'AWS::SQS::Queue.A'), finding('CKV_1', 'AWS::SQS::Queue.B')]
    expect(judge(findings, accepted)).toEqual([])
  })

  it.each([
    ['another check', finding('CKV_2', 'AWS::SQS::Queue.A')],
    ['another resource', finding('CKV_1', 'AWS::S3::Bucket.A')],
  ])('names a finding that nothing accepts: %s', (_, open) => {
    const needed = finding('CKV_1', 'AWS::SQS::Queue.A')
    expect(judge([needed, open], accepted)).toEqual([`${open.check} ${open.resource}: Ensure it`])
  })

  it('names an entry that accepts nothing any more', () => {
    expect(judge([], accepted)).toEqual([
      'CKV_1 is accepted for /^AWS::SQS::Queue\\./ but found nowhere: remove it from the list',
    ])
  })
})

describe('parseReport', () => {
  const results = {
    failed_checks: [{ check_id: 'CKV_1', check_name: 'Ensure it', resource: 'AWS::SQS::Queue.A' }],
    parsing_errors: [] as string[],
  }
  const summary = { passed: 3, resource_count: 2 }

  it('reads the checks that failed', () => {
    expect(parseReport(JSON.stringify({ results, summary }))).toEqual({
      findings: [finding('CKV_1', 'AWS::SQS::Queue.A')],
      passed: 3,
    })
  })

  it.each([
    // What checkov prints when it knew none of the files.
    ['nothing scanned', { passed: 0, failed: 0, skipped: 0, parsing_errors: 0, resource_count: 0 }],
    ['no resources', { results, summary: { ...summary, resource_count: 0 } }],
    ['a file it could not read', { results: { ...results, parsing_errors: ['/default.json'] }, summary }],
  ])('refuses %s', (_, report) => {
    expect(() => parseReport(JSON.stringify(report))).toThrow('checkov did not scan the templates')
  })
})

test('every accepted finding has a reason of its own, in one sentence', () => {
  for (const { check, reason } of ACCEPTED)
    expect([check, reason]).toEqual([check, expect.stringMatching(/^[A-Z].{40,}\.$/)])
  expect(new Set(ACCEPTED.map(({ reason }) => reason)).size).toBe(ACCEPTED.length)
})
