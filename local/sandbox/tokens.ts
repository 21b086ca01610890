/** The tokens a vendor has issued: app and tenant tokens, pairs of user tokens, authorization codes. */

import { randomBytes } from 'node:crypto'

/** Feishu: `tenant`, `app`, `user`. DingTalk: `app` (internal), `corp` (third-party enterprise), `user`. */
export type TokenKind = 'tenant' | 'app' | 'corp' | 'user'

export interface AccessToken {
  token: string
  kind: TokenKind
  appId: string
  tenantKey: string
  userId?: string
  scope?: string
  expiresAt: number
}

/** What a user once agreed to; every pair refreshed from it belongs to it. */
export interface Grant {
  appId: string
  tenantKey: string
  userId: string
  scope: string
  authorizedAt: number
}

export interface RefreshToken {
  token: string
  grant: Grant
  accessToken: string
  expiresAt: number
  status: 'live' | 'used' | 'revoked' | 'v1'
}

export interface AuthorizationCode {
  grant: Grant
  redirectUri: string
  challenge?: { value: string; method: string }
  expiresAt: number
  used: boolean
}

interface Pair {
  access: AccessToken
  refresh: RefreshToken
}

/** One vendor's register of tokens. It keeps no clock: callers pass the time in milliseconds. */
export class TokenBook {
  readonly access = new Map<string, AccessToken>()
  readonly refresh = new Map<string, RefreshToken>()
  readonly codes = new Map<string, AuthorizationCode>()
  readonly #newest = new Map<string, AccessToken>()

  /** The newest app-level token while it satisfies `keep`, else a new one; the older ones stay as they are. */
  ofApp(owner: Omit<AccessToken, 'token'>, prefix: string, keep: (newest: AccessToken) => boolean): AccessToken {
    const key = `${owner.kind} ${owner.appId} ${owner.tenantKey}`
    const newest = this.#newest.get(key)
    if (newest !== undefined && keep(newest)) return newest
    const issued = this.#add({ ...owner, token: secret(prefix) })
    this.#newest.set(key, issued)
    return issued
  }

  /** A new pair of user tokens under a grant; `scope` narrows the access token only. */
  pair(grant: Grant, prefix: string, accessUntil: number, refreshUntil: number, scope = grant.scope): Pair {
    return this.known(grant, secret(prefix), accessUntil, secret(`${prefix}r-`), refreshUntil, 'live', scope)
  }

  /** Registers a pair whose tokens are given, as the world's are. */
  known(
    grant: Grant,
    accessToken: string,
    accessUntil: number,
    refreshToken: string,
    refreshUntil: number,
    status: RefreshToken['status'] = 'live',
    scope = grant.scope,
  ): Pair {
    const { appId, tenantKey, userId } = grant
    const access = this.#add({
      token: accessToken,
      kind: 'user',
      appId,
      tenantKey,
      userId,
      scope,
      expiresAt: accessUntil,
    })
    const refresh: RefreshToken = { token: refreshToken, grant, accessToken, expiresAt: refreshUntil, status }
    this.refresh.set(refreshToken, refresh)
    return { access, refresh }
  }

  /** An authorization code, to be exchanged once. */
  code(issued: Omit<AuthorizationCode, 'used'>): string {
    const code = secret('code-')
    this.codes.set(code, { ...issued, used: false })
    return code
  }

  /** Revokes every refresh token of a grant that is still alive. */
  revoke(grant: Grant): void {
    for (const token of this.refresh.values()) {
      if (token.grant === grant && token.status === 'live') token.status = 'revoked'
    }
  }

  #add(token: AccessToken): AccessToken {
    this.access.set(token.token, token)
    return token
  }
}

/** A random token that cannot be mistaken for a real one. */
export const secret = (prefix: string): string => `${prefix}sandbox-${randomBytes(12).toString('hex')}`
