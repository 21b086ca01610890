/** An offboarding event's detail in a file, to be reviewed and sent by `npx offboarding offboard FILE`. */
import { randomBytes } from 'node:crypto'
import { lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { UsageError } from '../command.ts'

/** Throws `UsageError` where a file exists, unless it is a plain one that may be replaced: a link is not followed. */
export function assertWritable(file: string, { mayReplace = false, hint = 'name another file' } = {}): void {
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (!found) return
  if (!mayReplace) throw new UsageError(`${file} exists already and was left as it is: ${hint}`)
  if (!found.isFile()) throw new UsageError(`${file} is a link, a folder or a device and was left as it is: ${hint}`)
}

/**
 * Writes a file that its owner alone may read, for it names a person. Throws `UsageError` as `assertWritable` does, and when
 * it cannot be written: what is there is replaced whole or left as it is.
 */
export function writeEventFile(file: string, detail: unknown, { mayReplace = false } = {}): void {
  const text = `${safeJson(detail)}\n`
  const written = mayReplace ? `${file}.${randomBytes(4).toString('hex')}` : file
  try {
    assertWritable(file, { mayReplace })
    writeFileSync(written, text, { flag: 'wx', mode: 0o600 })
    if (mayReplace) renameSync(written, file)
  } catch (error) {
    if (error instanceof UsageError) throw error
    if (mayReplace) rmSync(written, { force: true })
    const { code } = error as NodeJS.ErrnoException
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
