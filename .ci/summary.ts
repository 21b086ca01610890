/** `node .ci/summary.ts RESULTS FAILED…`: the last line of .ci/run, and its exit code. RESULTS holds vitest's JSON reports. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const [folder = '', ...failed] = process.argv.slice(2)
type Report = { numPassedTests: number; numFailedTests: number }
const reports = readdirSync(folder).map((file) => {
  const report = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Report
  return { ...report, script: path.basename(file, '.json').replace('-', ':') }
})
const sum = (field: keyof Report) => reports.reduce((total, report) => total + report[field], 0)
// A script that failed while no test of it did: it could not run, or is no suite of tests.
const whole = failed.filter((script) => !reports.some((it) => it.script === script && it.numFailedTests > 0))
if (failed.length > 0) console.log(`failed or could not run: ${failed.join(', ')}`)
console.log(`${sum('numPassedTests')} passed, ${sum('numFailedTests') + whole.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0
