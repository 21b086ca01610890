/** What `npm start` refuses, and its help. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { start as startIn } from '../../local/start.ts'
import { startHere } from '../cli/operator.ts'

const list = path.join(mkdtempSync(path.join(tmpdir(), 'start-')), 'bad.json')
writeFileSync(list, '[1]')

const start = (...args: string[]) => startHere((io) => startIn(args, io)).ended

test.each([
  [['--bogus'], "Unknown option '--bogus'"],
  [['--speed', 'fast'], '--speed must be a number'],
  [['--event', 'nowhere.json'], 'nowhere.json could not be read (ENOENT)'],
  [['--event', list], 'must contain a JSON object'],
  [['--live'], '--live needs --event'],
])('%j is one clear line and exit code 2', async (args, message) => {
  const { code, stderr } = await start('--once', ...args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(message)])
})

test('--help shows the options and starts nothing', async () => {
  const { code, stdout, stderr } = await start('--help')
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining('--once')])
})
