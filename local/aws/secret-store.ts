/** Secrets, their versions and staging labels, with the rules of the AWS documentation; no HTTP here. */
import { createHash, randomUUID } from 'node:crypto'
import { AwsError } from './json-server.ts'

/** The payload of a version. Binary is base64, as on the wire. */
export type Content = { SecretString?: string; SecretBinary?: string }

/** A version without stages is deprecated: still there by id, but AWS may remove it at any time. */
export type Version = { id: string; content: Content; stages: Set<string>; createdAt: number }

export type Secret = {
  name: string
  arn: string
  description?: string
  versions: Map<string, Version>
  tags: Map<string, string>
  createdAt: number
  changedAt: number
  /** When the recovery window ends; unset while the secret is active. */
  deletedDate?: number
  /** Position in the order of creation. */
  serial: number
}

const CURRENT = 'AWSCURRENT'
const PREVIOUS = 'AWSPREVIOUS'
const MAX_VERSIONS = 100
const DAY_MS = 86_400_000

/** The store behind the wire. Every method is synchronous, so concurrent callers are served one after the other. */
export class SecretStore {
  readonly secrets = new Map<string, Secret>()
  readonly now: () => number
  private readonly arnPrefix: string
  private serial = 0

  constructor(options: { region: string; account: string; now: () => number }) {
    this.now = options.now
    this.arnPrefix = `arn:aws:secretsmanager:${options.region}:${options.account}:secret:`
  }

  create(name: string, description?: string): Secret {
    if (!/^[A-Za-z0-9/_+=.@!-]{1,512}$/.test(name)) throw new AwsError('ValidationException', 'Invalid name')
    const suffix = createHash('sha256').update(name).digest('hex').slice(0, 6)
    const at = this.now()
    const secret: Secret = {
      name,
      arn: `${this.arnPrefix}${name}-${suffix}`,
      versions: new Map(),
      tags: new Map(),
      createdAt: at,
      changedAt: at,
      serial: this.serial++,
    }
    if (description !== undefined) secret.description = description
    this.secrets.set(name, secret)
    return secret
  }

  /** By name, full ARN or ARN without its random suffix; a secret whose recovery window has ended is gone. */
  peek(id: string): Secret | undefined {
    const name = id.startsWith(this.arnPrefix) ? id.slice(this.arnPrefix.length) : id
    const named = this.secrets.get(name)
    const byArn = this.secrets.get(name.replace(/-\w{6}$/, ''))
    const secret = named ?? (byArn?.arn === id ? byArn : undefined)
    if (secret?.deletedDate === undefined || secret.deletedDate > this.now()) return secret
    this.secrets.delete(secret.name)
    return undefined
  }

  /** The secret, also when it is scheduled for deletion. */
  find(id: string | undefined): Secret {
    const secret = this.peek(id ?? '')
    if (!secret) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    return secret
  }

  /** The secret, refused when it is scheduled for deletion. */
  active(id: string | undefined): Secret {
    const secret = this.find(id)
    if (secret.deletedDate === undefined) return secret
    throw new AwsError(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    )
  }

  /**
   * Adds a version named by the caller's token. The same token with the same content changes nothing; with other
   * content it is refused. Without stages the version becomes current, and the first version always does.
   */
  put(secret: Secret, token: string, content: Content, stages?: string[]): Version {
    const existing = secret.versions.get(token)
    if (existing) {
      const same = (['SecretString', 'SecretBinary'] as const).every((key) => existing.content[key] === content[key])
      if (same) return existing
      throw new AwsError(
        'ResourceExistsException',
        `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
      )
    }
    this.makeRoom(secret)
    const first = secret.versions.size === 0
    const version: Version = { id: token, content, stages: new Set(), createdAt: this.now() }
    secret.versions.set(token, version)
    for (const stage of new Set([...(first || !stages ? [CURRENT] : []), ...(stages ?? [])]))
      this.label(secret, stage, version)
    return version
  }

  /** Moves a staging label to a version, taking it from the one that holds it; AWSPREVIOUS follows AWSCURRENT. */
  label(secret: Secret, stage: string, version: Version): void {
    const holder = this.holder(secret, stage)
    if (holder === version) return
    holder?.stages.delete(stage)
    version.stages.add(stage)
    secret.changedAt = this.now()
    if (stage === CURRENT && holder) this.label(secret, PREVIOUS, holder)
  }

  holder(secret: Secret, stage: string): Version | undefined {
    return [...secret.versions.values()].find((version) => version.stages.has(stage))
  }

  /** Writes a value as the current version, or under `stages`, without a request: how a test or a demo sets the scene. */
  seed(
    name: string,
    value: unknown,
    options: { tags?: Record<string, string>; versionId?: string; stages?: string[] } = {},
  ): Secret {
    const secret = this.peek(name) ?? this.create(name)
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    this.put(secret, options.versionId ?? randomUUID(), { SecretString: text }, options.stages)
    for (const [key, tag] of Object.entries(options.tags ?? {})) secret.tags.set(key, tag)
    return secret
  }

  /** AWS keeps about a hundred versions and removes deprecated ones only when they are older than a day. */
  private makeRoom(secret: Secret): void {
    if (secret.versions.size < MAX_VERSIONS) return
    const yesterday = this.now() - DAY_MS
    const stale = [...secret.versions.values()].find(
      (version) => version.stages.size === 0 && version.createdAt < yesterday,
    )
    if (!stale) throw new AwsError('LimitExceededException', 'The secret has too many versions.')
    secret.versions.delete(stale.id)
  }
}
