/** Why a user's tokens cannot be had. */
import { KINDS, type Kind, OperationError, type Text } from '../error.ts'
import { REJECTED_MS } from './cache.ts'
import { grantAgain, type User } from './user-secret.ts'

const VERDICTS = ['reauthorization_required', 'not_found', 'forbidden'] as const
/** The kinds that end a user's tokens for good, or until the user is unfrozen. */
export type VerdictKind = (typeof VERDICTS)[number]
/** The kind that `error` is a verdict of; undefined when the vendor may say something else the next time. */
export const verdictOf = ({ kind, final }: OperationError): VerdictKind | undefined =>
  final ? VERDICTS.find((verdict) => verdict === kind) : undefined

/** Only this user's items wait, and no vendor that answers for others says anything about this user's tokens. */
const OF_USER = { scope: 'user', patienceMs: 24 * 60 * 60_000 } as const

/** Another caller is renewing the tokens. */
export const busy = (retryAfterMs: number) =>
  new OperationError(
    'unavailable',
    { en: "The user's tokens are being renewed.", zh: '正在刷新该用户的令牌。' },
    { ...OF_USER, retryAfterMs },
  )

/** The last try failed, and the next one is in `waitMs`. */
export const failing = (
  { secretId }: User,
  { kind, code, waitMs }: { kind: Kind; code: string | null; waitMs: number },
) => {
  const why = code === null ? kind : `${kind}, ${code}`
  return new OperationError(
    'unavailable',
    {
      en: `The tokens in secret "${secretId}" could not be renewed (${why}); the next try is in ${seconds(waitMs)} s.`,
      zh: `密钥 "${secretId}" 中的令牌刷新失败（${why}），${seconds(waitMs)} 秒后再试。`,
    },
    { ...OF_USER, retryAfterMs: waitMs, hint: KINDS[kind].retryable ? undefined : KINDS[kind].hint },
  )
}

/** The vendor rejects a token that it has just issued. Another is asked for in `waitMs`; the same is tried again before. */
export const rejectedWhileNew = ({ secretId }: User, waitMs: number) =>
  new OperationError(
    'unavailable',
    {
      en: `The vendor rejects the access token in secret "${secretId}", which it issued a short time ago.`,
      zh: `厂商拒绝了密钥 "${secretId}" 中不久前签发的访问令牌。`,
    },
    {
      ...OF_USER,
      retryAfterMs: Math.min(waitMs, REJECTED_MS),
      hint: {
        en: 'Repeat the call later. If it goes on, ask the vendor why it rejects new tokens.',
        zh: '请稍后重试。若持续发生，请向厂商查询为何拒绝新令牌。',
      },
    },
  )

const seconds = (ms: number) => Math.ceil(ms / 1_000)

/** The same error, with the wait after which repeating the call can help. */
export function retryAfter(error: OperationError, retryAfterMs: number): OperationError {
  if (!error.retryable) return error
  const { kind, detail, hint, upstream } = error
  return new OperationError(kind, detail, { ...OF_USER, hint, upstream, retryAfterMs })
}

const REFUSALS: Record<VerdictKind, Text & { hint?: Text }> = {
  reauthorization_required: { en: 'can no longer be renewed', zh: '已无法刷新' },
  not_found: { en: 'belong to a user who no longer exists', zh: '所属用户已不存在' },
  forbidden: {
    en: 'belong to a user who is frozen or has left',
    zh: '所属用户已被冻结或已离职',
    hint: {
      en: 'If the user has left, nothing can be done in their name any more; if frozen, unfreeze and redrive.',
      zh: '若用户已离职，则无法再以其身份操作；若被冻结，请解冻后重新投递。',
    },
  },
}

/** The error of a verdict; `cause` is the vendor's answer, where it was asked just now. */
export function refusal(
  { secretId, authorizeCommand }: User,
  kind: VerdictKind,
  code: string | null,
  cause?: OperationError,
) {
  const { en, zh, hint } = REFUSALS[kind]
  const by = code === null ? '' : ` (${code})`
  return new OperationError(
    kind,
    cause?.detail ?? {
      en: `The tokens in secret "${secretId}" ${en}${by}.`,
      zh: `密钥 "${secretId}" 中的令牌${zh}${by}。`,
    },
    {
      upstream: cause?.upstream,
      scope: 'user',
      final: true,
      hint: kind === 'reauthorization_required' ? grantAgain(authorizeCommand()) : (cause?.hint ?? hint),
    },
  )
}

/** The access token has ended, and the vendor gave no refresh token. */
export const withoutRefreshToken = ({ secretId, authorizeCommand, renewalNeeds }: User) => {
  const again = grantAgain(authorizeCommand())
  return new OperationError(
    'reauthorization_required',
    {
      en: `The access token in secret "${secretId}" has ended and cannot be renewed: the vendor gave no refresh token.`,
      zh: `密钥 "${secretId}" 中的访问令牌已到期且无法刷新：厂商未返回 refresh_token。`,
    },
    { hint: { en: `${renewalNeeds.en} ${again.en}`, zh: `${renewalNeeds.zh}${again.zh}` } },
  )
}
