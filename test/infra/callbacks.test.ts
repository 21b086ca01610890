/** What takes the vendors' pushes, by the compiled template: nothing of it unless it is wanted, and no more than it needs. */
import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'
import { type Context, resolve } from '../../infra/intrinsics.ts'
import { readTemplate } from '../../infra/wiring.ts'
import { namesOf, type Policy, permits } from '../docs/policies.ts'
import { compileEverything, KEY } from './everything.ts'
import { checkParameters } from './parameters.ts'

const NAME = 'local-vendor-callbacks'
const SECRETS = 'subscription-offboarding/local/'

let off: Template
let on: Template
let offboarding: Template

beforeAll(async () => {
  off = await compileTemplate({ stage: 'local' })
  on = await compileTemplate({ stage: 'local', params: { vendorCallbacks: 'on' } })
  offboarding = await compileEverything()
}, 120_000)

const wiringOf = (template: Template) => readTemplate(template, { queueUrl: (name) => name })
const environmentOf = (template: Template, name: string) =>
  wiringOf(template).functions.find((one) => one.name === `local-${name}`)?.env ?? {}

function policyOf(template: Template, role: string): Policy {
  const arns = new Map(namesOf(template, 'offboarding-local').map(({ id, name, arn }) => [id, { name, arn }]))
  const physical = (id: string) => ({
    ref: arns.get(id)?.name ?? '',
    attributes: { Arn: arns.get(id)?.arn ?? '', Name: '' },
  })
  const context: Context = {
    template,
    region: 'ap-southeast-1',
    account: '000000000000',
    stackName: 'offboarding-local',
    physical,
  }
  const { Policies } = resolve(template.Resources[role]?.Properties, context) as {
    Policies: { PolicyDocument: Policy }[]
  }
  const [only] = Policies
  if (!only) throw new Error(`${role} has no policy`)
  return only.PolicyDocument
}

const ROLE = 'VendorCallbacksRole'
const arn = (service: string, resource: string) => `arn:aws:${service}:ap-southeast-1:000000000000:${resource}`
const secret = (name: string) => arn('secretsmanager', `secret:${SECRETS}${name}-AbCdEf`)
const may = (template: Template, action: string, resource: string, context = {}, role = ROLE) =>
  permits(policyOf(template, role), action, resource, context)

it('is off unless it is wanted', () => {
  expect(JSON.stringify(off)).not.toMatch(/callback|ticket/i)
})

describe('the routes', () => {
  it('are two, of one function that answers within ten seconds, and ask nobody who they are', () => {
    const routes = wiringOf(on).routes.filter(({ functionName }) => functionName === NAME)
    expect(routes.map(({ routeKey }) => routeKey)).toEqual(['POST /feishu/callback', 'POST /dingtalk/callback'])
    const open = Object.values(on.Resources).filter(
      ({ Type, Properties }) => Type === 'AWS::ApiGatewayV2::Route' && Properties?.AuthorizationType === undefined,
    )
    expect(open.map(({ Properties }) => Properties?.RouteKey)).toEqual(routes.map(({ routeKey }) => routeKey))
    expect(wiringOf(on).functions.find(({ name }) => name === NAME)?.timeoutMs).toBe(10_000)
  })

  it('are throttled by themselves, once they are there', () => {
    const stage = on.Resources.HttpApiStage as Template['Resources'][string] & { DependsOn: string[] }
    const limits = { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 }
    expect(stage.Properties?.RouteSettings).toEqual({
      'POST /feishu/callback': limits,
      'POST /dingtalk/callback': limits,
    })
    const routes = stage.DependsOn.map((id) => on.Resources[id]?.Properties?.RouteKey).filter(Boolean)
    expect(routes).toEqual(['POST /feishu/callback', 'POST /dingtalk/callback'])
  })
})

describe('tickets', () => {
  it.each([
    ['FeishuAppTicket', 'feishu/app-ticket'],
    ['DingtalkSuiteTicket', 'dingtalk/suite-ticket'],
  ])('%s is a secret of its own, empty at first, with the key of the others', (id, name) => {
    const properties = { Name: SECRETS + name, SecretString: '{}' }
    expect(on.Resources[id]).toMatchObject({ Type: 'AWS::SecretsManager::Secret', Properties: properties })
    expect(on.Resources[id]?.Properties).not.toHaveProperty('KmsKeyId')
    expect(offboarding.Resources[id]?.Properties).toMatchObject({ ...properties, KmsKeyId: KEY })
  })

  it.each([
    ['feishu-drive-unsubscribe', ['FEISHU_APP_TICKET_SECRET_ID']],
    ['dingtalk-calendar-unsubscribe', ['DINGTALK_SUITE_TICKET_SECRET_ID']],
    ['offboarding-resolution', ['DINGTALK_SUITE_TICKET_SECRET_ID', 'FEISHU_APP_TICKET_SECRET_ID']],
  ])('are known to %s, which may read them and not write', (name, variables) => {
    const known = environmentOf(on, name)
    expect(
      Object.keys(known)
        .filter((variable) => variable.endsWith('TICKET_SECRET_ID'))
        .sort(),
    ).toEqual(variables)
    const role = `${name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Role`
    for (const variable of variables) {
      const id = arn('secretsmanager', `secret:${known[variable]}-AbCdEf`)
      expect(may(on, 'secretsmanager:GetSecretValue', id, {}, role)).toBe(true)
      expect(may(on, 'secretsmanager:PutSecretValue', id, {}, role)).toBe(false)
    }
  })
})

describe('the role', () => {
  it('reads the callback secrets and whose apps they are, and writes neither', () => {
    for (const name of ['feishu/callback', 'dingtalk/callback', 'feishu/app', 'dingtalk/app']) {
      expect(may(on, 'secretsmanager:GetSecretValue', secret(name)), name).toBe(true)
      expect(may(on, 'secretsmanager:PutSecretValue', secret(name)), name).toBe(false)
    }
  })

  it('keeps tickets', () => {
    for (const name of ['feishu/app-ticket', 'dingtalk/suite-ticket'])
      for (const action of ['GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage'])
        expect(may(on, `secretsmanager:${action}`, secret(name)), action).toBe(true)
  })

  it('marks users, and reads none of their tokens', () => {
    expect(may(on, 'secretsmanager:TagResource', secret('feishu/user/ou_a'))).toBe(true)
    for (const action of ['GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage', 'DeleteSecret'])
      expect(may(on, `secretsmanager:${action}`, secret('feishu/user/ou_a')), action).toBe(false)
    expect(may(on, 'secretsmanager:TagResource', secret('dingtalk/user/a'))).toBe(false)
  })

  it('reaches what it has taken, and the ids of people', () => {
    const table = arn('dynamodb', 'table/local-ledger')
    const mayUse = (action: string, partition: string) =>
      may(on, `dynamodb:${action}`, table, { 'dynamodb:LeadingKeys': [partition] })
    expect([mayUse('GetItem', 'callback#feishu'), mayUse('UpdateItem', 'callback#feishu')]).toEqual([true, true])
    expect(mayUse('GetItem', 'person#dingtalk#userId#a')).toBe(true)
    expect(mayUse('UpdateItem', 'person#dingtalk#userId#a')).toBe(false)
    for (const partition of ['person#feishu#ou_a', 'offboarding#a', 'user#a', 'bucket#a', 'register#a'])
      expect(mayUse('GetItem', partition), partition).toBe(false)
    expect(mayUse('DeleteItem', 'callback#feishu')).toBe(false)
  })

  it('announces departures, and orders an offboarding only with onDeparture=offboard', () => {
    const bus = arn('events', 'event-bus/subscription-offboarding-local')
    const mayPut = (template: Template, source: string, type: string) =>
      may(template, 'events:PutEvents', bus, { 'events:source': [source], 'events:detail-type': [type] })
    for (const template of [on, offboarding]) {
      expect(mayPut(template, 'subscription-offboarding', 'User Departed')).toBe(true)
      expect(mayPut(template, 'subscription-offboarding', 'Subscription Offboarding Finished')).toBe(false)
      expect(mayPut(template, 'hr.offboarding', 'User Offboarding')).toBe(false)
    }
    expect(mayPut(on, 'hr.offboarding', 'User Leaving')).toBe(false)
    expect(mayPut(offboarding, 'hr.offboarding', 'User Leaving')).toBe(true)
  })

  it('uses the key of the secrets through Secrets Manager alone', () => {
    const via = { 'kms:ViaService': ['secretsmanager.ap-southeast-1.amazonaws.com'] }
    for (const action of ['kms:Decrypt', 'kms:GenerateDataKey']) {
      expect(may(offboarding, action, KEY, via), action).toBe(true)
      expect(may(offboarding, action, KEY), action).toBe(false)
    }
  })
})

it('is told what it needs', () => {
  expect(environmentOf(offboarding, 'vendor-callbacks')).toMatchObject({
    FEISHU_CALLBACK_SECRET_ID: `${SECRETS}feishu/callback`,
    DINGTALK_CALLBACK_SECRET_ID: `${SECRETS}dingtalk/callback`,
    FEISHU_APP_TICKET_SECRET_ID: `${SECRETS}feishu/app-ticket`,
    DINGTALK_SUITE_TICKET_SECRET_ID: `${SECRETS}dingtalk/suite-ticket`,
    ON_DEPARTURE: 'offboard',
    EVENT_SOURCE: 'hr.offboarding',
  })
})

it('rings once for many refusals, whatever they are', () => {
  const added = Object.entries(on.Resources).filter(
    ([id, { Type }]) => Type === 'AWS::CloudWatch::Alarm' && !(id in off.Resources),
  )
  expect(added.map(([id]) => id).sort()).toEqual([
    'RefusedCallbacksAlarm',
    'VendorCallbacksErrorsAlarm',
    'VendorCallbacksThrottlesAlarm',
  ])
  expect(on.Resources.RefusedCallbacksAlarm?.Properties).toMatchObject({
    Statistic: 'Sum',
    Threshold: 50,
    Namespace: 'SubscriptionOffboarding/local',
    MetricName: 'Refused',
    AlarmDescription: expect.stringMatching(/#refused-callbacks$/),
  })
  expect(on.Resources.VendorCallbacksRefused?.Properties).toMatchObject({
    FilterPattern: '{ $.message = "refused" }',
    LogGroupName: { Ref: 'VendorDashcallbacksLogGroup' },
  })
  expect(JSON.stringify(on.Resources.Dashboard)).toContain('What vendors push')
})

it.each([
  [['vendorCallbacks=yes'], /vendorCallbacks=….*"on" or "off"/],
  [['onDeparture=fire'], /onDeparture=….*"ignore", "notify" or "offboard"/],
  [['feishuCallbackSecretId=*'], /feishuCallbackSecretId=….*the name of a secret/],
  [['feishuUserSecretPrefix=subscription-offboarding/dev/feishu/'], /must not begin with feishuUserSecretPrefix/],
])('refuses %j', async (given, message) => {
  await expect(checkParameters({ given })).rejects.toThrow(message)
})
