/** A command's surroundings: the terminal, the clock's waits and Ctrl-C. A test passes its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'

export type Io = {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean }
  stdout: NodeJS.WritableStream & { isTTY?: boolean }
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

/** The text in color where the stream is a terminal and NO_COLOR (https://no-color.org) is not set. */
export const paint = ({ isTTY }: { isTTY?: boolean }, style: Parameters<typeof styleText>[0], text: string): string =>
  isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text
