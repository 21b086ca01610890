/** Sends an offboarding event, follows what becomes of it, and says how it ended. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { CommandError, failed } from '../command.ts'
import type { Io } from '../io.ts'
import type { Connection } from '../stack/connection.ts'
import type { AuditLog } from './audit-log.ts'
import { Ledger, needsSomebody } from './ledger.ts'
import { type Paces, Progress } from './progress.ts'

/** Every operation should have told what it planned by then: an event is tried again after one and two minutes. */
const PLANNING_MS = { local: 60_000, deployed: 10 * 60_000 }
/** An id of which nothing is heard by then is unknown. */
const UNKNOWN_MS = 30_000
const POLL_MS = { local: 250, deployed: 5_000 }

/** Puts the event on the stack's bus; returns the event's id. */
export async function sendEvent({ names, settings }: Connection, detail: unknown): Promise<string> {
  const entry = {
    EventBusName: names.bus,
    Source: names.source,
    DetailType: OFFBOARDING,
    Detail: JSON.stringify(detail),
  }
  const client = new EventBridgeClient(settings('eventbridge'))
  const { Entries: [accepted] = [] } = await client
    .send(new PutEventsCommand({ Entries: [entry] }))
    .catch(failed('events:PutEvents', names.bus))
  if (accepted?.EventId) return accepted.EventId
  throw new CommandError(`the bus ${names.bus} refused the event (${accepted?.ErrorCode})`)
}

/**
 * Shows progress on standard error until everything planned has ended, and returns what became of it. Throws what
 * `signal` was aborted with, and when the functions do not report what they planned. `isSent`: the event was sent just now.
 */
export async function follow(
  io: Io,
  connection: Connection,
  log: AuditLog,
  { isSent, signal }: { isSent: boolean; signal: AbortSignal },
): Promise<Ledger> {
  const where = connection.isLocal ? 'local' : 'deployed'
  const operations = Object.keys(connection.names.operations)
  const ledger = new Ledger()
  const progress = new Progress(io.stderr, ledger, { paces: await pacesOf(operations), speed: connection.speed })
  const startedAtMs = Date.now()
  try {
    for (;;) {
      for (const line of await log.next({ deferrals: true })) {
        ledger.add(line)
        progress.told(line)
      }
      progress.draw()
      const unplanned = ledger.unplanned(operations)
      if (unplanned.length === 0 && ledger.open.size === 0) return ledger
      const waitedMs = Date.now() - startedAtMs
      if (ledger.isEmpty && !isSent && waitedMs > UNKNOWN_MS)
        throw new CommandError('nothing is known of this offboarding in the last 42 days')
      if (unplanned.length > 0 && waitedMs > PLANNING_MS[where])
        throw new CommandError(
          `not heard of what was planned: ${unplanned.join(', ')}. See the logs and the queue ${connection.names.undeliveredEventsQueue}`,
        )
      await io.sleep(POLL_MS[where], signal)
    }
  } finally {
    progress.end()
  }
}

async function pacesOf(operations: string[]): Promise<Paces> {
  const modules = await Promise.all(operations.map((name) => import(`../../functions/${name}.ts`)))
  return Object.fromEntries(modules.map(({ operation }) => [operation.name, operation.pace]))
}

/** 0 when everything has ended and nothing needs somebody, else 1. */
export const exitCodeOf = (ledger: Ledger): number =>
  ledger.isEmpty || ledger.open.size > 0 || ledger.results.some(needsSomebody) ? 1 : 0
