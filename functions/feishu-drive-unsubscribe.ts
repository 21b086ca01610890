/**
 * Feishu: ends all events of one document, of the app's subscription or of a user's.
 * https://open.feishu.cn/document/server-docs/docs/drive-v1/event/delete_subscribe
 */
import * as v from 'valibot'
import { eventTypeFits, FILE_TYPES } from '../lib/drive-file.ts'
import { feishu } from '../lib/feishu.ts'
import { lambda } from '../lib/lambda.ts'
import type { Operation } from '../lib/operation.ts'
import { id, nameId } from '../lib/schema.ts'

const input = v.pipe(
  v.strictObject({
    file_token: id,
    file_type: v.picklist(FILE_TYPES),
    event_type: v.optional(v.string()),
    /** The user whose subscription ends; left out, it is the app's. */
    open_id: v.optional(nameId),
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
    1069601: { kind: 'unavailable', means: { en: 'a fault at the vendor', zh: '厂商内部错误' } },
    1069602: { kind: 'invalid_request', means: { en: 'a parameter is invalid', zh: '参数错误' } },
    1069603: {
      kind: 'forbidden',
      means: { en: 'the acting identity may not manage the document', zh: '调用身份无文档管理权限' },
      hint: {
        en: 'Make the app (or the user) a manager of the document, and check that the tenant records document access.',
        zh: '请为应用(或该用户)授予文档管理权限,并确认租户已开启文档访问记录功能。',
      },
    },
    1069604: { kind: 'not_found', means: { en: 'the document does not exist', zh: '文档不存在' } },
    1069605: { outcome: 'unchanged', means: { en: 'the document was not subscribed', zh: '没有订阅该文档' } },
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
