/** What a Feishu document event subscription may name. Source: contract feishu-drive-unsubscribe. */
import * as v from 'valibot'
import { id } from '../schema.ts'

/**
 * `file_token`. A wiki node's token, out of a /wiki/ URL, is not the document's; only those that begin with `wikcn`, `wikus` and
 * the like can be distinguished.
 * https://open.feishu.cn/document/ukTMukTMukTM/uUDN04SN0QjL1QDN/wiki-v2/space-node/get_node
 */
export const fileToken = v.pipe(
  id,
  v.check((value) => !/^wik[a-z]{2}[A-Za-z0-9]{15,}$/.test(value), 'wiki_token'),
)

/** `file_type`. */
export const FILE_TYPES = ['doc', 'docx', 'sheet', 'bitable', 'file', 'folder', 'slides'] as const

/** The one `event_type` there is: a folder needs it, other types must not send it. */
export const FOLDER_EVENT_TYPE = 'file.created_in_folder_v1'

export const eventTypeFits = (fileType: (typeof FILE_TYPES)[number], eventType: string | null | undefined): boolean =>
  (eventType ?? undefined) === (fileType === 'folder' ? FOLDER_EVENT_TYPE : undefined)

/** The document of an event that `TOKEN:TYPE` means; undefined when the text has another form. */
export function readFile(text: string) {
  const [, fileToken, fileType] = /^(.*):([^:]*)$/.exec(text) ?? []
  if (fileToken === undefined) return undefined
  return { fileToken, fileType, ...(fileType === 'folder' && { eventType: FOLDER_EVENT_TYPE }) }
}
