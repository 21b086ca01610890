/**
 * Feishu: ends all events of one document, of the app's subscription or of a user's.
 * https://open.feishu.cn/document/server-docs/docs/drive-v1/event/delete_subscribe
 */
import * as v from 'valibot'
import { feishuDocumentCodes } from '../lib/feishu/codes.ts'
import { documentStatus, feishuDocumentStatus } from '../lib/feishu/document-status.ts'
import { eventTypeFits, FILE_TYPES, fileToken, readFile } from '../lib/feishu/drive-file.ts'
import { feishu } from '../lib/feishu/feishu.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation } from '../lib/operation.ts'
import type { OperationDocs } from '../lib/operation-docs.ts'
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
      scope: 'item',
      waitMs: 10 * 60_000,
      patienceMs: 24 * 60 * 60_000,
      means: { en: 'the document is locked for data migration', zh: '数据迁移中，文档已锁定' },
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
  question: {
    ...feishuDocumentStatus,
    expect: (json) => (v.parse(documentStatus, json).data.is_subscribe ? 'change' : 'unchanged'),
  },
}

export const docs: OperationDocs<v.InferOutput<typeof input>> = {
  summary: { en: 'End the events of a document', zh: '取消某云文档的事件' },
  fields: {
    file_token: { en: "The document's token.", zh: '云文档 token。' },
    file_type: { en: "The document's type.", zh: '云文档类型。' },
    event_type: {
      en: 'Required for a folder: file.created_in_folder_v1. Any other type may not have one.',
      zh: '文件夹必填：file.created_in_folder_v1；其他类型不得填写。',
    },
  },
  samples: {
    changed: { file_token: 'doxcnSandbox01', file_type: 'docx' },
    unchanged: { file_token: 'doxcnSandbox25' },
    forbidden: { file_token: 'doxcnSandboxForbidden' },
    not_found: { file_token: 'doxcnSandboxMissing' },
  },
  event: {
    sample: { feishu: { files: [{ fileToken: 'doxcnSandbox01', fileType: 'docx' }] } },
    fields: {
      'feishu.files': 'Documents whose events end.',
      'feishu.files[].fileToken': "The document's token.",
      'feishu.files[].fileType': "The document's type.",
      'feishu.files[].eventType': 'Required for a folder; any other type may not have one.',
      'feishu.files[].openId': "Ends this user's subscription instead of the app's.",
    },
    options: [
      {
        name: 'file',
        value: 'TOKEN:TYPE …',
        help: 'end the events of a document; TYPE as in doc, docx, sheet, bitable, file, folder, slides',
        part: (text) => {
          const file = readFile(text)
          return file && { feishu: { files: [file] } }
        },
        example: 'doxcnXXXX:docx',
      },
    ],
  },
}

export const handler = /* @__PURE__ */ lambda(operation)
