/** The help of the npm scripts. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { start } from '../../local/start.ts'
import { run, startHere } from '../cli/operator.ts'

const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'))

// Of those that are a program of this repository, started last; osls, vitest, biome and tsc have help of their own.
describe('--help gives an example of', () => {
  const own = Object.entries(scripts).flatMap(([name, script]) => {
    // npm runs it by itself.
    if (name === 'postinstall') return []
    const [, file, words = ''] = /(?:^|&& )node (\S+\.[jt]s)((?: \w+)*)$/.exec(script) ?? []
    return file ? [[name, file, words.split(' ').filter(Boolean)] as const] : []
  })
  test.each(own)('npm run %s', async (name, file, words) => {
    const args = [...words, '--help']
    const { stdout, stderr } =
      file === 'cli/offboarding.js'
        ? await run(args)
        : file === 'local/start.ts'
          ? await startHere((io) => start(args, io)).ended
          : spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' })
    const command = words.length > 0 ? `npx offboarding ${words.join(' ')}` : `npm (run )?(--silent )?${name}`
    expect(stdout, stderr).toMatch(new RegExp(`^ .*${command}\\b`, 'm'))
  })
})
