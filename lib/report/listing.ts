/** Offboardings by what has become of them. */
import {
  isSuperseded,
  type ListedItem,
  type ListOptions,
  listByState,
  type Place,
  type State,
} from '../ledger/records.ts'
import { printable } from '../schema.ts'

/** As long as its letter is kept. */
const REJECTION_MS = 14 * 86_400_000

/** `rejected`: why, if it is an event that was rejected. */
export type Listed = {
  offboardingId: string | null
  state: State
  /** ISO 8601. */
  since: string
  isDryRun: boolean
  /** Targets that the vendor does not know, when it last ended. */
  gone: number
  rejected: { eventId: string; kind: string; hint: string } | null
  /** The leaver is still to be found; `hint` says what the last try failed for. */
  resolving: { kind: string | null; hint: string | null } | null
}

/** Those in a state, of real runs or of dry runs; of what has finished the latest first. */
export async function* listOffboardings(
  state: State,
  { dryRun, ...options }: ListOptions & { dryRun: boolean },
): AsyncGenerator<Listed> {
  for await (const item of listByState(state, { newestFirst: state === 'finished', ...options })) {
    const one = await toListed(item, state, dryRun)
    if (one) yield one
  }
}

/** A page looks at no more entries: dry runs are among the real ones. */
const EXAMINED = 1_000

/**
 * At most `limit` of those in the states, one state after the other, from behind `after`. `next` is where the next page begins, if there may
 * be one: a page may be short, or empty, before the last.
 */
export async function readPage(
  states: readonly State[],
  { dryRun, limit, after }: { dryRun: boolean; limit: number; after?: Place | undefined },
): Promise<{ offboardings: Listed[]; next: Place | undefined }> {
  const offboardings: Listed[] = []
  let examined = 0
  for (const state of states.slice(after ? states.indexOf(after.state) : 0)) {
    const options = { newestFirst: state === 'finished', pageSize: Math.min(2 * limit, EXAMINED) }
    for await (const item of listByState(state, { ...options, after: state === after?.state ? after : undefined })) {
      const one = await toListed(item, state, dryRun)
      if (one) offboardings.push(one)
      const { pk, sk, since } = item
      if (offboardings.length === limit || ++examined === EXAMINED)
        return { offboardings, next: { pk, sk, state, since } }
    }
  }
  return { offboardings, next: undefined }
}

/** Nothing for one of the other runs, and for a rejected event that needs no operator any more. */
async function toListed(one: ListedItem, state: State, dryRun: boolean): Promise<Listed | undefined> {
  if ('dryRun' in one) {
    if (one.dryRun !== dryRun) return undefined
    const { offboardingId, since, gone = 0, resolving: leaver } = one
    const text = (value: string | undefined) => (value ? printable(value, 1_000) : null)
    const resolving = leaver ? { kind: text(leaver.kind), hint: text(leaver.hint) } : null
    const known = { state, since, isDryRun: dryRun, gone: state === 'open' ? 0 : gone, rejected: null, resolving }
    return { offboardingId: printable(offboardingId, 256), ...known }
  }
  if (dryRun || Date.parse(one.finishedAt) <= Date.now() - REJECTION_MS || (await isSuperseded(one))) return undefined
  const { offboardingId, eventId, finishedAt: since, kind } = one
  const rejected = { eventId: printable(eventId), kind, hint: printable(one.hint, 1_000) }
  return { offboardingId, state, since, isDryRun: false, gone: 0, rejected, resolving: null }
}
