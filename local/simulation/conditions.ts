/** What a simulation runs under: how long things take, and what goes wrong. */
import type { Clock } from './clock.ts'
import type { Counts } from './counts.ts'

/**
 * How long things take. Milliseconds. With a `jitter` from 0 to 1, by default 0, they take up to this share less or more,
 * except for a call's way to the vendor, which takes up to `wayJitterMs` longer, by default 0.
 */
export type Latencies = {
  vendorMs: number
  awsMs: number
  pollMs: number
  initMs: number
  jitter?: number
  wayJitterMs?: number
}

/** Where a fault can strike, and what can happen there. */
export type Faults = {
  /**
   * `path` is the vendor's, as called. Containers are counted from 0, in the order of their starts. `user`: whose token
   * Feishu is called with.
   */
  vendor?: (path: string, nowMs: number, container: number, user?: string) => VendorFault | undefined
  aws?: (operation: string, nowMs: number, container: number) => AwsFault | undefined
  /** A batch has been worked through and is about to be deleted. */
  delete?: () => 'lost' | undefined
  /** A batch is about to be handed over. */
  batch?: () => 'shuffled' | undefined
  /** How far a new container's clock is off. */
  skewMs?: () => number
}
/** `frozen`: the container stands still for two minutes, before the vendor has the request or after it was `handled`. */
export type VendorFault =
  | { fault: 'reset' | 'stall' | 'killed' | 'frozen'; handled: boolean }
  | { fault: 'truncated' }
  | { fault: 'html'; status?: number }
  /** The normal answer with these fields instead of its own; null leaves one out. */
  | { fault: 'change'; change: Record<string, unknown> }
  | { fault: 'answer'; status: number; headers?: Record<string, string>; body: unknown }
  | { fault: 'code'; code: string | number }
/**
 * `denied`: by IAM. `late`: the work is done, but the answer comes too late. `frozen`: the container stands still for two
 * minutes.
 */
export type AwsFault =
  | 'throttled'
  | 'failed'
  | 'denied'
  | 'late'
  | 'partial'
  | 'killed-before'
  | 'killed-after'
  | 'frozen-before'
  | 'frozen-after'

/** How long a frozen container stands still. */
export const FROZEN_MS = 120_000

/** Ends an invocation as a container does that is killed, or has run out of time. */
export class Killed extends Error {}

/** What a container's calls say of it. `die` ends its invocation. */
export type Caller = { name: string; container: number; die: (error: Error) => void }

/** The container ends here; what it was waiting for never comes. */
export function killed({ die }: Caller, at: string): Promise<never> {
  die(new Killed(`killed at ${at}`))
  return new Promise(() => {})
}

/** What the calls of all containers share. */
export type Conditions = {
  clock: Clock
  latencies: Latencies
  faults: Faults
  random: () => number
  /** Takes this long, more or less by the jitter. */
  take: (ms: number) => Promise<void>
  /** What is counted for a function, to be added to. */
  countsOf: (name: string) => Counts
}
