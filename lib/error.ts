/** The error taxonomy: one class, a closed set of kinds, and everything a caller or operator needs derived from the kind. */

/** A user-facing text in both languages. */
export type Text = { en: string; zh: string }

/**
 * What a failure is about: this `item`, the `user` who acts, everything in the rate-limit `bucket`, or `us`: this code, and the
 * services of AWS that it needs.
 */
export type Scope = 'item' | 'user' | 'bucket' | 'us'

/**
 * What the queue does after a failure: park the item, count it as done, hold the bucket until a probe succeeds, or wait,
 * as the item may be at fault or everything around it.
 */
type QueuePolicy = 'park' | 'gone' | 'hold' | 'wait'

type KindPolicy = { status: number; retryable: boolean; scope: Scope; queue: QueuePolicy; title: Text; hint: Text }

/** Every kind with its HTTP status, whether repeating the same call can help, its usual scope, what the queue does, and default texts. */
export const KINDS = {
  invalid_request: {
    status: 400,
    retryable: false,
    scope: 'item',
    queue: 'park',
    title: { en: 'Invalid request', zh: '请求无效' },
    hint: {
      en: 'Check the ids that were sent, correct the wrong one and send it again.',
      zh: '请检查所发送的 ID，更正错误的一项后重新发送。',
    },
  },
  forbidden: {
    status: 403,
    retryable: false,
    scope: 'item',
    queue: 'park',
    title: { en: 'Forbidden', zh: '无权操作' },
    hint: {
      en: 'Give the acting identity access to this resource, or act as a user who has it.',
      zh: '请为当前身份授予该资源的权限，或改用有权限的身份。',
    },
  },
  not_found: {
    status: 404,
    retryable: false,
    scope: 'item',
    queue: 'gone',
    title: { en: 'Not found', zh: '不存在' },
    hint: {
      en: 'Check the id; if it is right, nothing is left to stop.',
      zh: '请检查 ID；若 ID 无误，则已没有需要停止的订阅。',
    },
  },
  reauthorization_required: {
    status: 409,
    retryable: false,
    scope: 'user',
    queue: 'park',
    title: { en: 'Reauthorization required', zh: '需要用户重新授权' },
    hint: {
      en: "Have this user grant access again and store the new tokens in the user's secret.",
      zh: '请让该用户重新授权，并将新的令牌写入其密钥。',
    },
  },
  rate_limited: {
    status: 429,
    retryable: true,
    scope: 'bucket',
    queue: 'hold',
    title: { en: 'Rate limited', zh: '触发频率限制' },
    hint: { en: 'Wait for the time given in Retry-After, then repeat.', zh: '请等待 Retry-After 所示时间后重试。' },
  },
  quota_exhausted: {
    status: 429,
    retryable: false,
    scope: 'bucket',
    queue: 'hold',
    title: { en: 'Quota exhausted', zh: '调用配额已用尽' },
    hint: {
      en: 'Buy more quota, or wait for the next month: queued work is tried every six hours.',
      zh: '请购买更多配额，或等到下个月：排队的任务每六小时重试一次。',
    },
  },
  misconfigured: {
    status: 502,
    retryable: false,
    scope: 'bucket',
    queue: 'hold',
    title: { en: 'Misconfigured', zh: '配置有误' },
    hint: {
      en: 'Check the credentials, scopes, IP allow-list and installation of the app.',
      zh: '请检查应用的凭证、权限范围、IP 白名单与安装状态。',
    },
  },
  protocol: {
    status: 502,
    retryable: false,
    scope: 'item',
    queue: 'park',
    title: { en: 'Vendor answer not understood', zh: '无法理解厂商的应答' },
    hint: {
      en: 'Look the request id up with the vendor before you repeat the call.',
      zh: '请先凭请求 ID 向厂商查询，再重复调用。',
    },
  },
  unavailable: {
    status: 503,
    retryable: true,
    scope: 'bucket',
    queue: 'wait',
    title: { en: 'Unavailable', zh: '服务暂不可用' },
    hint: { en: 'Repeat the call later.', zh: '请稍后重试。' },
  },
  timeout: {
    status: 504,
    retryable: true,
    scope: 'bucket',
    queue: 'wait',
    title: { en: 'No answer in time', zh: '未在时限内应答' },
    hint: { en: 'Repeat the call later.', zh: '请稍后重试。' },
  },
  internal: {
    status: 500,
    retryable: false,
    scope: 'us',
    queue: 'park',
    title: { en: 'Internal error', zh: '内部错误' },
    hint: {
      en: 'Report this with the request id in "instance".',
      zh: '请附上 "instance" 中的请求 ID 反馈此问题。',
    },
  },
} as const satisfies Record<string, KindPolicy>

export type Kind = keyof typeof KINDS

/** What a vendor said: `code` as it was sent, as a string; `requestId` is what the vendor's support asks for. */
export type Upstream = {
  vendor: string
  status: number
  code: string | null
  message: string
  requestId: string | null
}

type Details = {
  hint?: Text | undefined
  /** How long the vendor asks to wait, or the shortest sensible wait. Milliseconds. */
  retryAfterMs?: number | undefined
  /** How long the vendor itself asks to wait. Milliseconds. */
  askedMs?: number | undefined
  upstream?: Upstream | undefined
  /** The vendor called the access token invalid: worth one renewal and one replay. */
  tokenRejected?: boolean
  /** The vendor's last word on a grant or a person, by its documents. */
  final?: boolean
  /** Where it is not that of the kind. */
  scope?: Scope | undefined
  /** Where it is not that of the kind and the scope. */
  queue?: QueuePolicy | undefined
  /** How long the queue tries again, where it is not the usual time. Milliseconds. */
  patienceMs?: number | undefined
  /** What else to check where the register has never seen what the call was about. */
  unregistered?: Text | undefined
  /** Of the HTTP answer, where it is not that of the kind. */
  status?: number | undefined
}

/**
 * The only error class that leaves this bundle. `message` is the English detail: what failed and for whom, never a
 * token, a secret or a body. Nothing of the original error is kept, since HTTP errors carry headers and parse errors
 * carry content.
 */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  readonly kind: Kind
  readonly detail: Text
  readonly hint: Text
  readonly retryAfterMs: number | undefined
  readonly askedMs: number | undefined
  readonly upstream: Upstream | undefined
  readonly tokenRejected: boolean
  readonly final: boolean
  readonly patienceMs: number | undefined
  readonly unregistered: Text | undefined
  readonly status: number
  readonly #queue: QueuePolicy | undefined
  scope: Scope
  /** Vendor calls made before this was given up; set by `execute`. */
  attempts = 0

  constructor(kind: Kind, detail: Text, details: Details = {}) {
    const { hint, retryAfterMs, askedMs, upstream, tokenRejected, final, scope, queue } = details
    const { patienceMs, unregistered, status } = details
    super(detail.en)
    this.kind = kind
    this.detail = detail
    this.hint = hint ?? KINDS[kind].hint
    this.retryAfterMs = retryAfterMs
    this.askedMs = askedMs
    this.upstream = upstream
    this.tokenRejected = tokenRejected ?? false
    this.final = final ?? false
    this.patienceMs = patienceMs
    this.unregistered = unregistered
    this.status = status ?? KINDS[kind].status
    this.#queue = queue
    // Without a code it was not the vendor's API that answered, so that it says nothing about the item.
    const isForeign = kind === 'protocol' && !upstream?.code
    this.scope = scope ?? (isForeign ? 'bucket' : KINDS[kind].scope)
  }

  /** What the queue does: by the kind, and the scope where that is not the kind's own. */
  get queue(): QueuePolicy {
    if (this.#queue) return this.#queue
    const { queue } = KINDS[this.kind]
    const isCommon = this.scope === 'bucket' || this.scope === 'us'
    if (this.kind === 'protocol' && isCommon) return 'wait'
    return queue === 'hold' && !isCommon ? 'wait' : queue
  }

  get retryable(): boolean {
    return KINDS[this.kind].retryable
  }

  /** The wait to tell a caller who may repeat the call: the vendor's, or 5 s where it gave none. Milliseconds. */
  get callerWaitMs(): number | undefined {
    return this.retryable ? (this.retryAfterMs ?? 5_000) : undefined
  }
}

/**
 * Returns an `OperationError` unchanged; wraps anything else as `internal`, dropping its message because it may contain user
 * data.
 */
export const toOperationError = (error: unknown): OperationError =>
  error instanceof OperationError
    ? error
    : new OperationError('internal', { en: 'The function failed unexpectedly.', zh: '函数意外失败。' })
