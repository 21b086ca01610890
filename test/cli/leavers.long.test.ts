/** `offboarding offboard --csv` with as many leavers as leave a company on one day. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { run, startLocalStack } from './operator.ts'

test('50 leavers of a file end with one report, and none is sent twice', async () => {
  const { local, stop } = await startLocalStack('--no-event')
  try {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'leavers-')), 'fifty.csv')
    const rows = Array.from({ length: 50 }, (_, index) => `hr-${index},feishu-only@corp.example`)
    writeFileSync(file, ['offboardingId,email', ...rows].join('\n'))
    const args = ['offboard', '--csv', file, '--yes', '--local', local]
    const first = await run(args)
    expect(first.stdout).toMatch(/^50 leavers: 0 ended well, 50 with something for an operator$/m)
    expect([first.code, first.stdout]).toEqual([1, expect.stringMatching(/^50 targets: 50 parked$/m)])
    const again = await run(args)
    expect(again.stderr).toMatch(/^Sent before, and not sent again: hr-0, hr-1, .* and 30 more\.\nSent 0 leavers\.\n/)
    expect(again.stdout).toMatch(/^50 targets: 50 parked$/m)
  } finally {
    await stop()
  }
}, 300_000)
