/** What a request for offboardings fails with, besides bad fields and AWS. */
import { OperationError } from '../error.ts'

/** With status 409, which no kind of a bad request has. */
export const different = () =>
  new OperationError(
    'invalid_request',
    {
      en: 'This offboarding was asked for before, with another content.',
      zh: '此离职处理已提交过，且内容不同。',
    },
    {
      status: 409,
      hint: {
        en: 'Send what was sent before, or use a new offboardingId.',
        zh: '请发送与之前相同的内容，或使用新的 offboardingId。',
      },
    },
  )

export const held = () =>
  new OperationError(
    'unavailable',
    { en: 'Another copy of this request is being sent.', zh: '此请求的另一副本正在发送中。' },
    { scope: 'us' },
  )

export const unknown = () =>
  new OperationError(
    'not_found',
    { en: 'Nothing is known of this offboarding.', zh: '没有此离职处理的记录。' },
    {
      hint: {
        en: 'Check the offboardingId; what has ended is kept for the days that the ledger keeps it.',
        zh: '请核对 offboardingId；已结束的记录仅保留台账所设的天数。',
      },
    },
  )
