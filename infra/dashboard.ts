// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** The dashboard, and the saved queries of the audit lines. */
import { alarms } from './alarms.ts'
import {
  arn,
  CALLBACKS,
  collect,
  functionsOf,
  idOf,
  namespaceOf,
  type Osls,
  oslsId,
  RENEWAL,
  RESOLUTION,
  ref,
  SWEEP,
  settings,
  sub,
  upperFirst,
} from './cloudformation.ts'

type Query = { place?: [x: number, y: number]; query: string[] }

/** What a run of the scheduled renewal counts. */
const RENEWAL_METRICS = [
  'Renewed',
  'Failed',
  'Unfinished',
  'Stopped',
  'ReauthorizationRequired',
  'NotRenewable',
  'WrongOwner',
  'Gone',
]

/**
 * What the audit lines are asked, in the language of Logs Insights: each is saved with the stack, under its name, and those
 * that have a `place` ([x, y] of the grid, 24 wide) stand on the dashboard too. Fields are those of AuditLine in lib/audit.ts.
 */
const QUERIES: Record<string, Query> = {
  'one offboarding': {
    query: [
      'fields @timestamp, operation, coalesce(input.file_token, input.calendar_id, input.approval_code, input.calendarId, input.open_id) as target, message, outcome, kind, code, hint, attempts, deliveries',
      'filter offboardingId = "hr-2026-000123"',
      'sort @timestamp asc',
      'limit 10000',
    ],
  },
  'items by outcome': {
    place: [0, 7],
    query: [
      'filter ispresent(outcome)',
      'stats count(*) as items by operation, outcome',
      'sort operation asc, items desc',
    ],
  },
  'parked by reason': {
    place: [12, 7],
    query: [
      'filter message in ["parked", "rejected"]',
      'stats count(*) as items, latest(hint) as todo by kind, code, operation',
      'sort items desc',
    ],
  },
  'deferrals by bucket': {
    place: [12, 13],
    query: [
      'filter message = "deferred"',
      'stats count(*) as deferrals, max(waitMs / 1000) as longestWaitSeconds, latest(kind) as reason, latest(code) as lastCode by operation, bucket',
      'sort longestWaitSeconds desc',
    ],
  },
  'errors by code': {
    place: [12, 25],
    query: [
      'filter ispresent(kind) and operation != "user-token-renewal"',
      'stats count(*) as lines, latest(requestId) as lastRequestId by operation, kind, code',
      'sort lines desc',
    ],
  },
  'vendor latency': {
    place: [12, 19],
    query: [
      'filter attempts = 1 and ms > 0',
      'stats count(*) as calls, pct(ms, 50) as p50, pct(ms, 95) as p95, max(ms) as slowest by operation',
      'sort p95 desc',
    ],
  },
  'slow vendor calls': {
    query: [
      'fields @timestamp, operation, ms, attempts, outcome, kind, code, requestId',
      'filter attempts >= 1 and ms > 2000',
      'sort ms desc',
      'limit 200',
    ],
  },
  'users who must consent again': {
    place: [12, 31],
    query: [
      'fields coalesce(secretId, input.open_id, input.userId) as user',
      'filter kind = "reauthorization_required"',
      'stats count(*) as lines, latest(operation) as lastOperation, latest(code) as lastCode by user',
      'sort lines desc',
    ],
  },
}

/** As many as CloudWatch shows in one list. */
const ALARMS_EACH = 100

/** The dashboard and the saved queries. */
export async function dashboard(osls: Osls) {
  const { stage, service, operations, vendors, checked } = await settings(osls)
  const names = Object.keys(operations)
  const functions = await functionsOf(osls)
  const { Resources } = await alarms(osls)
  const alarmArns = Object.values(Resources)
    .flatMap(({ Properties }) => Properties.AlarmName ?? [])
    .map((name) => arn('cloudwatch', `alarm:${name}`)['Fn::Sub'])
  const alarmLists = Array.from({ length: Math.ceil(alarmArns.length / ALARMS_EACH) }, (_, index) =>
    alarmArns.slice(index * ALARMS_EACH, (index + 1) * ALARMS_EACH),
  )
  const alarmsWidth = Math.floor(24 / alarmLists.length)
  const region = '${AWS::Region}'

  const sources = Object.values(functions).map(({ name }) => `SOURCE '/aws/lambda/${name}'`)
  const table = (title: string, [x, y]: [number, number], query: string[]) => ({
    ...{ type: 'log', x, y, width: 12, height: 6 },
    properties: { title: upperFirst(title), view: 'table', region, query: [...sources, ...query].join('\n| ') },
  })
  const graph = (title: string, x: number, y: number, metrics: unknown[][], settings: object) => ({
    ...{ type: 'metric', x, y, width: 12, height: 6 },
    properties: { title, view: 'timeSeries', region, period: 300, yAxis: { left: { min: 0 } }, metrics, ...settings },
  })
  const lineMetric = (metric: string) =>
    names.map((name) => [namespaceOf(stage), metric, 'operation', name, { label: name }])
  const queueMetric = (metric: string, queue: string, label = queue) => [
    'AWS/SQS',
    metric,
    'QueueName',
    `${stage}-${queue}`,
    { label },
  ]
  const body = {
    widgets: [
      {
        ...{ type: 'text', x: 0, y: 0, width: 24, height: 1 },
        properties: {
          markdown: `**${service} ${stage}** · what to do: ${checked.runbookUrl} · tables cover the range chosen above`,
        },
      },
      ...alarmLists.map((some, index) => ({
        ...{ type: 'alarm', x: index * alarmsWidth, y: 1, width: alarmsWidth, height: 6 },
        properties: { title: 'Alarms', alarms: some },
      })),
      ...Object.entries(QUERIES).flatMap(([name, { place, query }]) => (place ? [table(name, place, query)] : [])),
      graph(
        'Oldest waiting target, seconds',
        0,
        13,
        [...names, RESOLUTION].map((name) => [
          ...[
            'SubscriptionOffboarding',
            'OldestWaitingSeconds',
            'FunctionName',
            `${stage}-${SWEEP}`,
            'Operation',
            name,
          ],
          { label: name },
        ]),
        { stat: 'Maximum', period: 1800 },
      ),
      graph('Vendor latency, p95 in milliseconds', 0, 19, lineMetric('CallMs'), { stat: 'p95' }),
      graph('Vendor faults', 0, 25, lineMetric('VendorFaults'), { stat: 'Sum' }),
      graph(
        'Token renewals',
        0,
        31,
        Object.keys(vendors).flatMap((vendor) =>
          RENEWAL_METRICS.map((metric) => [
            ...['SubscriptionOffboarding', metric, 'FunctionName', `${stage}-${RENEWAL}`, 'Vendor', vendor],
            { label: `${vendor} ${metric}` },
          ]),
        ),
        { stat: 'Maximum', period: 3600 },
      ),
      graph(
        'Messages waiting for an operator',
        0,
        37,
        [
          ...['dead-letter.fifo', 'undelivered-events', 'stranded.fifo', 'stranded'].map((queue) =>
            queueMetric('ApproximateNumberOfMessagesVisible', queue),
          ),
          [namespaceOf(stage), 'Unstored', 'operation', 'user-token', { label: 'tokens not stored' }],
        ],
        { stat: 'Maximum' },
      ),
      graph(
        'Functions: crashed or throttled',
        12,
        37,
        Object.entries(functions).flatMap(([key, { name }]) =>
          ['Errors', 'Throttles'].map((metric) => [
            ...['AWS/Lambda', metric, 'FunctionName', name],
            { label: `${key} ${metric}` },
          ]),
        ),
        { stat: 'Sum' },
      ),
      graph(
        'Items that stepped aside',
        0,
        43,
        names.flatMap((name) =>
          ['Visible', 'NotVisible', 'Delayed'].map((state) =>
            queueMetric(`ApproximateNumberOfMessages${state}`, `${name}-retry`, `${name} ${state}`),
          ),
        ),
        { stat: 'Maximum', stacked: true },
      ),
      graph('Held buckets, as announced', 12, 43, lineMetric('Held'), { stat: 'Sum' }),
      ...(checked.vendorCallbacks
        ? [
            graph(
              'What vendors push: calls, and what was refused',
              0,
              49,
              [
                ['AWS/Lambda', 'Invocations', 'FunctionName', `${stage}-${CALLBACKS}`, { label: 'calls' }],
                [namespaceOf(stage), 'Refused', 'operation', CALLBACKS, { label: 'refused' }],
              ],
              { stat: 'Sum' },
            ),
          ]
        : []),
    ],
  }

  return {
    Resources: {
      Dashboard: {
        Type: 'AWS::CloudWatch::Dashboard',
        Properties: {
          // An account's dashboards are the same in all regions.
          DashboardName: sub(`${stage}-${service}-\${AWS::Region}`),
          DashboardBody: sub(JSON.stringify(body)),
        },
      },
      ...collect(QUERIES, (name, { query }) => ({
        [`${idOf(name.replaceAll(' ', '-'))}Query`]: {
          Type: 'AWS::Logs::QueryDefinition',
          Properties: {
            Name: `${service}/${stage}/${name}`,
            LogGroupNames: Object.keys(functions).map((key) => ref(`${oslsId(key)}LogGroup`)),
            QueryString: query.join('\n| '),
          },
        },
      })),
    },
  }
}
