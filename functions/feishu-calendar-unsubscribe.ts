/**
 * Feishu: ends the calendar change events of one user.
 * https://open.feishu.cn/document/server-docs/calendar-v4/calendar/unsubscription
 */
import * as v from 'valibot'
import { feishuCalendarCodes } from '../lib/feishu/codes.ts'
import { feishu } from '../lib/feishu/feishu.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation } from '../lib/operation.ts'
import type { OperationDocs } from '../lib/operation-docs.ts'
import { nameId, openId } from '../lib/schema.ts'

const input = v.strictObject({
  /** The user whose subscription ends and who must have granted access. */
  open_id: openId,
  tenant_key: v.optional(nameId),
})

export const operation: Operation<v.InferOutput<typeof input>> = {
  name: 'feishu-calendar-unsubscribe',
  vendor: feishu,
  method: 'POST',
  path: '/open-apis/calendar/v4/calendars/unsubscription',
  query: [],
  pace: { perSecond: 50, perMinute: 1_000 },
  input,
  identity: ({ open_id, tenant_key }) => ({ as: 'user', userId: open_id, tenantKey: tenant_key }),
  codes: {
    ...feishuCalendarCodes,
    195100: {
      kind: 'not_found',
      means: { en: 'the user has left or is not in the tenant', zh: '用户已离职或不在该租户内' },
      unregistered: {
        en: 'The register has never seen this person: check the open_id.',
        zh: '登记表中从未有过该人员：请检查 open_id。',
      },
    },
  },
  succeeded: () => true,
  targets: ({ feishu }) =>
    feishu?.calendar && feishu.openId ? [{ open_id: feishu.openId, tenant_key: feishu.tenantKey }] : [],
  // No call checks the subscription.
  question: { name: 'feishu-user-info', pace: { perSecond: 50, perMinute: 1_000 } },
}

export const docs: OperationDocs<v.InferOutput<typeof input>> = {
  summary: { en: "End a user's calendar change events", zh: '取消某用户的日历变更事件' },
  fields: {},
  samples: { changed: { open_id: 'ou_leaver' }, not_found: { open_id: 'ou_resigned' } },
  event: {
    sample: { feishu: { openId: 'ou_leaver', calendar: true } },
    fields: {
      'feishu.openId': 'open_id of the leaver; required when calendar is true.',
      'feishu.calendar': "Ends the leaver's calendar change events; needs the leaver's own token.",
    },
    options: [
      {
        name: 'feishu-open-id',
        value: 'OPEN_ID',
        help: "end this person's calendar change events",
        part: (openId) => ({ feishu: { openId, calendar: true } }),
      },
    ],
  },
}

export const handler = /* @__PURE__ */ lambda(operation)
