/**
 * `node .ci/summary.ts RESULTS FAILED…`: the end of .ci/run, and its exit code. RESULTS holds vitest's JSON reports. Names
 * what failed and why, as a log that is cut keeps its end.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

type Test = { status: string; fullName: string; failureMessages: string[] }
type File = { name: string; status: string; message: string; assertionResults: Test[] }
type Report = { numPassedTests: number; numFailedTests: number; testResults: File[] }

const [folder = '', ...failed] = process.argv.slice(2)
const reports = globSync('*.json', { cwd: folder }).map((file) => {
  const report = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Report
  return { ...report, script: path.basename(file, '.json').replace('-', ':') }
})

for (const { script, testResults } of reports) {
  for (const { name, status, message, assertionResults } of testResults) {
    const file = `${script}: ${path.relative('.', name)}`
    const tests = assertionResults.filter((test) => test.status === 'failed')
    for (const test of tests) console.log(`\n${file}: ${test.fullName}\n${test.failureMessages.join('\n')}`)
    if (status === 'failed' && tests.length === 0) console.log(`\n${file}\n${message}`)
  }
}

const sum = (field: 'numPassedTests' | 'numFailedTests') => reports.reduce((total, report) => total + report[field], 0)
// A script that failed while no test of it did: it could not run, or is no suite of tests.
const whole = failed.filter((script) => !reports.some((it) => it.script === script && it.numFailedTests > 0))
if (failed.length > 0) console.log(`failed or could not run: ${failed.join(', ')}`)
console.log(`${sum('numPassedTests')} passed, ${sum('numFailedTests') + whole.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0
