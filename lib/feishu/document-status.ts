/** Whether the events of a Feishu document are subscribed: by the app, or by a user. */
import * as v from 'valibot'
import type { Question } from '../people/ask.ts'
import { feishuDocumentCodes } from './codes.ts'
import { feishu } from './feishu.ts'

/** What is answered of a document. The page has two ways to say no: `is_subscribe`, and a code. */
export const documentStatus = v.object({ data: v.object({ is_subscribe: v.boolean() }) })

/** A document, and as whom to ask: the user, or without one the app. */
export type Document = {
  file_token: string
  file_type: string
  event_type?: string | undefined
  open_id?: string | undefined
  tenant_key?: string | undefined
}

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/drive-v1/file/get_subscribe */
export const feishuDocumentStatus: Question<Document> = {
  name: 'feishu-document-status',
  vendor: feishu,
  method: 'GET',
  path: '/open-apis/drive/v1/files/:file_token/get_subscribe',
  query: ['file_type', 'event_type'],
  pace: { perMinute: 10 },
  identity: ({ open_id, tenant_key }) => ({
    as: open_id === undefined ? 'tenant' : 'user',
    userId: open_id,
    tenantKey: tenant_key,
  }),
  codes: feishuDocumentCodes,
  succeeded: (json) => v.is(documentStatus, json),
}
