/** Secrets Manager: the only place secrets come from. */
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  type ListSecretsCommandOutput,
  PutSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import * as v from 'valibot'
import { OperationError } from '../error.ts'
import { registerSecrets } from '../redact.ts'
import { learnTimeFrom } from './clock.ts'
import { callOptions, clientSettings } from './sdk.ts'
import { awsError, misconfigured, UnreadableSecret, unavailable } from './secret-errors.ts'

const CACHE_MS = 5 * 60_000
const PAGE_SECRETS = 100
const TIMEOUT_MS = 9_000
let client: SecretsManagerClient | undefined
const getClient = () => {
  if (client) return client
  client = new SecretsManagerClient(clientSettings())
  learnTimeFrom(client)
  return client
}
const cache = new Map<string, { schema: object; secret: Promise<unknown>; readAtMs: number }>()

/** A non-empty string that may travel in a header: printable ASCII without blanks. */
export const secretText = v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/))

/**
 * Reads the app's secret `id` and hands its value to `use`. The value is cached for five minutes. When `use` ends as
 * `misconfigured` on a cached secret, the secret is read again, once: a rotated credential takes effect without a deploy.
 * With `isFresh` it is read in any case. A secret that is missing or may not be read is an `UnreadableSecret`; one that is not JSON or of
 * another shape is `misconfigured`, naming the id and the field, never a value.
 */
export async function withSecret<Secret, Result>(
  id: string,
  schema: v.GenericSchema<unknown, Secret>,
  use: (secret: Secret) => Promise<Result>,
  { isFresh = false } = {},
): Promise<Result> {
  const cached = cache.get(id)
  const fresh = isFresh || cached?.schema !== schema || Date.now() - cached.readAtMs > CACHE_MS
  try {
    return await use(await (fresh ? read(id, schema) : (cached.secret as Promise<Secret>)))
  } catch (error) {
    if (fresh || !(error instanceof OperationError) || error.kind !== 'misconfigured') throw error
    return use(await read(id, schema))
  }
}

/** Reads once for all who ask meanwhile; a read that failed is forgotten. */
function read<Secret>(id: string, schema: v.GenericSchema<unknown, Secret>): Promise<Secret> {
  const secret = fetchSecret(id).then((text) => parseSecret(id, schema, text, { isApp: true }))
  const entry = { schema, secret, readAtMs: Date.now() }
  cache.set(id, entry)
  secret.catch(() => cache.get(id) === entry && cache.delete(id))
  return secret
}

async function fetchSecret(id: string): Promise<string> {
  return (await readVersion(id))?.text ?? fail(new UnreadableSecret(id, 'does not exist', '不存在'))
}

/** One version of a secret. */
export type Version = { versionId: string; text: string }

/** The version that carries `stage`, past every cache; undefined when the secret or the label does not exist. */
export async function readVersion(id: string, stage = 'AWSCURRENT'): Promise<Version | undefined> {
  try {
    const command = new GetSecretValueCommand({ SecretId: id, VersionStage: stage })
    const { SecretString, VersionId } = await getClient().send(command, callOptions(TIMEOUT_MS))
    if (SecretString && VersionId) return { versionId: VersionId, text: SecretString }
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return undefined
    throw awsError(id, error)
  }
  throw misconfigured(id, 'holds no text', '没有文本内容')
}

/**
 * Adds the version `versionId` (32 to 64 characters) under a staging label of its own, without making it the current one.
 * Repeated with the same text, it changes nothing.
 */
export async function putVersion(id: string, { versionId, text }: Version, stage: string): Promise<void> {
  try {
    const command = new PutSecretValueCommand({
      SecretId: id,
      ClientRequestToken: versionId,
      SecretString: text,
      VersionStages: [stage],
    })
    const { VersionId } = await getClient().send(command, callOptions(TIMEOUT_MS))
    if (VersionId === versionId) return
  } catch (error) {
    throw awsError(id, error)
  }
  throw unavailable(id)
}

/**
 * Takes the label `stage` from the version `from` and gives it to `to`, if there is one. False when another version has the
 * label: Secrets Manager decides, so of many who try, one alone gets true.
 */
export async function moveLabel(id: string, stage: string, from: string, to?: string): Promise<boolean> {
  try {
    const command = new UpdateSecretVersionStageCommand({
      SecretId: id,
      VersionStage: stage,
      RemoveFromVersionId: from,
      MoveToVersionId: to,
    })
    const { Name } = await getClient().send(command, callOptions(TIMEOUT_MS))
    if (Name) return true
  } catch (error) {
    if ((error as Error).name === 'InvalidParameterException') return false
    throw awsError(id, error)
  }
  throw unavailable(id)
}

/** Every secret whose id begins with `prefix`, with its tags and without its value. */
export async function* listSecrets(prefix: string): AsyncGenerator<{ id: string; tags: Record<string, string> }> {
  let NextToken: string | undefined
  do {
    let page: ListSecretsCommandOutput
    try {
      const command = new ListSecretsCommand({
        Filters: [{ Key: 'name', Values: [prefix] }],
        MaxResults: PAGE_SECRETS,
        NextToken,
      })
      page = await getClient().send(command, callOptions(TIMEOUT_MS))
    } catch (error) {
      throw awsError(prefix, error)
    }
    // The filter also finds names that hold the prefix after another word.
    for (const { Name = '', Tags = [] } of page.SecretList ?? [])
      if (Name.startsWith(prefix))
        yield { id: Name, tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])) }
    NextToken = page.NextToken
  } while (NextToken)
}

/** Sets tags of the secret. False when there is none, or it is about to be deleted. */
export async function tagSecret(id: string, tags: Record<string, string>): Promise<boolean> {
  try {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
    await getClient().send(new TagResourceCommand({ SecretId: id, Tags }), callOptions(TIMEOUT_MS))
    return true
  } catch (error) {
    if (['ResourceNotFoundException', 'InvalidRequestException'].includes((error as Error).name)) return false
    throw awsError(id, error)
  }
}

/** The text as JSON of the schema's shape, its secrets known to redaction. `isApp`: they are an app's. */
export function parseSecret<Secret>(
  id: string,
  schema: v.GenericSchema<unknown, Secret>,
  text: string,
  { isApp = false } = {},
): Secret {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw misconfigured(id, 'is not JSON', '不是 JSON')
  }
  const result = v.safeParse(schema, json)
  if (result.success) {
    registerSecrets(result.output as object, { isApp })
    return result.output
  }
  const [issue] = result.issues
  // The name of a field that is not known may be a value in the wrong place.
  const field = issue.expected === 'never' ? null : v.getDotPath(issue)
  throw misconfigured(
    id,
    field ? `has a missing or invalid field "${field}"` : 'is not a JSON object of the documented shape',
    field ? `缺少字段 "${field}" 或其值无效` : '不是文档所述形状的 JSON 对象',
  )
}

const fail = (error: Error): never => {
  throw error
}
