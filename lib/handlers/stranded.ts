/** The queues of what SQS gave up. Nothing lands there in normal work: the functions give up by themselves, long before. */
import * as v from 'valibot'
import { audit, errorFields, framesOf } from '../audit.ts'
import { type Reason, sendDeadLetter } from '../aws/sqs.ts'
import { deleteMessages, type Received, receiveMessages } from '../aws/sqs-receive.ts'
import { environment } from '../environment.ts'
import { OperationError, toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Target } from '../ledger/targets.ts'
import { finishSendings } from './completed.ts'
import { giveUp } from './give-up.ts'
import { isSendable, letterOf } from './letter.ts'
import { targetFields } from './work-item.ts'

/**
 * Parks what is in the stranded queues while time is left, each with a letter. What fails stays and comes again; nothing is
 * deleted before its letter is sent, so that a run that is killed leaves at worst a second letter.
 */
export async function parkStranded(operation: string, remainingMs: () => number): Promise<void> {
  const failed = (thrown: unknown) =>
    audit({ message: 'failed', operation, ...errorFields(toOperationError(thrown)), stack: framesOf(thrown) })
  const parkBatch = async (queue: string, messages: Received[]) => {
    const ended = await Promise.all(
      messages.map(async (message) => {
        try {
          await park(operation, message)
          return [message]
        } catch (thrown) {
          failed(thrown)
          return []
        }
      }),
    )
    await deleteMessages(queue, ended.flat())
  }
  for (const queue of environment('STRANDED_QUEUE_URLS').split(','))
    try {
      while (remainingMs() > 0) {
        const messages = await receiveMessages(queue)
        if (messages.length === 0) break
        await parkBatch(queue, messages)
      }
    } catch (thrown) {
      failed(thrown)
    }
}

async function park(operation: string, { messageId, body }: Received): Promise<void> {
  const target = targetIn(body)
  const outcome = target && (await giveUp(target, STRANDED))
  // As on the work queue: what was done, or was a dry run, needs no operator.
  if (!outcome || (outcome.outcome === 'parked' && !target?.dryRun)) {
    const { kind, code, hint, requestId }: Partial<Reason> = outcome ?? errorFields(STRANDED)
    const reason = { kind, code, hint, requestId }
    const deduplicationId = fingerprint(messageId, 'parked')
    const letter = { body: letterBody(body, reason), group: deduplicationId, deduplicationId }
    await sendDeadLetter(letter, reason)
  }
  if (target) await finishSendings([target])
  else audit({ message: 'parked', operation, ...errorFields(STRANDED) })
}

/** The target of the work item; undefined for anything else. */
function targetIn(body: string): Target | undefined {
  const read = v.safeParse(targetFields, parsed(body))
  if (!read.success) return undefined
  const { redrive = 0, ...target } = read.output
  return { ...target, redrive }
}

/** The body as it is. Only events, from which entries of the ledger were to be made, can be too long with the reason. */
const letterBody = (body: string, reason: Reason): string =>
  isSendable(body, reason) ? body : letterOf(Object(parsed(body)), reason)

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const STRANDED = new OperationError(
  'internal',
  { en: 'It was delivered 1,000 times and never finished.', zh: '已投递 1000 次，仍未处理完成。' },
  {
    hint: {
      en: "Check the function's log for why it never finished, then redrive it.",
      zh: '请查看函数日志，找出始终未处理完成的原因，然后重新投递。',
    },
  },
)
