/** A question about people or departments to DingTalk's older API, asked in the app's name. */
import * as v from 'valibot'
import { dingtalkOapi } from '../dingtalk/oapi.ts'
import type { Input } from '../schema.ts'
import type { Question } from './ask.ts'

/** Posts the input as it is; an answer counts as a success if it has the `wanted` shape. */
export const dingtalkQuestion = <I extends Input>({
  wanted,
  ...own
}: Pick<Question<I>, 'name' | 'path' | 'needs' | 'codes'> &
  Partial<Pick<Question<I>, 'body'>> & { wanted: v.GenericSchema }): Question<I> => ({
  vendor: dingtalkOapi,
  method: 'POST',
  query: [],
  body: (input) => input,
  pace: { perSecond: 20 },
  identity: () => ({ as: 'tenant' }),
  succeeded: (json) => v.is(wanted, json),
  ...own,
})
