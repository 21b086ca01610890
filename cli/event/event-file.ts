/** An offboarding event's detail in a file, to be reviewed and sent by `npm run offboard -- FILE`. */
import { chmodSync, writeFileSync } from 'node:fs'
import { UsageError } from '../command.ts'

/**
 * Writes a file that its owner alone may read, for it names a person. One that is there already is left as it is, which is
 * wrong usage, unless it may be replaced.
 */
export function writeEventFile(file: string, detail: unknown, { mayReplace = false } = {}): void {
  try {
    writeFileSync(file, `${safeJson(detail)}\n`, { flag: mayReplace ? 'w' : 'wx', mode: 0o600 })
    // A file that was there keeps its mode when it is written.
    chmodSync(file, 0o600)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new UsageError(`${file} exists already and was left as it is: name another file`)
    throw new UsageError(`${file} could not be written (${code})`)
  }
}

/** JSON that says the same and shows every invisible character as an escape. */
export const safeJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/(?!\n)[\p{C}\u2028\u2029]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  )
