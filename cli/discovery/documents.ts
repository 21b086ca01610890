/** Whether documents are subscribed, one by one: Feishu lists neither the documents of an app nor those of a person. */
import * as v from 'valibot'
import type { Kind } from '../../lib/error.ts'
import { type Document, documentStatus, feishuDocumentStatus } from '../../lib/feishu/document-status.ts'
import type { readFile } from '../../lib/feishu/drive-file.ts'
import type { Ask } from '../../lib/people/ask.ts'
import { describeRefusal, type Finding } from '../../lib/people/collect.ts'

/** A document of the event; `openId` is given where it is that person's subscription. */
export type EventFile = NonNullable<ReturnType<typeof readFile>> & { openId?: string }

/** Refusals that the next document would meet as well. */
const GENERAL: Kind[] = ['misconfigured', 'quota_exhausted', 'reauthorization_required']

/** Whether each document is subscribed: by the app, or by the person of its `openId`. */
export async function* documentFindings(
  files: EventFile[],
  tenantKey: string | undefined,
  ask: Ask,
): AsyncGenerator<Finding> {
  const refused = new Set<string | undefined>()
  for (const file of files) {
    const who = `${file.fileToken} ${file.fileType}, ${file.openId ?? 'the app'}`
    if (refused.has(file.openId)) {
      yield { text: `${who}: not asked`, isUnknown: true }
      continue
    }
    const document = {
      file_token: file.fileToken,
      file_type: String(file.fileType),
      event_type: file.eventType,
      open_id: file.openId,
      tenant_key: tenantKey,
    }
    try {
      const subscribed = await isSubscribed(document, ask)
      yield subscribed
        ? { text: `${who}: subscribed`, target: { feishu: { files: [file] } } }
        : { text: `${who}: not subscribed` }
    } catch (error) {
      const { kind, text } = describeRefusal(error)
      if (GENERAL.includes(kind)) refused.add(file.openId)
      yield { text: `${who}: ${text}`, isUnknown: kind !== 'not_found' }
    }
  }
}

/** Whether the document's events are subscribed. The page has two ways to say no: `is_subscribe`, and a code. */
async function isSubscribed(document: Document, ask: Ask): Promise<boolean> {
  const { outcome, json } = await ask(feishuDocumentStatus, document)
  return outcome !== 'unchanged' && v.parse(documentStatus, json).data.is_subscribe
}
