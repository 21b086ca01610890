/** The routes for HR systems, as the OpenAPI document has them. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { misconfigured } from '../../lib/aws/table-errors.ts'
import { OperationError, type Text, toOperationError } from '../../lib/error.ts'
import { different, held, unknown } from '../../lib/handlers/offboarding-errors.ts'
import { readList, readOne, readOrder } from '../../lib/handlers/offboarding-request.ts'
import { OFFBOARDINGS } from '../../lib/handlers/offboardings.ts'
import { STATES } from '../../lib/ledger/records.ts'
import { ref } from './json-schema.ts'
import { LEAVING_EXAMPLE } from './leaving-schema.ts'
import { parameter, parameterRef } from './parameters.ts'
import { failures } from './responses.ts'
import { EVENT_ID, ID, REQUEST_ID, TIME } from './samples.ts'

export const OFFBOARDINGS_TAG = {
  name: OFFBOARDINGS,
  description: 'For HR systems',
  'x-description-zh': '供人事系统使用',
}

const changed = {
  outcome: 'changed',
  kind: null,
  code: '0',
  requestId: REQUEST_ID,
  hint: null,
  time: TIME,
  eventId: EVENT_ID,
  redrive: 0,
}
const CALENDAR = 'feishu-calendar-unsubscribe'

const EXAMPLES = {
  offboarding: { offboardingId: ID, dryRun: true, feishu: { openId: 'ou_leaver', calendar: true } },
  accepted: { offboardingId: ID, dryRun: false, eventId: EVENT_ID },
  offboardings: {
    offboardings: [
      {
        offboardingId: ID,
        state: 'finished',
        since: TIME,
        isDryRun: false,
        gone: 0,
        rejected: null,
        resolving: null,
      },
    ],
  },
  one: {
    state: 'finished',
    hasDryRuns: false,
    offboardingId: ID,
    isDryRun: false,
    counts: { changed: 1 },
    operations: { [CALENDAR]: { changed: 1 } },
    gone: {},
    notFinished: {},
    notPlanned: [],
    people: [
      {
        eventId: EVENT_ID,
        role: 'leaver',
        vendor: 'feishu',
        state: 'found',
        ids: { openId: 'ou_leaver' },
        reason: null,
      },
    ],
    targets: [{ operation: CALENDAR, input: { open_id: 'ou_leaver' }, history: [changed], ...changed }],
    targetsLeftOut: 0,
  },
}

/** The three routes by path and method. */
export function offboardingRoutes() {
  const unreachable = () => misconfigured('dev-ledger', 'Query', 'AccessDeniedException')
  const fail = (...errors: OperationError[]) =>
    failures(OFFBOARDINGS, [...errors, unreachable(), toOperationError(undefined)])
  const ok = ({ en, zh }: Text, schema: string, value: object) => ({
    description: en,
    'x-description-zh': zh,
    content: { 'application/json': { schema: ref(schema), examples: { answer: { value } } } },
  })
  const unavailable = new OperationError(
    'unavailable',
    { en: 'The ledger table "dev-ledger" did not answer Query.', zh: '台账表 "dev-ledger" 未应答 Query。' },
    { scope: 'us' },
  )
  const location = {
    Location: { description: 'Where to ask what becomes of it.', required: true, schema: { type: 'string' } },
  }
  return {
    '/offboardings': {
      post: {
        ...head('request-offboarding', {
          summary: { en: 'Ask for an offboarding', zh: '提交离职处理' },
          description: {
            en:
              'The body is the detail of an event: with a `leaver` of User Leaving, else of User Offboarding. It is sent once, however ' +
              'often it is asked for: the same content again is answered 200, another content 409. A dry run and the real run ' +
              'after it are two.',
            zh: '请求体为事件的 detail：含 leaver 时为 User Leaving，否则为 User Offboarding。无论提交多少次，事件只发送一次：相同内容再次提交返回 200，内容不同返回 409。试运行与其后的正式运行各算一次。',
          },
        }),
        parameters: [parameterRef('acceptLanguage')],
        requestBody: {
          required: true,
          description: 'Every wrong field is named, not only the first. At most 255 KB.',
          content: {
            'application/json': {
              schema: { anyOf: [ref('UserLeaving'), ref('UserOffboarding')] },
              examples: { leaving: { value: LEAVING_EXAMPLE }, offboarding: { value: EXAMPLES.offboarding } },
            },
          },
        },
        responses: {
          200: {
            ...ok({ en: 'Its event was sent before.', zh: '其事件此前已发送。' }, 'Accepted', EXAMPLES.accepted),
            headers: location,
          },
          202: {
            ...ok({ en: 'Its event is sent.', zh: '其事件已发送。' }, 'Accepted', EXAMPLES.accepted),
            headers: location,
          },
          ...fail(
            thrownBy(() => readOrder(request({ body: '{"leaver":{"phone":"1"}}' }))),
            different(),
            held(),
          ),
        },
      },
      get: {
        ...head('list-offboardings', {
          summary: { en: 'List offboardings by state', zh: '按状态列出离职处理' },
          description: {
            en:
              'First those that need an operator, then the open ones, longest first, then those that have finished, latest first. A page ' +
              'may be short, or empty, while there is a `next`.',
            zh: '先列出需要人工处理的，再列出进行中的（最久的在前），最后列出已结束的（最新的在前）。只要有 next，某一页即可能不足甚至为空。',
          },
        }),
        parameters: [
          query('state', { enum: [...STATES] }, { en: 'Only these.', zh: '仅列出此状态。' }),
          query(
            'limit',
            { type: 'integer', minimum: 1, maximum: 100, default: 20 },
            { en: 'Most on a page.', zh: '每页最多条数。' },
          ),
          query(
            'next',
            { type: 'string' },
            {
              en: '`next` of the page before, with the same state and dry_run.',
              zh: '上一页的 next，且 state 与 dry_run 保持不变。',
            },
          ),
          query(
            'dry_run',
            { type: 'boolean', default: false },
            { en: 'Lists dry runs instead.', zh: '改为列出试运行。' },
          ),
          parameterRef('acceptLanguage'),
        ],
        responses: {
          200: ok({ en: 'A page.', zh: '一页列表。' }, 'Offboardings', EXAMPLES.offboardings),
          ...fail(
            thrownBy(() => readList(request({ queryStringParameters: { state: 'lost', limit: '0' } }))),
            unavailable,
          ),
        },
      },
    },
    '/offboardings/{offboardingId}': {
      get: {
        ...head('show-offboarding', {
          summary: { en: 'Show what became of an offboarding', zh: '查看离职处理的结果' },
          description: {
            en: 'Every target once, by its newest outcome, and who was found where. As `npx offboarding report ID --json`, without holds.',
            zh: '每个对象列出一次，取其最新结果，并说明在何处找到了谁。与 npx offboarding report ID --json 相同，但不含暂停信息。',
          },
        }),
        parameters: [
          parameter('offboardingId', 'path', true, ref('Id'), {
            en: 'Your id of the offboarding.',
            zh: '您的离职处理编号。',
          }),
          query(
            'dry_run',
            { type: 'boolean' },
            {
              en: 'Of its dry runs, or of its real runs alone; left out, of real runs where there are any.',
              zh: '仅看试运行或仅看正式运行；不填则有正式运行时看正式运行。',
            },
          ),
          parameterRef('acceptLanguage'),
        ],
        responses: {
          200: ok({ en: 'What is known of it.', zh: '已知的全部结果。' }, 'Offboarding', EXAMPLES.one),
          ...fail(
            thrownBy(() =>
              readOne(request({ pathParameters: { offboardingId: ID }, queryStringParameters: { dry_run: '1' } })),
            ),
            unknown(),
            unavailable,
          ),
        },
      },
    },
  }
}

const head = (operationId: string, { summary, description }: { summary: Text; description: Text }) => ({
  operationId,
  tags: [OFFBOARDINGS],
  summary: summary.en,
  'x-summary-zh': summary.zh,
  description: description.en,
  'x-description-zh': description.zh,
})

const query = (name: string, schema: object, text: Text) => parameter(name, 'query', false, schema, text)

const request = (part: Partial<APIGatewayProxyEventV2>) => part as APIGatewayProxyEventV2

function thrownBy(fail: () => unknown): OperationError {
  try {
    fail()
  } catch (error) {
    if (error instanceof OperationError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
