/** Lambda's runtime client, an installation of its own (docs/decisions/0002-end-to-end-tests.md). */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { markOf } from '../../scripts/python.ts'

const client = path.join(import.meta.dirname, 'node_modules', 'aws-lambda-ric')

/** Compiled at installation, which takes about a minute; once for each lock is enough. Throws when it cannot be. */
export function prepareRuntimeClient(): void {
  const made = markOf(
    path.join(import.meta.dirname, 'node_modules'),
    path.join(import.meta.dirname, 'package-lock.json'),
  )
  if (made.isCurrent() && existsSync(path.join(client, 'rapid-client.node'))) return
  const missing = ['cmake', 'make', 'g++'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
  if (process.platform !== 'linux') throw new Error("Lambda's runtime client can be built on Linux only.")
  if (missing.length > 0)
    throw new Error(
      `Lambda's runtime client is built from source and needs ${missing.join(', ')} (Debian: apt install cmake g++ make).`,
    )
  process.stdout.write("Building Lambda's runtime client, about a minute …\n")
  const { status, stdout, stderr } = spawnSync('npm', ['ci'], { cwd: import.meta.dirname, encoding: 'utf8' })
  if (status !== 0) {
    rmSync(client, { recursive: true, force: true })
    throw new Error(`Lambda's runtime client could not be built.\n${stdout}${stderr}`)
  }
  made.write()
}
