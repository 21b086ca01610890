/** The token that the local stack's Secrets Manager asks for, handed to commands by a file that its owner alone may read. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** By the port of the stack's API, which a command knows. Nothing that the stack says of itself names a file. */
const fileOf = (apiUrl: string) =>
  path.join(import.meta.dirname, '../../node_modules/.cache/local-stack', `${new URL(apiUrl).port}.token`)

/** Keeps the token of the stack at `apiUrl` for commands, in place of an earlier run's. Returns what ends that. */
export function keepSessionToken(apiUrl: string, token: string): () => void {
  const file = fileOf(apiUrl)
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  rmSync(file, { force: true })
  writeFileSync(file, token, { flag: 'wx', mode: 0o600 })
  return () => rmSync(file, { force: true })
}

/** The token of the stack at `apiUrl`, if this checkout runs it. */
export function readSessionToken(apiUrl: string): string | undefined {
  try {
    return readFileSync(fileOf(apiUrl), 'utf8')
  } catch {
    return undefined
  }
}
