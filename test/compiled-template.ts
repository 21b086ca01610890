/**
 * Before the tests that need it: the template of the stage `local`. The first run of osls in a clone takes three times as long
 * as those after it, which find its schema and code compiled, so that no two are to be the first.
 */
import { compileTemplate } from '../infra/compile.ts'

export async function setup(): Promise<void> {
  await compileTemplate({ stage: 'local' })
}
