/** `npm run smoke`, its options. What it does on a stage is tested in test/e2e/stages.e2e.ts. */
import { execFile } from 'node:child_process'
import { expect, test } from 'vitest'

const smoke = (...args: string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const nobody = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))
    const env = { ...Object.fromEntries(nobody), HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' }
    execFile(process.execPath, ['cli/smoke.ts', ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })

test('a wrong option is one clear line and exit code 2', async () => {
  const { code, stdout, stderr } = await smoke('--bogus')
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^npm run smoke: Unknown option '--bogus'.*\n.*--help tells the options\.\n$/)
})

test.each([
  ['--stage', '../x'],
  ['--stage', ''],
  ['--region', 'nowhere'],
])('%s "%s" is refused before anything is called', async (option, value) => {
  const { code, stdout, stderr } = await smoke(option, value)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(`npm run smoke: ${option} must be`)
})

test('missing credentials are one line, not one for each operation', async () => {
  expect(await smoke()).toEqual({
    code: 1,
    stdout: '',
    stderr: 'npm run smoke: no AWS credentials found: set AWS_PROFILE, or log in to AWS first\n',
  })
})

test('--help tells the options, an example and that a token may be renewed', async () => {
  const { code, stdout } = await smoke('--help')
  expect(code).toBe(0)
  expect(stdout).toContain('npm run smoke -- --stage prod --open-id ou_custodian')
  expect(stdout).toMatch(/changes no\s+subscription[\s\S]*renewed and stored/)
})
