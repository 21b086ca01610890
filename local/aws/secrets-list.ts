/** Describing and listing secrets: filters and pages as the AWS documentation has them. */
import type { Filter, ListSecretsRequest } from '@aws-sdk/client-secrets-manager'
import { AwsError } from './json-server.ts'
import type { Secret, SecretStore } from './secret-store.ts'

/**
 * One page of the active secrets in the order of creation. The token of the next page is a position, so that secrets
 * created or deleted between two pages never hide another one.
 */
export function list(store: SecretStore, input: ListSecretsRequest) {
  const size = input.MaxResults ?? 100
  if (size < 1 || size > 100) throw invalid('MaxResults must be between 1 and 100.')
  const cursor = input.NextToken === undefined ? undefined : Number(Buffer.from(input.NextToken, 'base64').toString())
  if (Number.isNaN(cursor)) throw new AwsError('InvalidNextTokenException', 'The NextToken is invalid.')
  const direction = input.SortOrder === 'desc' ? -1 : 1
  const ordered = [...store.secrets.values()]
  const found: Secret[] = []
  for (const { name, serial } of direction === 1 ? ordered : ordered.reverse()) {
    if (cursor !== undefined && serial * direction <= cursor * direction) continue
    const secret = store.peek(name)
    if (!secret || (secret.deletedDate !== undefined && !input.IncludePlannedDeletion)) continue
    if (!(input.Filters ?? []).every((filter) => passes(secret, filter))) continue
    if (found.push(secret) > size) break
  }
  const page = found.slice(0, size)
  const last = found.length > size ? page.at(-1) : undefined
  return {
    SecretList: page.map((secret) => describe(secret, 'SecretVersionsToStages')),
    ...(last && { NextToken: Buffer.from(String(last.serial)).toString('base64') }),
  }
}

/** What DescribeSecret and ListSecrets say of a secret; they differ in what they call its labelled versions. */
export function describe(secret: Secret, stagesKey: 'VersionIdsToStages' | 'SecretVersionsToStages') {
  const labelled = [...secret.versions.values()].filter((version) => version.stages.size > 0)
  return {
    ARN: secret.arn,
    Name: secret.name,
    ...(secret.description !== undefined && { Description: secret.description }),
    [stagesKey]: Object.fromEntries(labelled.map((version) => [version.id, [...version.stages]])),
    Tags: [...secret.tags].map(([Key, Value]) => ({ Key, Value })),
    CreatedDate: seconds(secret.createdAt),
    LastChangedDate: seconds(secret.changedAt),
    ...(secret.deletedDate !== undefined && { DeletedDate: seconds(secret.deletedDate) }),
  }
}

/** One value of a filter suffices, `!` in front of it negates; all comparisons are by prefix. */
function passes(secret: Secret, filter: Filter): boolean {
  const texts = {
    name: [secret.name],
    description: [secret.description ?? ''],
    'tag-key': [...secret.tags.keys()],
    'tag-value': [...secret.tags.values()],
  }[filter.Key as string]
  if (!texts) throw invalid(`The filter ${filter.Key} is not emulated.`)
  const fold = (text: string) => (filter.Key === 'description' ? text.toLowerCase() : text)
  return (filter.Values ?? []).some((value) => {
    const prefix = fold(value.replace(/^!/, ''))
    return texts.some((text) => fold(text).startsWith(prefix)) !== value.startsWith('!')
  })
}

const invalid = (message: string) => new AwsError('InvalidParameterException', message)
const seconds = (ms: number) => ms / 1000
