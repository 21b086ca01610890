/** `offboarding smoke`, its options. What it does on a stage is tested in test/e2e/stages.e2e.ts. */
import { expect, test } from 'vitest'
import { run } from './operator.ts'

const smoke = (...args: string[]) =>
  run(['smoke', ...args], { env: { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' } })

test('a wrong option is one clear line and exit code 2', async () => {
  const { code, stdout, stderr } = await smoke('--bogus')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toBe('offboarding smoke: unknown option \'--bogus\'\nRun "npx offboarding smoke --help" for usage.\n')
})

test.each([
  ['--stage', '../x'],
  ['--stage', ''],
  ['--region', 'nowhere'],
  ['--param', 'nosuch'],
])('%s "%s" is refused before anything is called', async (option, value) => {
  const { code, stdout, stderr } = await smoke(...(option === '--stage' ? [] : ['--stage', 'dev']), option, value)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(`offboarding smoke: ${option} must be`)
})

test('missing credentials are one line, not one for each operation', async () => {
  expect(await smoke('--stage', 'dev')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'offboarding smoke: no AWS credentials found: set AWS_PROFILE, or log in to AWS first\n',
  })
})

test('--help shows the options, an example and that a token may be renewed', async () => {
  const { code, stdout } = await smoke('--help')
  expect(code).toBe(0)
  expect(stdout).toContain('npx offboarding smoke --stage prod --open-id ou_custodian')
  expect(stdout).toMatch(/changes no\s+subscription[\s\S]*renewed and stored/)
})
