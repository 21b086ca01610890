/** Python tools, each list of requirements installed into an environment of its own. */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const root = path.join(import.meta.dirname, '..')
const run = promisify(execFile)

/** Only files whose checksum is in the requirements; wheels, because an archive of sources would run what builds it. */
const LOCKED = ['--quiet', '--no-deps', '--require-hashes', '--only-binary', ':all:']

type Environment = { folder: string; file: string }
const TOOLS: Environment = { folder: '.venv', file: 'requirements-dev.txt' }
/** The template scanner, whose pins are not those of the other tools. */
export const SCANNER: Environment = { folder: '.venv-scan', file: 'requirements-scan.txt' }

/** A tool of the environment, for instance `python`. */
export const venvTool = (name: string, { folder } = TOOLS) =>
  path.join(root, folder, process.platform === 'win32' ? 'Scripts' : 'bin', name)

/**
 * Makes the environment, or makes it anew when its requirements have changed.
 * Throws, with what to install, where there is no Python that can.
 */
export async function preparePython(environment = TOOLS): Promise<void> {
  const venv = path.join(root, environment.folder)
  const requirements = path.join(root, environment.file)
  const made = markOf(venv, requirements)
  if (made.isCurrent()) return
  const python = findPython()
  rmSync(venv, { recursive: true, force: true })
  try {
    await run(python, ['-m', 'venv', venv])
    const install = ['install', ...LOCKED, '--no-compile', '--requirement', requirements]
    await run(venvTool('python', environment), ['-m', 'pip', ...install])
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    throw new Error(`Python is there, but ${environment.folder} could not be made.\n${stderr || message}`)
  }
  made.write()
}

/** Remembers in `folder` which content of `lock` it was made from. */
export function markOf(folder: string, lock: string) {
  const mark = path.join(folder, 'made-from')
  const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex')
  return {
    isCurrent: () => existsSync(mark) && readFileSync(mark, 'utf8') === wanted,
    write: () => writeFileSync(mark, wanted),
  }
}

/** Recent enough, and able to make an environment: Debian ships both modules apart from Python. */
const CAN = 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))'
const PYTHONS = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10']

function findPython(): string {
  const found = PYTHONS.find((name) => spawnSync(name, ['-c', CAN]).status === 0)
  if (found) return found
  throw new Error(
    'Python 3.10 or newer with venv and ensurepip is needed, and none on the PATH is that (Debian: apt install python3-venv).',
  )
}
