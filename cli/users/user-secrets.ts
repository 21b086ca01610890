/** The users' secrets as operators handle them: list, write, schedule for deletion, restore. Reads no secret value. */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type SecretListEntry,
  SecretsManagerClient,
  TagResourceCommand,
} from '@aws-sdk/client-secrets-manager'
import { getTaggedState, TAGS, tagsOf, type UserSecret } from '../../lib/tokens/user-secret.ts'
import { failed, nameOf } from '../aws-errors.ts'
import { CommandError } from '../command.ts'

export type Vendor = 'feishu' | 'dingtalk'

/** A stored user, read from the secret's name and tags; null where a tag is missing. */
export type StoredUser = {
  vendor: Vendor
  id: string
  secretId: string
  state: string | null
  refreshTokenExpiresAt: string | null
  scheduledForDeletion: boolean
}

export const RECOVERY_DAYS = 30

let client: SecretsManagerClient | undefined
/** Made when it is needed: by then the environment says which stack is meant. */
const getClient = () => {
  client ??= new SecretsManagerClient({
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 },
  })
  return client
}

/**
 * Every secret below the prefixes, those scheduled for deletion included, by vendor and id. An app's own secret is no
 * user, and a secret below two prefixes belongs to the longer one. `onPage` hears how many were read.
 */
export async function listUsers(
  prefixes: Record<Vendor, string>,
  appSecrets: string[],
  onPage: (users: number) => void,
): Promise<StoredUser[]> {
  const byLength = (Object.entries(prefixes) as [Vendor, string][]).sort(([, a], [, b]) => b.length - a.length)
  const users: StoredUser[] = []
  let NextToken: string | undefined
  do {
    const page = await getClient()
      .send(
        new ListSecretsCommand({
          Filters: [{ Key: 'name', Values: Object.values(prefixes) }],
          IncludePlannedDeletion: true,
          MaxResults: 100,
          NextToken,
        }),
      )
      .catch(failed('secretsmanager:ListSecrets'))
    for (const entry of page.SecretList ?? []) {
      const [vendor, prefix] = byLength.find(([, start]) => entry.Name?.startsWith(start)) ?? []
      if (!vendor || !prefix || entry.Name === prefix || appSecrets.includes(entry.Name ?? '')) continue
      users.push(userOf(vendor, prefix, entry))
    }
    NextToken = page.NextToken
    onPage(users.length)
  } while (NextToken)
  return users.sort((a, b) => a.vendor.localeCompare(b.vendor) || (a.id < b.id ? -1 : 1))
}

function userOf(vendor: Vendor, prefix: string, { Name = '', Tags = [], DeletedDate }: SecretListEntry): StoredUser {
  const tags = Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value]))
  const id = Name.slice(prefix.length)
  return {
    vendor,
    id,
    secretId: Name,
    state: getTaggedState(tags, id) ?? null,
    refreshTokenExpiresAt: tags[TAGS.refreshTokenExpiresAt] ?? null,
    scheduledForDeletion: DeletedDate !== undefined,
  }
}

/** Whether the secret is there; also shows early that Secrets Manager can be reached. */
export async function presenceOf(id: string): Promise<'missing' | 'present' | 'scheduled'> {
  try {
    const { DeletedDate } = await getClient().send(new DescribeSecretCommand({ SecretId: id }))
    return DeletedDate ? 'scheduled' : 'present'
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return 'missing'
    return failed('secretsmanager:DescribeSecret', id)(error)
  }
}

/**
 * Stores the tokens of the user `owner` and tags the secret, which is made when it is missing and restored when it is scheduled for
 * deletion. What was stored before stays the previous version.
 */
export async function writeUser(
  id: string,
  secret: UserSecret,
  owner: string,
  kmsKeyId: string | undefined,
): Promise<void> {
  const Tags = Object.entries({ ...tagsOf(secret), [TAGS.owner]: owner }).map(([Key, Value]) => ({ Key, Value }))
  const SecretString = JSON.stringify(secret)
  for (let tries = 1; ; tries++) {
    try {
      await getClient().send(new PutSecretValueCommand({ SecretId: id, SecretString }))
      break
    } catch (error) {
      const name = nameOf(error)
      const mendable = name === 'ResourceNotFoundException' || name === 'InvalidRequestException'
      if (!mendable || tries === 5) return failed('secretsmanager:PutSecretValue', id)(error)
      if (name === 'InvalidRequestException') await restore(id)
      else if (await created({ Name: id, SecretString, Tags, KmsKeyId: kmsKeyId })) return
      // Secrets Manager may need a moment until a change is seen by the next call.
      if (tries > 1) await sleep(1_000)
    }
  }
  await getClient()
    .send(new TagResourceCommand({ SecretId: id, Tags }))
    .catch((error: unknown) => {
      const outcome = `The tokens are stored in "${id}", but its tags are not (${nameOf(error)})`
      throw new CommandError(`${outcome}: without them the tokens are not renewed. Run this again.`)
    })
}

/** False when it was created elsewhere meanwhile. */
async function created(input: CreateSecretCommand['input']): Promise<boolean> {
  try {
    await getClient().send(new CreateSecretCommand(input))
    return true
  } catch (error) {
    if (nameOf(error) === 'ResourceExistsException') return false
    return failed('secretsmanager:CreateSecret', input.Name)(error)
  }
}

export async function scheduleDeletion(id: string): Promise<void> {
  const input = { SecretId: id, RecoveryWindowInDays: RECOVERY_DAYS }
  await getClient().send(new DeleteSecretCommand(input)).catch(failed('secretsmanager:DeleteSecret', id))
}

export async function restore(id: string): Promise<void> {
  await getClient()
    .send(new RestoreSecretCommand({ SecretId: id }))
    .catch(failed('secretsmanager:RestoreSecret', id))
}
