/** Asking a vendor for as long as it takes, from a terminal. */
import { OperationError } from '../../lib/error.ts'
import type { Ask } from '../../lib/people/ask.ts'
import { execute } from '../../lib/vendor/execute.ts'
import { type Io, log } from '../io.ts'

const CALL_MS = 60_000
/** What is waited within a call, where Ctrl-C has to wait too. */
const MAX_WAIT_MS = 2_000
/** So often a vendor may ask to wait before a question is given up. */
const WAITS = 5

/** Makes a call and waits as the vendor asks. Stops between calls alone: a token that is being renewed must be stored. */
export const patient =
  (io: Io, signal: AbortSignal): Ask =>
  async (question, input) => {
    for (let waits = 0; ; waits++) {
      signal.throwIfAborted()
      const deadlineMs = Date.now() + CALL_MS
      try {
        const remainingMs = () => deadlineMs - Date.now()
        return await execute(question, input, { remainingMs, maxWaitMs: MAX_WAIT_MS })
      } catch (error) {
        if (!(error instanceof OperationError) || error.kind !== 'rate_limited' || waits === WAITS) throw error
        const waitMs = error.retryAfterMs ?? 1_000
        log(io, `The vendor asks to wait for ${Math.ceil(waitMs / 1_000)} s …`)
        await io.sleep(waitMs, signal)
      }
    }
  }

/** The same, no more often than a limit per minute allows, however its minutes lie. `speed`: how much faster they pass. */
export function paced(io: Io, { perMinute, speed }: { perMinute: number; speed: number }, signal: AbortSignal): Ask {
  const ask = patient(io, signal)
  const endedAtMs: number[] = []
  return async (question, input) => {
    const nextAtMs = (endedAtMs.at(-perMinute) ?? 0) + 60_000 / speed
    // A timer may fire a moment early.
    for (let waitMs = nextAtMs - Date.now(); waitMs > 0; waitMs = nextAtMs - Date.now()) {
      log(
        io,
        `${endedAtMs.length} asked; the vendor allows ${perMinute} a minute: on in ${Math.ceil(waitMs / 1_000)} s …`,
      )
      await io.sleep(waitMs, signal)
    }
    try {
      return await ask(question, input)
    } finally {
      endedAtMs.push(Date.now())
    }
  }
}
