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

/**
 * By the path of a document's address, its type.
 * https://open.feishu.cn/document/faq/trouble-shooting/how-to-get-docs-tokens
 */
const TYPE_OF_PATH: Record<string, (typeof FILE_TYPES)[number]> = {
  docs: 'doc',
  docx: 'docx',
  sheets: 'sheet',
  base: 'bitable',
  file: 'file',
  'drive/folder': 'folder',
}

/** Whether the text is the address of a wiki node, which does not say which document that is. */
export const isWikiAddress = (text: string): boolean => /^https:\/\/[^/]+\/wiki\//.test(text)

/** The document of an event that `TOKEN:TYPE`, or its address, means; undefined when the text has another form. */
export function readFile(text: string) {
  const [, folder = '', token] = /^https:\/\/[^/]+\/(.+)\/([A-Za-z0-9]+)\/?(?:[?#].*)?$/.exec(text) ?? []
  const [fileToken, fileType] = token
    ? [token, TYPE_OF_PATH[folder]]
    : (/^(?!https?:)(.*):([^:]*)$/.exec(text) ?? []).slice(1)
  if (token && !fileType) return undefined
  if (fileToken === undefined) return undefined
  return { fileToken, fileType, ...(fileType === 'folder' && { eventType: FOLDER_EVENT_TYPE }) }
}
