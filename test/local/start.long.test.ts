/** `npm start`, as a newcomer runs it: a process. */
import { afterAll, expect, test } from 'vitest'
import { startProcess, stopProcesses } from '../cli/operator.ts'
import { TARGETS } from '../sample-event.ts'

afterAll(stopProcesses)

test('the sample event finishes, reports every target and says that one was parked', async () => {
  const { code, stdout, stderr } = await startProcess('local/start.ts', ['--once', '--speed', '1000']).ended
  expect([code, stdout], stderr).toEqual([
    1,
    expect.stringContaining(
      `${TARGETS} targets: ${TARGETS - 6} changed, 4 unchanged, 1 parked. 1 gone: unknown to the vendor, check the id`,
    ),
  ])
  expect(stdout.split('\n').filter((line) => line.startsWith('feishu-drive-unsubscribe '))).toHaveLength(31)
  expect(stdout).toMatch(/parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx\n {2}\S/)
  expect(stderr).toMatch(/^queued {5}feishu-drive-unsubscribe: 31 items$/m)
})
