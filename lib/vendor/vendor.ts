/** What a vendor is to this bundle. */
import type { Kind, Scope, Text } from '../error.ts'
import type { VendorResponse } from '../request.ts'
import type { TokenBudget } from '../tokens/budget.ts'

/**
 * What one documented code means: a kind of failure, or the wanted state already reached, or a token to renew. `hint`
 * says what to do where the kind's own hint is not precise enough; `waitMs` is the shortest sensible wait. `final` marks the
 * vendor's last word on a grant or a person, by its documents: asked again, it would say the same. `scope` and `patienceMs`,
 * how long the queue tries again, are given where they are not the usual ones. `unregistered` says what else to check where the register
 * has never seen what the call was about.
 */
export type Meaning = {
  means: Text
  hint?: Text
  waitMs?: number
  final?: true
  scope?: Scope
  patienceMs?: number
  unregistered?: Text
} & ({ kind: Kind } | { outcome: 'unchanged' } | { tokenRejected: true })

/** One row for each documented code, by the code as the vendor sends it. */
export type CodeTable = Readonly<Record<string, Meaning>>

/** On whose behalf to act. `userId` is the vendor's id of the user whose own token is (or may be) needed. */
export type Identity = {
  as: 'tenant' | 'user'
  userId?: string | undefined
  tenantKey?: string | undefined
  /** The user is to take something over: that they have left is an error, not an end. */
  mustBeActive?: boolean
}

/** A token to act with. `reject` tells the cache that the vendor refused it; `authorizeCommand` names what has a user grant access again. */
export type Credential = {
  accessToken: string
  actsAs: 'tenant' | 'user'
  reject: () => void
  authorizeCommand?: () => string
}

/** An answer in one shape for both vendors; `code` is null where the vendor sends none. */
export type Answer = {
  json: Record<string, unknown>
  failed: boolean
  code: string | null
  /** As the vendor sent it. */
  message: string
  requestId: string | null
  /** Scopes that are missing, the one that allows least first where any one of them is enough. */
  missingScopes?: { scopes: string[]; oneIsEnough: boolean }
  /** Fields of the request that the vendor calls invalid. */
  invalidFields?: string[]
  /** How long the body asks to wait. Milliseconds. */
  waitMs?: number
}

/** How a vendor answers, whatever it was asked. */
export type ResponseParser = {
  name: 'feishu' | 'dingtalk'
  /** Codes any of the vendor's APIs may answer. */
  codes: CodeTable
  /** A row for codes that share a prefix. */
  codePrefixes: CodeTable
  parse: (json: Record<string, unknown>, response: VendorResponse) => Answer
}

export type Vendor = ResponseParser & {
  baseUrl: () => string
  headers: (accessToken: string) => Record<string, string>
  /** The query parameter in which the vendor wants the access token, where headers are not enough. Such a URL is never logged. */
  tokenQuery?: string
  credential: (identity: Identity, budget: TokenBudget) => Promise<Credential>
  /** The vendor's id of the user to whom a token belongs. Asks the vendor and changes nothing; throws `OperationError`. */
  ownerOf: (
    accessToken: string,
    remainingMs: number,
    authorizeCommand?: Credential['authorizeCommand'],
  ) => Promise<string>
}
