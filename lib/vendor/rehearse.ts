/**
 * What a dry run does in place of the call: it obtains the token, asks whose a user's token is, and asks the operation's
 * question. All of it changes no subscription.
 *
 * | what is learnt                                     | the call is expected to                 |
 * |----------------------------------------------------|-----------------------------------------|
 * | the answer to the question                         | `change`, or find everything `unchanged` |
 * | a refusal that is about the item, or about its user | be `parked`, or find the item `gone`     |
 * | any other failure, or an answer that does not say   | nothing is known: `unchecked`            |
 */
import { KINDS, OperationError, type Scope, type Text, toOperationError } from '../error.ts'
import type { Expected, Operation, Reading } from '../operation.ts'
import { quote } from '../redact.ts'
import type { Input } from '../schema.ts'
import { grantAgain } from '../tokens/user-secret.ts'
import { actAs, execute, type Limits, type Result, requestOf } from './execute.ts'
import type { Credential, Identity, Vendor } from './vendor.ts'

/** What is expected, and why where it is more than that everything is well. */
export type Expectation = {
  expected: Expected
  hint?: Text
  /** What was refused or failed. */
  error?: OperationError
}

/** What a dry run says. `upstream` is the answer to the question, `attempts` the calls made for it. */
export type Rehearsal = Pick<Result, 'request' | 'upstream' | 'attempts'> & Expectation & { outcome: 'planned' }

/** Finds out what the operation would do. Throws the `OperationError` of a token that could not be obtained. */
export async function rehearse(operation: Operation, input: Input, limits: Limits): Promise<Rehearsal> {
  const { vendor, question } = operation
  const identity = operation.identity(input)
  const planned = { outcome: 'planned', request: requestOf(operation, input) } as const
  const silent = { ...planned, upstream: { code: null, requestId: null } }
  const { remainingMs, maxWaitMs, onSend } = limits
  let hasToken = false
  try {
    // Where this is the question itself, it counts as one.
    const asQuestion = question && !question.expect
    const { attempts } = await actAs(
      vendor,
      identity,
      asQuestion ? limits : { remainingMs, maxWaitMs },
      (credential) => {
        hasToken = true
        if (asQuestion) onSend?.()
        return checkOwner(vendor, identity, credential, remainingMs())
      },
    )
    if (!question) return { ...silent, expected: 'unchecked', hint: NO_QUESTION, attempts: 0 }
    if (!question.expect) return { ...silent, expected: 'change', attempts }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (!hasToken || error.kind === 'internal') throw thrown
    if (error.scope === 'item') error.scope = 'user'
    return { ...planned, ...refused(operation, error, 'user') }
  }
  try {
    const { outcome, json, upstream, attempts } = await execute(question, input, limits)
    const reading = outcome === 'unchanged' ? outcome : question.expect(json, input)
    return { ...planned, ...read(operation, reading), upstream, attempts }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error.kind === 'internal') throw thrown
    // The token is good: that a scope is missing may be so for the question alone.
    return { ...planned, ...refused(operation, error, 'item') }
  }
}

/** Whether it may be otherwise in a while. */
export const isPassing = ({ kind, retryable, queue }: OperationError): boolean =>
  retryable || (kind === 'protocol' && queue === 'wait')

/** What a call is expected to end as that fails so for good. */
export const endWith = ({ starts }: Operation, error: OperationError): Expectation & { error: OperationError } => ({
  expected: error.queue === 'gone' && !starts ? 'gone' : 'parked',
  hint: error.hint,
  error,
})

/** `about`: what a refusal is about that the call itself would meet too. */
function refused(operation: Operation, error: OperationError, about: Scope) {
  const { upstream, attempts, scope, kind, hint } = error
  const isWord = scope === about && kind !== 'protocol' && !isPassing(error)
  const expectation = isWord ? endWith(operation, error) : { expected: 'unchecked' as const, hint, error }
  const { code = null, requestId = null } = upstream ?? {}
  return { ...expectation, upstream: { code, requestId }, attempts }
}

function read(operation: Operation, reading: Reading): Expectation {
  if (typeof reading === 'string') return { expected: reading }
  if ('unsure' in reading) return { expected: 'unchecked', hint: reading.unsure }
  const { codes, question } = operation
  const meaning = { ...codes, ...(question?.expect && question.codes) }[reading.code]
  if (!meaning || !('kind' in meaning)) throw new Error(`${operation.name} has no failure ${reading.code}`)
  const { kind, means, hint = KINDS[kind].hint } = meaning
  return endWith(operation, new OperationError(kind, means, { hint }))
}

export const NO_QUESTION: Text = { en: 'The vendor has no call that checks it.', zh: '厂商没有可供检查的接口。' }

/** An app's token came from the vendor; a user's was stored, and may be revoked by now, or another person's. */
async function checkOwner(
  vendor: Vendor,
  identity: Identity,
  { actsAs, accessToken, authorizeCommand = () => '' }: Credential,
  remainingMs: number,
): Promise<void> {
  if (actsAs !== 'user') return
  const owner = await vendor.ownerOf(accessToken, remainingMs, authorizeCommand)
  if (owner === identity.userId) return
  const named = quote(owner)
  throw new OperationError(
    'misconfigured',
    {
      en: `The tokens stored for ${identity.userId} belong to ${named}.`,
      zh: `为 ${identity.userId} 存储的令牌属于 ${named}。`,
    },
    { hint: grantAgain(authorizeCommand()), scope: 'user' },
  )
}
