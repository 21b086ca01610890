/** A command's surroundings: the terminal, the clock's waits and Ctrl-C. A test passes its own. */
import { setTimeout as sleep } from 'node:timers/promises'

export type Io = {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
  /** Waits. Rejects with the reason of `signal`. */
  sleep: (waitMs: number, signal?: AbortSignal) => Promise<void>
  /** From this call on, the first Ctrl-C or SIGTERM aborts the signal returned instead of ending the process. */
  catchInterrupt: () => AbortSignal
  /** What `main` returns; 0 unless a command sets it. */
  exitCode: number
}

/** The surroundings of this process. */
export const processIo = (): Io => ({
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  sleep: (waitMs, signal) => sleep(waitMs, undefined, { signal }).catch(() => signal?.throwIfAborted()),
  catchInterrupt() {
    const stopping = new AbortController()
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())
    return stopping.signal
  },
  exitCode: 0,
})

/** Writes a line for the operator to standard error; results go to standard output. */
export const log = ({ stderr }: Pick<Io, 'stderr'>, line: string): void => void stderr.write(`${line}\n`)
