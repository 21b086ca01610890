/** Secrets Manager: versions and their labels, secrets and their lists. */

import { randomUUID } from 'node:crypto'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type SecretsManagerOptions, startSecretsManager } from '../../../local/aws/secrets-manager.ts'
import { sdk } from './clients.ts'

const token = (letter: string) => letter.repeat(32)

async function secretsManager(options: SecretsManagerOptions = {}) {
  const service = await startSecretsManager(options)
  const client = new SecretsManagerClient({ ...sdk, endpoint: service.url })
  onTestFinished(async () => {
    client.destroy()
    await service.close()
  })
  return { service, client }
}

test('with a session token of its own it answers nobody who lacks it', async () => {
  const { service } = await secretsManager({ secrets: { app: 'x' }, sessionToken: token('a') })
  const read = async (sessionToken?: string) => {
    const credentials = { ...sdk.credentials, ...(sessionToken && { sessionToken }) }
    const client = new SecretsManagerClient({ ...sdk, credentials, endpoint: service.url })
    onTestFinished(() => client.destroy())
    return (await client.send(new GetSecretValueCommand({ SecretId: 'app' }))).SecretString
  }
  for (const other of [undefined, token('b'), token('a').slice(1)])
    await expect(read(other)).rejects.toMatchObject({ name: 'UnrecognizedClientException' })
  expect(service.requests).toEqual([])
  expect(await read(token('a'))).toBe('x')
})

describe('Secrets Manager: versions', () => {
  const SecretId = 'user/ou_1'

  test('a repeated token is idempotent with the same content and refused with another', async () => {
    const { service, client } = await secretsManager({ secrets: { [SecretId]: { a: 1 } } })
    const put = (SecretString: string) =>
      client.send(new PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken: token('a') }))
    expect(await put('one')).toMatchObject({ VersionId: token('a'), VersionStages: ['AWSCURRENT'] })
    expect(await put('one')).toMatchObject({ VersionId: token('a') })
    await expect(put('two')).rejects.toMatchObject({
      name: 'ResourceExistsException',
      $metadata: { httpStatusCode: 400 },
    })
    expect(service.secrets.get(SecretId)?.versions.size).toBe(2)
    expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('one')
  })

  test('of many claims with one token and different contents exactly one wins', async () => {
    const { client } = await secretsManager({ secrets: { [SecretId]: 'x' } })
    const claims = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        client.send(
          new PutSecretValueCommand({
            SecretId,
            SecretString: randomUUID(),
            ClientRequestToken: token('c'),
            VersionStages: ['CLAIM'],
          }),
        ),
      ),
    )
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('a claim under its own label leaves AWSCURRENT alone; a new current version makes the old one previous', async () => {
    const { client } = await secretsManager({ secrets: { [SecretId]: 'first' } })
    const put = (letter: string, VersionStages?: string[]) =>
      client.send(
        new PutSecretValueCommand({ SecretId, SecretString: letter, ClientRequestToken: token(letter), VersionStages }),
      )
    await put('a', ['CLAIM'])
    expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('first')
    await put('b', ['CLAIM'])
    await put('d')
    const stages = (await client.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages
    expect(stages).toMatchObject({ [token('b')]: ['CLAIM'], [token('d')]: ['AWSCURRENT'] })
    expect(Object.values(stages ?? {})).toContainEqual(['AWSPREVIOUS'])
    expect(stages).not.toHaveProperty(token('a'))
    const deprecated = await client.send(new GetSecretValueCommand({ SecretId, VersionId: token('a') }))
    expect(deprecated).toMatchObject({ SecretString: 'a' })
    expect(deprecated.VersionStages).toBeUndefined()
    const previous = await client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPREVIOUS' }))
    expect(previous.SecretString).toBe('first')
  })

  test('UpdateSecretVersionStage must name the version that holds the label', async () => {
    const { service, client } = await secretsManager({ secrets: { [SecretId]: 'old' } })
    const [first = ''] = service.secrets.get(SecretId)?.versions.keys() ?? []
    const next = { SecretId, SecretString: 'new', ClientRequestToken: token('n'), VersionStages: ['AWSPENDING'] }
    await client.send(new PutSecretValueCommand(next))
    const move = (RemoveFromVersionId?: string) =>
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId: token('n'),
          RemoveFromVersionId,
        }),
      )
    await expect(move()).rejects.toMatchObject({ name: 'InvalidParameterException' })
    await expect(move(token('n'))).rejects.toMatchObject({ name: 'InvalidParameterException' })
    await move(first)
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId }))
    expect(VersionIdsToStages).toEqual({ [first]: ['AWSPREVIOUS'], [token('n')]: ['AWSPENDING', 'AWSCURRENT'] })
    const remove = { SecretId, VersionStage: 'AWSPENDING', RemoveFromVersionId: token('n') }
    await client.send(new UpdateSecretVersionStageCommand(remove))
    await expect(
      client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPENDING' })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('keeps at most a hundred versions and removes only deprecated ones older than a day', async () => {
    let now = Date.now()
    const { client } = await secretsManager({ secrets: { [SecretId]: 'x' }, now: () => now })
    const put = () => client.send(new PutSecretValueCommand({ SecretId, SecretString: randomUUID() }))
    for (let count = 1; count < 100; count++) await put()
    await expect(put()).rejects.toMatchObject({ name: 'LimitExceededException' })
    now += 86_400_001
    await put()
  })
})

describe('Secrets Manager: secrets', () => {
  test('creates, tags, schedules deletion, restores and forgets', async () => {
    let now = Date.UTC(2026, 0, 1)
    const { client } = await secretsManager({ now: () => now })
    const Tags = [{ Key: 'due', Value: '2026-01-02' }]
    const { ARN } = await client.send(new CreateSecretCommand({ Name: 'app', SecretString: '{}', Tags }))
    const again = client.send(new CreateSecretCommand({ Name: 'app', SecretString: '{}' }))
    await expect(again).rejects.toMatchObject({ name: 'ResourceExistsException' })
    await client.send(new TagResourceCommand({ SecretId: ARN, Tags: [{ Key: 'state', Value: 'gone' }] }))
    await client.send(new UntagResourceCommand({ SecretId: ARN?.slice(0, -7), TagKeys: ['due'] }))
    const described = await client.send(new DescribeSecretCommand({ SecretId: 'app' }))
    expect(described).toMatchObject({ ARN, Tags: [{ Key: 'state', Value: 'gone' }], CreatedDate: new Date(now) })

    const remove = (RecoveryWindowInDays: number) =>
      client.send(new DeleteSecretCommand({ SecretId: 'app', RecoveryWindowInDays }))
    await expect(remove(6)).rejects.toMatchObject({ name: 'InvalidParameterException' })
    expect((await remove(30)).DeletionDate).toEqual(new Date(Date.UTC(2026, 0, 31)))
    const get = () => client.send(new GetSecretValueCommand({ SecretId: 'app' }))
    await expect(get()).rejects.toMatchObject({ name: 'InvalidRequestException' })
    expect((await client.send(new ListSecretsCommand({}))).SecretList).toEqual([])
    const planned = await client.send(new ListSecretsCommand({ IncludePlannedDeletion: true }))
    expect(planned.SecretList).toMatchObject([{ Name: 'app', DeletedDate: new Date(Date.UTC(2026, 0, 31)) }])
    await client.send(new RestoreSecretCommand({ SecretId: 'app' }))
    await get()
    await remove(7)
    now += 8 * 86_400_000
    await expect(get()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('lists 10,000 secrets in pages, by name prefix and tag, and loses none to changes between pages', async () => {
    const { service, client } = await secretsManager()
    for (let user = 0; user < 10_000; user++)
      service.seed(`users/${user}`, '{}', { tags: { due: user % 100 === 0 ? 'today' : 'later' } })
    service.seed('app', '{}')
    const names: string[] = []
    let NextToken: string | undefined
    do {
      const page = await client.send(
        new ListSecretsCommand({ MaxResults: 100, NextToken, Filters: [{ Key: 'name', Values: ['users/'] }] }),
      )
      names.push(...(page.SecretList ?? []).map(({ Name = '' }) => Name))
      if (!NextToken) await client.send(new DeleteSecretCommand({ SecretId: 'users/0' }))
      NextToken = page.NextToken
    } while (NextToken)
    expect(new Set(names).size).toBe(10_000)
    const filters = [
      { Key: 'tag-key', Values: ['due'] },
      { Key: 'tag-value', Values: ['today'] },
    ] as const
    const due = await client.send(
      new ListSecretsCommand({ Filters: filters.map((f) => ({ ...f, Values: [...f.Values] })) }),
    )
    expect(due.SecretList).toHaveLength(99)
    expect(due.SecretList?.[0]).toMatchObject({ Tags: [{ Key: 'due', Value: 'today' }] })
    await expect(client.send(new ListSecretsCommand({ MaxResults: 101 }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    })
    expect(service.count('GetSecretValue')).toBe(0)
  })

  test('records requests and fails on demand', async () => {
    const { service, client } = await secretsManager({ secrets: { app: 'raw' } })
    const get = (SecretId: string) => client.send(new GetSecretValueCommand({ SecretId }))
    service.fail('GetSecretValue', { type: 'ThrottlingException', message: 'Rate exceeded' })
    await expect(get('app')).rejects.toMatchObject({ name: 'ThrottlingException' })
    service.fail('*', { type: 'InternalServiceError', status: 500 })
    await expect(get('app')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
    service.fail('GetSecretValue', 'drop')
    await expect(get('app')).rejects.toThrow()
    expect((await get('app')).SecretString).toBe('raw')
    await expect(get('other')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
    })
    expect([service.count('GetSecretValue', 'app'), service.count('GetSecretValue')]).toEqual([4, 5])
  })
})
