// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders
/** Alarms, dashboard and saved queries: what they point at must exist, in the runbook and in the lines really written. */
import { existsSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { compileTemplate, type Resource } from '../../infra/compile.ts'
import { operationNames } from '../../infra/operations.ts'
import { KINDS } from '../../lib/error.ts'
import { itemOf, offboardingEvent, sampleOf, startHarness } from '../harness.ts'

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation is plain JSON of many shapes
type Properties = any

let resources: Record<string, Resource>
/** The names of all fields that audit lines were seen to have, those of inputs as `input.NAME`. */
const fields = new Set<string>()
const seen: Record<string, unknown>[] = []

const ofType = (type: string): Properties[] =>
  Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []))
const dashboard = (): { widgets: Properties[] } =>
  JSON.parse(ofType('AWS::CloudWatch::Dashboard')[0].DashboardBody['Fn::Sub'])
const queries = (): Map<string, string> =>
  new Map(ofType('AWS::Logs::QueryDefinition').map(({ Name, QueryString }) => [Name.split('/').at(-1), QueryString]))

/** Every kind of line, written by the functions themselves. */
async function writeLines(): Promise<void> {
  const harness = await startHarness()
  try {
    for (const name of operationNames) await harness.http(name)
    await harness.queue('feishu-approval-unsubscribe', [itemOf('feishu-approval-unsubscribe'), 'no item'])
    const { route } = sampleOf('feishu-drive-unsubscribe')
    harness.sandbox.answer({ path: route }, { status: 400, body: { code: 99991400, msg: 'slow down' } })
    await harness.queue('feishu-drive-unsubscribe', [itemOf('feishu-drive-unsubscribe')])
    harness.sandbox.answer({ path: route }, { status: 500, body: { code: 1069601, msg: 'fault' } }, 3)
    await harness.http('feishu-drive-unsubscribe')
    await harness.invoke(
      'feishu-approval-unsubscribe',
      offboardingEvent({ offboardingId: 'hr-1', feishu: { approvalCodes: ['a-1'] } }),
    )
    await harness.invoke('feishu-calendar-unsubscribe', offboardingEvent({ offboardingId: 'hr-1', colour: 'red' }))
    harness.secrets.seed('test/feishu/user/ou_dead', {
      accessToken: 'u-dead',
      accessTokenExpiresAt: '2020-01-01T00:00:00Z',
      refreshToken: 'ur-dead',
      refreshTokenExpiresAt: '2020-01-01T00:00:00Z',
    })
    process.env.RENEW_WITHIN_DAYS = '3'
    const { handler } = await harness.load<typeof import('../../functions/user-token-renewal.ts')>(
      'functions/user-token-renewal.ts',
    )
    await handler({}, { functionName: 'user-token-renewal', getRemainingTimeInMillis: () => 900_000 } as never)
    seen.push(...harness.log)
  } finally {
    await harness.close()
  }
  for (const { input, ...line } of seen) {
    for (const field of Object.keys(line)) fields.add(field)
    for (const field of Object.keys((input as object | null) ?? {})) fields.add(`input.${field}`)
  }
}

beforeAll(async () => {
  resources = (await compileTemplate({ stage: 'local' })).Resources
  await writeLines()
})

/** The headings' anchors, as GitHub makes them. */
const anchorsOf = (file: string) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    )

describe.each(['docs/runbook.md', 'docs/runbook.zh-CN.md'])('%s', (file) => {
  test('has the section that each alarm links to', () => {
    const anchors = anchorsOf(file)
    const linked = ofType('AWS::CloudWatch::Alarm').map(
      ({ AlarmName, AlarmDescription }) =>
        [AlarmName, AlarmDescription.match(/Runbook: docs\/runbook\.md#([a-z-]+)$/)?.[1]] as const,
    )
    expect(linked.length).toBeGreaterThan(30)
    for (const [alarm, anchor] of linked) expect(anchors, alarm).toContain(anchor)
  })

  test('has a section for every kind', () => {
    expect(anchorsOf(file)).toEqual(expect.arrayContaining(Object.keys(KINDS)))
  })

  test('links only to sections and files that are there', () => {
    const text = readFileSync(file, 'utf8')
    for (const [, path = '', anchor = ''] of text.matchAll(/\]\(([^)#]*)#?([^)]*)\)/g)) {
      const target = path === '' ? file : `docs/${path}`
      expect(existsSync(target), target).toBe(true)
      if (anchor !== '') expect(anchorsOf(target), target).toContain(anchor)
    }
  })

  test('names every saved query', () => {
    const text = readFileSync(file, 'utf8')
    for (const name of queries().keys()) expect(text).toContain(name)
  })
})

describe('saved queries', () => {
  test('are asked of every function, and name only fields that lines have', () => {
    expect(queries().size).toBeGreaterThanOrEqual(8)
    for (const { QueryString, LogGroupNames, Name } of ofType('AWS::Logs::QueryDefinition')) {
      expect(LogGroupNames).toHaveLength(operationNames.length + 5)
      for (const field of namesIn(QueryString)) expect([...fields], `${Name}: ${field}`).toContain(field)
    }
  })

  test('compare with values that lines have', () => {
    const values = new Set(seen.flatMap((line) => Object.values(line)))
    for (const [name, query] of queries())
      for (const [, value] of query.matchAll(/"([^"]+)"/g))
        if (name !== 'one offboarding') expect(values, name).toContain(value)
  })

  test('find one offboarding by the id of its lines', () => {
    expect(queries().get('one offboarding')).toContain('filter offboardingId = "')
    expect(seen.filter(({ offboardingId }) => offboardingId === 'hr-1').map(({ message }) => message)).toEqual(
      expect.arrayContaining(['planned', 'finished', 'rejected']),
    )
  })
})

/** The fields that a query reads: its words, without functions, keywords, new names and quoted values. */
function namesIn(query: string): string[] {
  const words = query.replace(/"[^"]*"/g, ' ').replace(/\bas \w+/g, ' ')
  const made = new Set([...query.matchAll(/\bas (\w+)/g)].map(([, name]) => name))
  const keywords = /^(fields|filter|stats|sort|limit|by|asc|desc|and|in|\d+(\.\d+)?)$/
  return [...words.matchAll(/@?[A-Za-z][\w.]*(?!\w*\()/g)]
    .map(([word]) => word)
    .filter((word) => !word.startsWith('@') && !keywords.test(word) && !made.has(word) && !query.includes(`${word}(`))
}

describe('metrics made from lines', () => {
  test('read fields and kinds that lines have', () => {
    const filters = ofType('AWS::Logs::MetricFilter')
    // Three for each operation, and one for each function that renews tokens.
    expect(filters).toHaveLength(4 * operationNames.length + 2)
    for (const { FilterPattern, MetricTransformations } of filters) {
      const read = [FilterPattern, MetricTransformations[0].MetricValue, MetricTransformations[0].Dimensions[0].Value]
      for (const [, field] of read.join(' ').matchAll(/\$\.(\w+)/g)) expect(fields).toContain(field)
      for (const [, kind] of FilterPattern.matchAll(/kind = "(\w+)"/g)) expect(Object.keys(KINDS)).toContain(kind)
    }
  })

  test('have no dimension but the operation: no id of anybody, no price by the number of people', () => {
    for (const { MetricTransformations } of ofType('AWS::Logs::MetricFilter'))
      expect(MetricTransformations).toEqual([
        expect.objectContaining({ Dimensions: [{ Key: 'operation', Value: '$.operation' }] }),
      ])
  })

  test('are those that alarms and dashboard read', () => {
    const made = new Set(
      ofType('AWS::Logs::MetricFilter').map(
        ({ MetricTransformations: [{ MetricNamespace, MetricName }] }) => `${MetricNamespace} ${MetricName}`,
      ),
    )
    const watched = ofType('AWS::CloudWatch::Alarm').map(({ Namespace, MetricName }) => `${Namespace} ${MetricName}`)
    const shown = dashboard().widgets.flatMap(({ type, properties }) =>
      type === 'metric' ? properties.metrics.map(([namespace, name]: string[]) => `${namespace} ${name}`) : [],
    )
    const ours = (names: string[]) => new Set(names.filter((name) => name.startsWith('SubscriptionOffboarding/')))
    expect(ours(watched)).toEqual(made)
    expect(ours(shown)).toEqual(made)
  })

  test('count the renewals under the names that alarms and dashboard read', () => {
    const counted = seen.find((line) => '_aws' in line)
    const shown = dashboard()
      .widgets.find(({ properties }) => properties.title === 'Token renewals')
      .properties.metrics.map(([, metric]: string[]) => metric)
    expect([...new Set(shown)].sort()).toEqual(
      Object.keys(counted ?? {})
        .filter((name) => !['_aws', 'FunctionName', 'Vendor'].includes(name))
        .sort(),
    )
  })
})

describe('the dashboard', () => {
  test('has a name for each stage and region: an account has one list of them', () => {
    expect(ofType('AWS::CloudWatch::Dashboard')[0].DashboardName).toEqual({
      'Fn::Sub': 'local-subscription-offboarding-${AWS::Region}',
    })
  })

  test('shows every alarm, and does not overlap', () => {
    const { widgets } = dashboard()
    const names = ofType('AWS::CloudWatch::Alarm').map(({ AlarmName }) => AlarmName)
    const lists = widgets.filter(({ type }) => type === 'alarm').map(({ properties }): string[] => properties.alarms)
    expect(lists.flatMap((arns) => arns.map((arn) => arn.split(':alarm:')[1])).sort()).toEqual(names.sort())
    for (const arns of lists) expect(arns.length).toBeLessThanOrEqual(100)
    const taken = new Set<string>()
    for (const { x, y, width, height } of widgets)
      for (let column = x; column < x + width; column++)
        for (let row = y; row < y + height; row++) {
          expect(taken).not.toContain(`${column} ${row}`)
          expect(column).toBeLessThan(24)
          taken.add(`${column} ${row}`)
        }
  })

  test('asks its tables the saved queries, of every function', () => {
    const tables = dashboard().widgets.filter(({ type }) => type === 'log')
    expect(tables.length).toBeGreaterThanOrEqual(5)
    for (const { properties } of tables) {
      const [sources, query] = [/^(SOURCE '[^']+'\n\| )+/.exec(properties.query)?.[0] ?? '', properties.query]
      expect(sources.match(/SOURCE '\/aws\/lambda\/local-[a-z-]+'/g)).toHaveLength(operationNames.length + 5)
      expect([...queries().values()]).toContain(query.slice(sources.length))
    }
  })

  test('has a graph for each operation', () => {
    for (const title of [
      'Oldest waiting target, seconds',
      'Held buckets, as announced',
      'Vendor latency, p95 in milliseconds',
      'Vendor faults',
    ]) {
      const { metrics } = dashboard().widgets.find(({ properties }) => properties.title === title).properties
      expect(
        metrics.map((metric: [...string[], { label: string }]) => (metric.at(-1) as { label: string }).label),
      ).toEqual(expect.arrayContaining([...operationNames]))
    }
  })
})
