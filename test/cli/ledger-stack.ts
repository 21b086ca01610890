/** A stack of which only the ledger answers, and ways to fill that as the functions do. */
import { createServer } from 'node:http'
import { close, listen } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { useTable } from '../../lib/aws/dynamodb.ts'
import { completeSending, recordPublished } from '../../lib/ledger/completion.ts'
import { type Origin, openSending, recordPlanned, type Sending } from '../../lib/ledger/offboardings.ts'
import { recordRejection } from '../../lib/ledger/rejections.ts'
import { type Outcome, queueTargets, recordOutcome, type Target } from '../../lib/ledger/targets.ts'
import type { Input } from '../../lib/schema.ts'
import { startQuickLedger } from '../ledger.ts'

export const DRIVE = 'feishu-drive-unsubscribe'
export const APPROVAL = 'feishu-approval-unsubscribe'

const TABLE = 'local-ledger'
const REGION = 'ap-southeast-1'

/** Starts a stack with these operations. Times of what is written lie one second apart, an hour ago. */
export async function startLedgerStack(operations = [DRIVE, APPROVAL]) {
  const ledger = await startQuickLedger(TABLE)
  const description: StackDescription = {
    names: {
      bus: 'bus',
      source: 'hr.offboarding',
      deadLetterQueue: 'dead-letter.fifo',
      undeliveredEventsQueue: 'undelivered-events',
      operations: Object.fromEntries(
        operations.map((name) => [name, { functionName: `local-${name}`, queue: `local-${name}.fifo` }]),
      ),
    },
    region: REGION,
    endpoints: { sqs: ledger.url, eventbridge: ledger.url, secretsmanager: ledger.url, dynamodb: ledger.url },
    variables: { LEDGER_TABLE: TABLE },
    speed: 1,
  }
  const server = createServer((request, response) => {
    response.writeHead(request.url === STACK_PATH ? 200 : 404).end(JSON.stringify(description))
  })
  const url = await listen(server)

  const startMs = Date.now() - 3_600_000
  let seconds = 0
  const now = () => new Date(startMs + 1_000 * seconds++).toISOString()

  /** Commands that ran meanwhile have cleared the environment. */
  const write = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const settings = { region: REGION, endpoint: ledger.url, credentials, maxAttempts: 1 }
    useTable({ name: TABLE, settings, toError: (_, error) => error as Error })
    process.env.LEDGER_RETENTION_DAYS = '400'
    process.env.OPERATIONS = operations.join()
    return step()
  }

  return {
    url,
    ledger,
    write,
    /** Plans a sending of one event with targets by operation; all operations plan unless `planned` names some. */
    plan: (
      one: Partial<Sending>,
      targets: Record<string, Input[]>,
      { planned = operations, ...origin }: Partial<Origin> & { planned?: string[] } = {},
    ): Promise<Sending> =>
      write(async () => {
        const sending = { offboardingId: 'hr-1', eventId: 'event-1', redrive: 0, dryRun: false, ...one }
        const sentAt = origin.sentAt ?? now()
        await openSending(sending, { source: 'hr.offboarding', ...origin, sentAt })
        const all = Object.entries(targets).flatMap(([operation, inputs]) =>
          inputs.map((input): Target => ({ ...sending, operation, input })),
        )
        await queueTargets(all, sentAt)
        for (const operation of planned) await recordPlanned(sending, operation)
        return sending
      }),
    /** Ends a target of a sending. */
    end: (
      sending: Sending,
      input: Input,
      outcome: Partial<Outcome> & { operation?: string } = {},
    ): Promise<Outcome> => {
      const { operation = DRIVE, ...fields } = outcome
      return write(() =>
        recordOutcome(
          { ...sending, operation, input },
          { outcome: 'changed', attempts: 1, finishedAt: now(), ...fields },
        ),
      )
    },
    reject: (offboardingId: string | null, eventId: string, hint: string, finishedAt = now()): Promise<void> =>
      write(() =>
        recordRejection(
          { offboardingId, eventId, kind: 'invalid_request', hint, finishedAt },
          { source: 'hr.offboarding', sentAt: finishedAt },
          async () => {},
        ),
      ),
    /** Puts copies of what the ledger has of `offboardingId`: of the items that `change` changes, as it makes them. */
    copy(offboardingId: string, count: number, change: (item: string, index: number) => string): void {
      const items = [...(ledger.items.get(`offboarding#${offboardingId}`)?.values() ?? [])]
      for (const item of items.map((item) => JSON.stringify(item)))
        for (let index = 0; index < count; index++) {
          const changed = change(item, index)
          if (changed === item) continue
          const copy = JSON.parse(changed)
          const partition = ledger.items.get(copy.pk.S) ?? new Map()
          ledger.items.set(copy.pk.S, partition.set(copy.sk.S, copy))
        }
    },
    async stop(): Promise<void> {
      await Promise.all([ledger.close(), close(server)])
    },
  }
}

export type LedgerStack = Awaited<ReturnType<typeof startLedgerStack>>

/** A sending with one target, ended and settled. */
export async function settle(
  stack: LedgerStack,
  one: Partial<Sending>,
  outcome: Partial<Outcome> = {},
): Promise<Sending> {
  const sending = await stack.plan(one, { [DRIVE]: [FILE] })
  await stack.end(sending, FILE, outcome)
  await stack.write(async () => {
    const completion = await completeSending(sending)
    if (completion) await recordPublished(completion)
  })
  return sending
}

const FILE = { file_token: 'a', file_type: 'docx' }
