/** `npm run bench`'s gate: what a function's start costs in processor time, to an empty handler's, without Lambda's client. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'

/** Lambda's runtime client would add to both sides. Measured: 2.7 to 3.3, beside other work 4.4. */
const MAX_STARTS_OF_EMPTY = 5
const STARTS = 7
const EMPTY = 'data:text/javascript,export const handler=async()=>{}'

/** Starts every bundle of dist/ in fresh processes and throws when one costs more than the limit. */
export function checkStarts(): void {
  const slow = readdirSync('dist').flatMap((name) => {
    const [empty, full]: [number[], number[]] = [[], []]
    for (let start = 0; start < STARTS; start++) {
      empty.push(startMs(EMPTY))
      full.push(startMs(path.resolve('dist', name, 'index.mjs')))
    }
    const ratio = Math.min(...full) / Math.min(...empty)
    return ratio < MAX_STARTS_OF_EMPTY ? [] : [`${name}: ${ratio.toFixed(2)}`]
  })
  if (slow.length > 0) throw new Error(`A start costs more than ${MAX_STARTS_OF_EMPTY} empty ones: ${slow.join(', ')}`)
}

/** Processor time, which a busy machine changes little, from a process's start until it has loaded the module. */
function startMs(module: string): number {
  const script = `await import(${JSON.stringify(module)})
    const { user, system } = process.cpuUsage()
    process.stdout.write(String(user + system), () => process.exit())`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: { AWS_REGION: 'eu-west-1' },
  })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout) / 1_000
}
