/** Why a user's tokens cannot be had, and how long that stands. */
import { type Kind, OperationError, type Text } from '../error.ts'
import { grantAgain, type User } from './user-secret.ts'

const DAY_MS = 24 * 60 * 60_000

/** How long a refusal stands, unless new tokens are stored before. Who is frozen may come back. */
export const VERDICT_MS = { reauthorization_required: 400 * DAY_MS, not_found: 400 * DAY_MS, forbidden: DAY_MS }
export type VerdictKind = keyof typeof VERDICT_MS
const isVerdict = (kind: Kind): kind is VerdictKind => Object.hasOwn(VERDICT_MS, kind)
/** The kind that `error` is a verdict of; undefined when the vendor may say something else the next time. */
export const verdictOf = ({ kind, final }: OperationError): VerdictKind | undefined =>
  final && isVerdict(kind) ? kind : undefined

export const busy = (retryAfterMs: number) =>
  new OperationError(
    'unavailable',
    { en: "The user's tokens are being renewed.", zh: '正在刷新该用户的令牌。' },
    { retryAfterMs },
  )

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
      final: true,
      hint: kind === 'reauthorization_required' ? grantAgain(authorizeCommand) : (cause?.hint ?? hint),
    },
  )
}

export const withoutRefreshToken = ({ secretId, authorizeCommand, renewalNeeds }: User) => {
  const again = grantAgain(authorizeCommand)
  return new OperationError(
    'reauthorization_required',
    {
      en: `The access token in secret "${secretId}" has ended and cannot be renewed: the vendor gave no refresh token.`,
      zh: `密钥 "${secretId}" 中的访问令牌已到期且无法刷新：厂商未返回 refresh_token。`,
    },
    { hint: { en: `${renewalNeeds.en} ${again.en}`, zh: `${renewalNeeds.zh}${again.zh}` } },
  )
}
