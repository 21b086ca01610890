/**
 * Feishu: ends the app's events of one approval definition.
 * https://open.feishu.cn/document/server-docs/approval-v4/event/event-interface/unsubscribe
 */
import * as v from 'valibot'
import { feishu } from '../lib/feishu/feishu.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation } from '../lib/operation.ts'
import type { OperationDocs } from '../lib/operation-docs.ts'
import { id, nameId } from '../lib/schema.ts'
import type { CodeTable } from '../lib/vendor/vendor.ts'

const input = v.strictObject({
  approval_code: id,
  tenant_key: v.optional(nameId),
})

/** Of the operation and of its question. */
const definitionCodes: CodeTable = {
  1390001: { kind: 'invalid_request', means: { en: 'a parameter is invalid', zh: '参数错误' } },
  1390002: {
    kind: 'not_found',
    means: { en: 'the approval code does not exist', zh: '找不到审批定义 Code' },
    unregistered: {
      en: 'The register has never seen this approval: check the code.',
      zh: '登记表中从未有过该审批定义：请检查 Code。',
    },
  },
  // Sent with HTTP 400 though it is transient.
  1395001: { kind: 'unavailable', means: { en: 'a fault at the vendor', zh: '厂商内部错误' } },
}

const definition = v.object({ data: v.object({ status: v.nullish(v.string(), 'UNKNOWN') }) })

type Approval = v.InferOutput<typeof input>

const identity = ({ tenant_key }: Approval) => ({ as: 'tenant', tenantKey: tenant_key }) as const

export const operation: Operation<Approval> = {
  name: 'feishu-approval-unsubscribe',
  vendor: feishu,
  method: 'POST',
  path: '/open-apis/approval/v4/approvals/:approval_code/unsubscribe',
  query: [],
  pace: { perMinute: 100 },
  input,
  identity,
  codes: {
    ...definitionCodes,
    1390007: { outcome: 'unchanged', means: { en: 'was already unsubscribed', zh: '已取消订阅，无需重复操作' } },
  },
  succeeded: () => true,
  targets: ({ feishu }) =>
    (feishu?.approvalCodes ?? []).map((approval_code) => ({ approval_code, tenant_key: feishu?.tenantKey })),
  // Whether it is subscribed no call checks.
  // https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/approval-v4/approval/get
  question: {
    name: 'feishu-approval',
    vendor: feishu,
    method: 'GET',
    path: '/open-apis/approval/v4/approvals/:approval_code',
    query: [],
    pace: { perMinute: 100 },
    identity,
    codes: {
      ...definitionCodes,
      1390016: { kind: 'not_found', means: { en: 'the approval definition is deleted', zh: '审批定义已删除' } },
    },
    succeeded: (json) => v.is(definition, json),
    expect: (json) => (v.parse(definition, json).data.status === 'DELETED' ? { code: '1390016' } : 'change'),
  },
}

export const docs: OperationDocs<v.InferOutput<typeof input>> = {
  summary: { en: 'End the events of an approval definition', zh: '取消某审批定义的事件' },
  fields: { approval_code: { en: 'The code of the approval definition.', zh: '审批定义 Code。' } },
  samples: {
    changed: { approval_code: '7C468A54-8745-2245-9675-08B7C63E7A85' },
    unchanged: { approval_code: '7C468A54-8745-2245-9675-08B7C63E7A86' },
    not_found: { approval_code: 'NOBODY-KNOWS-IT' },
  },
  event: {
    sample: { feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] } },
    fields: { 'feishu.approvalCodes': "Approval definitions whose events end. They are the app's, not the leaver's." },
    options: [
      {
        name: 'approval-code',
        value: 'CODE …',
        help: 'end the events of an approval',
        part: (code) => ({ feishu: { approvalCodes: [code] } }),
      },
    ],
  },
}

export const handler = /* @__PURE__ */ lambda(operation)
