/** The command that hints name for a user's consent. */
import { afterEach, expect, test, vi } from 'vitest'
import { authorizeCommand } from '../../../lib/tokens/authorize-command.ts'

afterEach(() => vi.unstubAllEnvs())

test.each([
  [undefined, undefined, ''],
  ['local', 'ap-southeast-1', ''],
  ['prod', 'eu-central-1', ' --stage prod --region eu-central-1'],
])('on stage %s in %s', (stage, region, options) => {
  vi.stubEnv('DEPLOYED_STAGE', stage)
  vi.stubEnv('AWS_REGION', region)
  expect(authorizeCommand('--open-id', 'ou_1')).toBe(`npx offboarding users authorize --open-id ou_1${options}`)
})
