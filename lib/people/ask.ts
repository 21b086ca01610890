/** Questions to the vendors: calls that only read. Who asks decides how long to wait and at which pace. */
import * as v from 'valibot'
import type { Input } from '../schema.ts'
import type { Result } from '../vendor/execute.ts'
import type { VendorCall } from '../vendor/vendor-call.ts'

/** A call that changes nothing. */
export type Question<I extends Input = Input> = VendorCall<I> & {
  /** Names the bucket of its rate limit in the ledger. */
  name: string
  /** The scope, or permission, that the app needs for it. */
  needs?: string
}

/** Makes the call, again if need be. Throws the `OperationError` with which it was given up. */
export type Ask = <I extends Input>(question: Question<I>, input: I) => Promise<Result>

/** Asks the same question once, and gives its answer, or failure, again. */
export function askOnce(ask: Ask): Ask {
  const asked = new Map<string, Promise<Result>>()
  return (question, input) => {
    const key = `${question.name} ${JSON.stringify(input)}`
    const asking = asked.get(key) ?? ask(question, input)
    asked.set(key, asking)
    return asking
  }
}

/** The answer in the wanted shape, which the question's `succeeded` has checked. */
export async function answerOf<I extends Input, Wanted>(
  question: Question<I>,
  wanted: v.GenericSchema<unknown, Wanted>,
  input: I,
  ask: Ask,
): Promise<Wanted> {
  const { json } = await ask(question, input)
  return v.parse(wanted, json)
}
