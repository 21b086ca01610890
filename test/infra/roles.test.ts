/**
 * What an attacker who has a function's role cannot do, by the compiled template: order an offboarding, read another vendor's
 * secrets, reach other functions' queues and others' items in the ledger. No emulator knows all of these conditions by itself.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'
import { type Context, resolve } from '../../infra/intrinsics.ts'
import { loadOperations } from '../../infra/operations.ts'
import { OUTCOME_SOURCE, OUTCOME_TYPES } from '../../lib/aws/eventbridge.ts'
import { LEAVING } from '../../lib/leaving-event.ts'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { ENDED, REGISTERED } from '../../lib/register-event.ts'
import { namesOf, type Policy, permits, type RequestContext } from '../docs/policies.ts'

const operations = await loadOperations()
/** Those whose task it is to order offboardings, and with which events. */
const ORDERING: Record<string, string[]> = {
  'offboarding-resolution': [OFFBOARDING],
  offboardings: [OFFBOARDING, LEAVING],
}
const OTHERS = ['user-token-renewal', 'offboarding-sweep', 'subscription-register']
const functionNames = [...operations.map(({ name }) => name), ...OTHERS, ...Object.keys(ORDERING)]
const SOURCE = 'hr.offboarding'

let policies: Map<string, Policy>

beforeAll(async () => {
  policies = rolePoliciesOf(await compileTemplate({ stage: 'local' }))
})

/** The policy of each function's role, by the function's name. */
function rolePoliciesOf(template: Template): Map<string, Policy> {
  const arns = new Map(namesOf(template, 'offboarding-local').map(({ id, name, arn }) => [id, { name, arn }]))
  const context: Context = {
    template,
    region: 'ap-southeast-1',
    account: '000000000000',
    stackName: 'offboarding-local',
    physical: (id) => {
      const { name = '', arn = '' } = arns.get(id) ?? {}
      return { ref: name, attributes: { Arn: arn } }
    },
  }
  const properties = (id: string) => resolve(template.Resources[id]?.Properties, context) as Record<string, unknown>
  return new Map(
    functionNames.map((name) => {
      const id = `${name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Role`
      const [only, ...others] = properties(id).Policies as { PolicyDocument: Policy }[]
      if (!only || others.length > 0) throw new Error(`${id} must have one policy`)
      return [name, only.PolicyDocument]
    }),
  )
}

const arn = (service: string, resource: string) => `arn:aws:${service}:ap-southeast-1:000000000000:${resource}`
const BUS = arn('events', 'event-bus/subscription-offboarding-local')
const TABLE = arn('dynamodb', 'table/local-ledger')

const may = (name: string, action: string, resource: string, context: RequestContext = {}): boolean => {
  const policy = policies.get(name)
  if (!policy) throw new Error(`no policy of ${name}`)
  return permits(policy, action, resource, context)
}
/** Events without a source or a detail-type have no such key. */
const mayPut = (name: string, sources: string[], detailTypes: string[], bus = BUS) =>
  may(name, 'events:PutEvents', bus, { 'events:source': sources, 'events:detail-type': detailTypes })
const mayUse = (name: string, action: string, partitions: string[], resource = TABLE) =>
  may(name, `dynamodb:${action}`, resource, { 'dynamodb:LeadingKeys': partitions })
const mayRead = (name: string, secret: string) =>
  may(name, 'secretsmanager:GetSecretValue', arn('secretsmanager', `secret:${secret}`))

describe.each(functionNames)('%s', (name) => {
  it('publishes outcomes, if anything', () => {
    const all = Object.values(OUTCOME_TYPES)
    const expected = {
      'user-token-renewal': [],
      'offboarding-sweep': [OUTCOME_TYPES.finished, OUTCOME_TYPES.parked, OUTCOME_TYPES.completed],
      'subscription-register': [OUTCOME_TYPES.rejected],
      'offboarding-resolution': [OUTCOME_TYPES.rejected, OUTCOME_TYPES.completed],
      offboardings: [],
    }[name]
    expect(all.filter((type) => mayPut(name, [OUTCOME_SOURCE], [type]))).toEqual(expected ?? all)
  })

  it('orders an offboarding only where that is its task', () => {
    const ordered = [OFFBOARDING, LEAVING, REGISTERED, ENDED].filter((type) => mayPut(name, [SOURCE], [type]))
    expect(ordered).toEqual(ORDERING[name] ?? [])
  })

  it.each([
    ["with the outcomes' source", [OUTCOME_SOURCE], [OFFBOARDING]],
    ['as the type of an outcome', [SOURCE], [OUTCOME_TYPES.finished]],
    ['among outcomes', [OUTCOME_SOURCE, SOURCE], [OUTCOME_TYPES.finished, OFFBOARDING]],
    ['without a source', [], [OUTCOME_TYPES.finished]],
    ['without a type', [OUTCOME_SOURCE], []],
    ['without either', [], []],
  ])('orders none %s', (_, sources, types) => {
    expect(mayPut(name, sources, types)).toBe(false)
  })

  it('puts nothing on another bus', () => {
    for (const bus of ['default', 'subscription-offboarding-prod'])
      expect(mayPut(name, [OUTCOME_SOURCE], [OUTCOME_TYPES.finished], arn('events', `event-bus/${bus}`))).toBe(false)
  })

  it('reaches nothing in the ledger without naming a partition, and deletes nothing', () => {
    for (const resource of [TABLE, `${TABLE}/index/open`, `${TABLE}/index/state`])
      for (const action of ['GetItem', 'Query', 'Scan', 'PutItem', 'UpdateItem', 'PartiQLSelect', 'PartiQLUpdate'])
        expect(mayUse(name, action, [], resource), `${action} ${resource}`).toBe(false)
    for (const partition of [
      'offboarding#a',
      `bucket#${name}#feishu:default`,
      'user#subscription-offboarding/local/feishu/user/a',
    ])
      for (const action of ['DeleteItem', 'BatchWriteItem', 'PartiQLDelete'])
        expect(mayUse(name, action, [partition]), action).toBe(false)
  })

  it('reads no secret of another stage or project', () => {
    for (const secret of ['feishu/app', 'feishu/user/ou_a', 'dingtalk/app', 'dingtalk/user/a'])
      expect(mayRead(name, `subscription-offboarding/prod/${secret}-AbCdEf`)).toBe(false)
    for (const secret of ['payroll-AbCdEf', 'subscription-offboarding/local/feishu/app-2-AbCdEf'])
      expect(mayRead(name, secret)).toBe(false)
  })
})

describe.each(operations)('$name', ({ name, vendor, actsAs }) => {
  const other = vendor === 'feishu' ? 'dingtalk' : 'feishu'
  const secret = (of: string, what: string) => `subscription-offboarding/local/${of}/${what}`

  it("reads its own vendor's secrets, of users only if it acts for them, and none of the other's", () => {
    expect(mayRead(name, `${secret(vendor, 'app')}-AbCdEf`)).toBe(true)
    expect(mayRead(name, `${secret(vendor, 'user/a')}-AbCdEf`)).toBe(actsAs === 'user')
    for (const what of ['app', 'user/a']) {
      expect(mayRead(name, `${secret(other, what)}-AbCdEf`)).toBe(false)
      for (const action of ['PutSecretValue', 'UpdateSecretVersionStage', 'TagResource', 'DeleteSecret'])
        expect(
          may(name, `secretsmanager:${action}`, arn('secretsmanager', `secret:${secret(other, what)}-AbCdEf`)),
        ).toBe(false)
    }
    expect(
      may(name, 'secretsmanager:PutSecretValue', arn('secretsmanager', `secret:${secret(vendor, 'app')}-AbCdEf`)),
    ).toBe(false)
  })

  it("keeps its own buckets and its own vendor's users in the ledger, and no others", () => {
    for (const action of ['GetItem', 'PutItem', 'UpdateItem', 'Query']) {
      expect(mayUse(name, action, ['offboarding#a'])).toBe(true)
      expect(mayUse(name, action, [`bucket#${name}#${vendor}:default`])).toBe(true)
      expect(mayUse(name, action, [`user#${secret(vendor, 'user/a')}`])).toBe(actsAs === 'user')
      expect(mayUse(name, action, [`user#${secret(other, 'user/a')}`])).toBe(false)
      for (const { name: another } of operations.filter((operation) => operation.name !== name)) {
        expect(mayUse(name, action, [`bucket#${another}#${vendor}:default`])).toBe(false)
        expect(mayUse(name, action, ['offboarding#a', `bucket#${another}#${vendor}:default`])).toBe(false)
      }
    }
  })

  it('works on its own two queues, and only sends to those of letters and undelivered events', () => {
    const queues = operations.flatMap((operation) => [`local-${operation.name}.fifo`, `local-${operation.name}-retry`])
    const shared = ['dead-letter.fifo', 'undelivered-events', 'stranded.fifo', 'stranded'].map(
      (queue) => `local-${queue}`,
    )
    const allowed = (action: string) =>
      [...queues, ...shared].filter((queue) => may(name, `sqs:${action}`, arn('sqs', queue)))
    const own = [`local-${name}.fifo`, `local-${name}-retry`]
    for (const action of ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility'])
      expect(allowed(action)).toEqual(own)
    expect(allowed('SendMessage')).toEqual([...own, 'local-dead-letter.fifo', 'local-undelivered-events'])
    for (const action of ['PurgeQueue', 'SetQueueAttributes', 'StartMessageMoveTask'])
      expect(allowed(action)).toEqual([])
  })
})
