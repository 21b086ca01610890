/** The Python tools of requirements-dev.txt, installed into `.venv`. */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const root = path.join(import.meta.dirname, '..')
const venv = path.join(root, '.venv')
const bin = path.join(venv, process.platform === 'win32' ? 'Scripts' : 'bin')
const run = promisify(execFile)

/** A tool of the environment, for instance `python`. */
export const venvTool = (name: string) => path.join(bin, name)

/**
 * Makes `.venv`, or makes it anew when requirements-dev.txt has changed.
 * Throws, with what to install, where there is no Python that can.
 */
export async function preparePython(): Promise<void> {
  const requirements = path.join(root, 'requirements-dev.txt')
  const mark = path.join(venv, 'made-from')
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return
  const python = findPython()
  rmSync(venv, { recursive: true, force: true })
  try {
    await run(python, ['-m', 'venv', venv])
    await run(venvTool('python'), ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', requirements])
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string }
    throw new Error(
      `Python is there, but .venv could not be made (Debian: apt install python3-venv).\n${stderr || message}`,
    )
  }
  writeFileSync(mark, wanted)
}

function findPython(): string {
  const isRecent = 'import sys; sys.exit(sys.version_info < (3, 10))'
  const found = ['python3', 'python'].find((name) => spawnSync(name, ['-c', isRecent]).status === 0)
  if (found) return found
  throw new Error('Python 3.10 or newer is needed, and no python3 on the PATH is that.')
}
