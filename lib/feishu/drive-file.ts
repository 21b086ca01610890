/** What a Feishu document event subscription may name. Source: contract feishu-drive-unsubscribe. */

/** `file_type`. */
export const FILE_TYPES = ['doc', 'docx', 'sheet', 'bitable', 'file', 'folder', 'slides'] as const

/** The one `event_type` there is: a folder needs it, other types must not send it. */
export const FOLDER_EVENT_TYPE = 'file.created_in_folder_v1'

export const eventTypeFits = (fileType: (typeof FILE_TYPES)[number], eventType: string | null | undefined): boolean =>
  (eventType ?? undefined) === (fileType === 'folder' ? FOLDER_EVENT_TYPE : undefined)
