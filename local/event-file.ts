/** An offboarding event's detail in a file, to be reviewed and sent by `npm run offboard -- FILE`. */
import { writeFileSync } from 'node:fs'
import { UsageError } from './command.ts'

/** Writes a new file. One that is there already is left as it is, which is wrong usage. */
export function writeEventFile(file: string, detail: unknown): void {
  try {
    writeFileSync(file, `${safeJson(detail)}\n`, { flag: 'wx' })
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
