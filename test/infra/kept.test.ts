import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate, type Resource, type Template } from '../../infra/compile.ts'
import { compileEverything } from './everything.ts'

type Retained = Resource & { DeletionPolicy?: string; UpdateReplacePolicy?: string }

const resourcesOf = ({ Resources }: Template) => Object.entries(Resources as Record<string, Retained>)

describe('onRemoval', () => {
  let all: [string, Retained][]
  let kept: [string, Retained][]
  beforeAll(async () => {
    all = resourcesOf(await compileEverything())
    kept = all.filter(([, { DeletionPolicy }]) => DeletionPolicy === 'RetainExceptOnCreate')
  })

  it('keeps ledger, audit log and its key, bus, archive and the queues that wait for an operator', () => {
    const known = kept.filter(([, { Type }]) => Type !== 'AWS::Logs::LogGroup')
    expect(known.map(([id]) => id).sort()).toEqual([
      'DeadLetterQueue',
      'EventArchive',
      'EventBus',
      'Ledger',
      'ObservabilityKey',
      'StrandedRetriesQueue',
      'StrandedWorkQueue',
      'UndeliveredEventsQueue',
    ])
    for (const [id, { UpdateReplacePolicy }] of kept) expect([id, UpdateReplacePolicy]).toEqual([id, 'Retain'])
  })

  it('keeps every log group', () => {
    const isLog = ([, { Type }]: [string, Retained]) => Type === 'AWS::Logs::LogGroup'
    expect(kept.filter(isLog).length).toBeGreaterThan(10)
    expect(kept.filter(isLog)).toEqual(all.filter(isLog))
  })

  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
  it('keeps only what the next deploy can find: by a name without references', () => {
    const NAMES: Record<string, string> = {
      'AWS::DynamoDB::Table': 'TableName',
      'AWS::Events::Archive': 'ArchiveName',
      'AWS::Events::EventBus': 'Name',
      'AWS::Logs::LogGroup': 'LogGroupName',
      'AWS::SQS::Queue': 'QueueName',
    }
    for (const [id, { Type, Properties = {} }] of kept)
      if (id !== 'ObservabilityKey') expect(Properties[NAMES[Type] ?? ''], id).toEqual(expect.any(String))
  })

  it('keeps nothing by default', async () => {
    const byDefault = resourcesOf(await compileTemplate({ stage: 'local' }))
    const policies = new Set(byDefault.map(([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy))
    expect([...policies]).toEqual(['Delete'])
  })
})

describe('the deployment bucket', () => {
  let template: Template
  beforeAll(async () => {
    template = await compileTemplate({ stage: 'local' })
  })

  it('is encrypted, closed to the public, and keeps what was deployed for a month after it was deleted', () => {
    const enabled = { Status: 'Enabled' }
    expect(template.Resources.ServerlessDeploymentBucket?.Properties).toEqual({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      VersioningConfiguration: enabled,
      LifecycleConfiguration: {
        Rules: [
          {
            Id: 'DeletedDeployments',
            ...enabled,
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            ExpiredObjectDeleteMarker: true,
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      },
    })
  })
})
