/** AWS Secrets Manager at wire level, in memory, for the demo and the tests. */
import type * as Api from '@aws-sdk/client-secrets-manager'
import { AwsError, type AwsJsonOptions, type AwsJsonService, startAwsJson } from './json-server.ts'
import { type Content, type Secret, SecretStore } from './secret-store.ts'
import { describe, list } from './secrets-list.ts'

export type SecretsManagerOptions = AwsJsonOptions & {
  /** Values by name: a string as it is, anything else as JSON. */
  secrets?: Record<string, unknown>
  now?: () => number
  region?: string
  account?: string
}

export type SecretsManager = AwsJsonService & {
  /** The live state: versions with their stages and content, tags, deletion date. */
  readonly secrets: Map<string, Secret>
  /** Writes a value as the current version without a request being recorded. */
  seed: SecretStore['seed']
  /** How often an operation was called, for one secret id when it is given. */
  count(operation: string, secretId?: string): number
}

/** Starts the service on loopback. Errors, staging labels and request tokens follow the AWS documentation. */
export async function startSecretsManager(options: SecretsManagerOptions = {}): Promise<SecretsManager> {
  const { region = 'ap-southeast-1', account = '000000000000', now = Date.now, secrets = {}, ...served } = options
  const store = new SecretStore({ region, account, now })
  for (const [name, value] of Object.entries(secrets)) store.seed(name, value)
  const service = await startAwsJson(secretsManagerOperations(store), served)
  return {
    ...service,
    secrets: store.secrets,
    seed: store.seed.bind(store),
    count: (operation, secretId) =>
      service.requests.filter(
        (request) => request.operation === operation && (!secretId || request.input.SecretId === secretId),
      ).length,
  }
}

const seconds = (ms: number) => ms / 1000
const invalid = (message: string) => new AwsError('InvalidParameterException', message)

/** The operations of the API on a store, by name: input in, output out, `AwsError` thrown. */
export function secretsManagerOperations(store: SecretStore) {
  return {
    CreateSecret(input: Wire<Api.CreateSecretRequest>) {
      const known = store.peek(input.Name ?? '')
      if (known?.deletedDate !== undefined)
        throw new AwsError(
          'InvalidRequestException',
          "You can't create this secret because a secret with this name is already scheduled for deletion.",
        )
      const content = contentOf(input)
      const token = content && tokenOf(input)
      if (known && !(token && known.versions.has(token)))
        throw new AwsError(
          'ResourceExistsException',
          `The operation failed because the secret ${input.Name} already exists.`,
        )
      const secret = known ?? store.create(input.Name ?? '', input.Description)
      if (!known) tag(secret, input.Tags)
      const version = content && token ? store.put(secret, token, content) : undefined
      return { ...identity(secret), ...(version && { VersionId: version.id }) }
    },

    PutSecretValue(input: Wire<Api.PutSecretValueRequest>) {
      const secret = store.active(input.SecretId)
      const content = contentOf(input)
      if (!content) throw invalid('You must provide either SecretString or SecretBinary.')
      const stages = input.VersionStages
      if (stages && (stages.length < 1 || stages.length > 20)) throw invalid('VersionStages takes 1 to 20 labels.')
      const version = store.put(secret, tokenOf(input), content, stages)
      return { ...identity(secret), VersionId: version.id, VersionStages: [...version.stages] }
    },

    GetSecretValue(input: Api.GetSecretValueRequest) {
      const secret = store.active(input.SecretId)
      const { VersionId: id, VersionStage: stage = id ? undefined : 'AWSCURRENT' } = input
      const version = id ? secret.versions.get(id) : store.holder(secret, stage ?? '')
      if (!version)
        throw new AwsError(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for ${id ? `VersionId: ${id}` : `staging label: ${stage}`}`,
        )
      if (stage && !version.stages.has(stage))
        throw new AwsError(
          'InvalidRequestException',
          'You provided a VersionStage that is not associated to the provided VersionId.',
        )
      return {
        ...identity(secret),
        VersionId: version.id,
        ...version.content,
        ...(version.stages.size > 0 && { VersionStages: [...version.stages] }),
        CreatedDate: seconds(version.createdAt),
      }
    },

    UpdateSecretVersionStage(input: Api.UpdateSecretVersionStageRequest) {
      const secret = store.active(input.SecretId)
      const stage = input.VersionStage
      if (!stage) throw invalid('You must provide VersionStage.')
      const holder = store.holder(secret, stage)
      if ((holder || input.RemoveFromVersionId) && holder?.id !== input.RemoveFromVersionId)
        throw invalid(
          `RemoveFromVersionId must name the version that ${stage} is attached to: ${holder?.id ?? 'none'}.`,
        )
      const target = input.MoveToVersionId ? secret.versions.get(input.MoveToVersionId) : undefined
      if (input.MoveToVersionId && !target)
        throw new AwsError(
          'ResourceNotFoundException',
          `Secrets Manager can't find the specified secret value for VersionId: ${input.MoveToVersionId}`,
        )
      if (stage === 'AWSCURRENT' && !target) throw invalid('You can only move AWSCURRENT to another version.')
      if (target) store.label(secret, stage, target)
      else holder?.stages.delete(stage)
      return identity(secret)
    },

    DescribeSecret: (input: Api.DescribeSecretRequest) => describe(store.find(input.SecretId), 'VersionIdsToStages'),

    ListSecrets: (input: Api.ListSecretsRequest) => list(store, input),

    TagResource(input: Api.TagResourceRequest) {
      tag(store.active(input.SecretId), input.Tags)
    },

    UntagResource(input: Api.UntagResourceRequest) {
      const secret = store.active(input.SecretId)
      for (const key of input.TagKeys ?? []) secret.tags.delete(key)
    },

    DeleteSecret(input: Api.DeleteSecretRequest) {
      const { RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: force } = input
      if (force && days !== undefined)
        throw invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
      if (days !== undefined && (days < 7 || days > 30))
        throw invalid('RecoveryWindowInDays must be between 7 and 30 days (inclusive).')
      const secret = force ? store.find(input.SecretId) : store.active(input.SecretId)
      const date = store.now() + (force ? 0 : (days ?? 30) * 86_400_000)
      if (force) store.secrets.delete(secret.name)
      else secret.deletedDate = date
      return { ARN: secret.arn, Name: secret.name, DeletionDate: seconds(date) }
    },

    RestoreSecret(input: Api.RestoreSecretRequest) {
      const secret = store.find(input.SecretId)
      delete secret.deletedDate
      return identity(secret)
    },
  }
}

type Wire<T> = Omit<T, 'SecretBinary'> & Content & { ClientRequestToken?: string | undefined }

const identity = (secret: Secret) => ({ ARN: secret.arn, Name: secret.name })

function tokenOf({ ClientRequestToken: token }: { ClientRequestToken?: string | undefined }): string {
  if (!token) throw invalid('You must provide a ClientRequestToken value. We recommend a UUID-type value.')
  if (token.length < 32 || token.length > 64) throw invalid('ClientRequestToken must be 32-64 characters long.')
  return token
}

function contentOf(input: Content): Content | undefined {
  const { SecretString, SecretBinary } = input
  if (SecretString !== undefined && SecretBinary !== undefined)
    throw invalid("You can't specify both a binary secret value and a string secret value in the same secret.")
  if (Buffer.byteLength(SecretString ?? SecretBinary ?? '') > 65_536) throw invalid('The secret value is too long.')
  if (SecretString !== undefined) return { SecretString }
  return SecretBinary === undefined ? undefined : { SecretBinary }
}

function tag(secret: Secret, tags: Api.Tag[] = []): void {
  for (const { Key: key, Value: value = '' } of tags) {
    if (!key || key.length > 128 || value.length > 256)
      throw invalid('A tag key takes 1 to 128 characters, a value 256.')
    if (key.startsWith('aws:')) throw invalid('A tag key must not start with aws:.')
  }
  const keys = new Set([...secret.tags.keys(), ...tags.map(({ Key }) => Key)])
  if (keys.size > 50) throw invalid('A secret takes at most 50 tags.')
  for (const { Key: key = '', Value: value = '' } of tags) secret.tags.set(key, value)
}
