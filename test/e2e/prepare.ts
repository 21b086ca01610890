/** What `npm run test:e2e` needs besides `npm ci`. Says what is missing and ends with an error before anything runs. */
import { preparePython } from '../../scripts/python.ts'
import { prepareRuntimeClient } from './runtime-client.ts'

try {
  await preparePython()
  prepareRuntimeClient()
} catch (error) {
  process.stderr.write(`npm run test:e2e did not run. ${(error as Error).message}\n`)
  process.exitCode = 1
}
