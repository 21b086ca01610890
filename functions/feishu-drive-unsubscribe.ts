/**
 * Feishu: ends all events of one document, of the app's subscription or of a user's.
 * https://open.feishu.cn/document/server-docs/docs/drive-v1/event/delete_subscribe
 */
import * as v from 'valibot'
import { feishuDocumentCodes } from '../lib/feishu/codes.ts'
import { eventTypeFits, FILE_TYPES, fileToken } from '../lib/feishu/drive-file.ts'
import { feishu } from '../lib/feishu/feishu.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation } from '../lib/operation.ts'
import { nameId, openId } from '../lib/schema.ts'

const input = v.pipe(
  v.strictObject({
    file_token: fileToken,
    file_type: v.picklist(FILE_TYPES),
    event_type: v.optional(v.string()),
    /** The user whose subscription ends; left out, it is the app's. */
    open_id: v.optional(openId),
    tenant_key: v.optional(nameId),
  }),
  v.forward(
    v.check(({ file_type, event_type }) => eventTypeFits(file_type, event_type), 'folder_event_type'),
    ['event_type'],
  ),
)

export const operation: Operation<v.InferOutput<typeof input>> = {
  name: 'feishu-drive-unsubscribe',
  vendor: feishu,
  method: 'DELETE',
  path: '/open-apis/drive/v1/files/:file_token/delete_subscribe',
  query: ['file_type', 'event_type'],
  pace: { perMinute: 10 },
  input,
  identity: ({ open_id, tenant_key }) => ({
    as: open_id === undefined ? 'tenant' : 'user',
    userId: open_id,
    tenantKey: tenant_key,
  }),
  codes: {
    ...feishuDocumentCodes,
    1064230: {
      kind: 'unavailable',
      waitMs: 10 * 60_000,
      means: { en: 'the document is locked for data migration', zh: '数据迁移中,文档已锁定' },
      hint: { en: 'Repeat when the migration has ended.', zh: '请在数据迁移结束后重试。' },
    },
  },
  succeeded: () => true,
  targets: ({ feishu }) =>
    (feishu?.files ?? []).map(({ fileToken, fileType, eventType, openId }) => ({
      file_token: fileToken,
      file_type: fileType,
      event_type: eventType ?? undefined,
      open_id: openId ?? undefined,
      tenant_key: feishu?.tenantKey,
    })),
}

export const handler = lambda(operation)
