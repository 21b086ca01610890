/** Input validation: the field schemas that operations share, and issues told as bilingual texts that name the field. */
import * as v from 'valibot'
import { OperationError, type Text } from './error.ts'

/** The parameters of a call, by the vendor's own field names. */
export type Input = { [field: string]: string | undefined }

/**
 * A text for each way an input can be wrong, by valibot's issue type or by the message a check gives. None repeats the
 * value received: somebody may have pasted a token into the wrong field.
 */
const ISSUES: Record<string, Text> = {
  missing: { en: 'is required', zh: '为必填项' },
  string: { en: 'must be a string', zh: '必须为字符串' },
  boolean: { en: 'must be true or false', zh: '必须为 true 或 false' },
  array: { en: 'must be a list', zh: '必须为列表' },
  object: { en: 'must be an object', zh: '必须为对象' },
  strict_object: { en: 'must be an object', zh: '必须为对象' },
  literal: { en: 'is not the expected value', zh: '不是预期的取值' },
  min_length: { en: 'must not be empty', zh: '不能为空' },
  max_length: { en: 'is too long', zh: '过长' },
  iso_timestamp: { en: 'must be an ISO 8601 time', zh: '必须为 ISO 8601 时间' },
  id: {
    en: 'may not hold spaces, control characters or any of / \\ ? # %, nor be "." or ".."',
    zh: '不得包含空白、控制字符或 / \\ ? # %，也不得为 "." 或 ".."',
  },
  name: { en: 'may hold only letters, digits and _ + = . @ -', zh: '只能包含字母、数字与 _ + = . @ -' },
  open_id: {
    en: 'must be an open_id, which begins with ou_: no e-mail address, user_id or union_id',
    zh: '必须为以 ou_ 开头的 open_id，而非邮箱、user_id 或 union_id',
  },
  wiki_token: {
    en: "is the token of a wiki node, not of a document: use the node's obj_token and obj_type",
    zh: '为知识库节点的 token，而非文档的 token：请使用该节点的 obj_token 与 obj_type',
  },
  folder_event_type: {
    en: 'must be file.created_in_folder_v1 for a folder and must be left out for any other type',
    zh: '文件夹必须为 file.created_in_folder_v1，其他类型不得填写',
  },
  no_target: {
    en: 'selects nothing: name at least one target',
    zh: '未选择任何对象：请至少指定一个目标',
  },
  no_way_to_find: {
    en: 'names no person: give an e-mail address, a mobile, an employee number or an id',
    zh: '未指明任何人：请提供邮箱、手机号、工号或 id',
  },
  email: { en: 'must be an e-mail address', zh: '必须为邮箱地址' },
  mobile: {
    en: 'must be a number with its country code, as in +8613800000000; one of mainland China may stand without',
    zh: '必须为带国家代码的号码，如 +8613800000000；中国大陆号码可省略国家代码',
  },
  employee_number: {
    en: 'may not begin or end with a space, nor hold control characters',
    zh: '首尾不得为空白，且不得包含控制字符',
  },
  other_person: {
    en: 'must be the person whose subscription the input names',
    zh: '必须为 input 所指订阅的所属人员',
  },
  calendar_needs_open_id: { en: 'is required when calendar is true', zh: '当 calendar 为 true 时必填' },
  no_query: {
    en: 'must not be in the query: parameters belong in the body',
    zh: '不得出现在查询中：参数应放在请求体中',
  },
  json: { en: 'must be JSON in UTF-8', zh: '必须为 UTF-8 编码的 JSON' },
  body_size: {
    en: 'is larger than an event may be: split it into several offboardings',
    zh: '超过单个事件的大小上限：请拆分为多个离职处理',
  },
  limit: { en: 'must be a whole number from 1 to 100', zh: '必须为 1 至 100 的整数' },
  page_token: {
    en: 'is no page of this list: use "next" of the page before with the same state and dry_run',
    zh: '不是此列表的分页标记：请使用上一页的 next，且 state 与 dry_run 保持不变',
  },
  empty_body: { en: 'must be empty: parameters belong in the path and query', zh: '必须为空：参数应放在路径与查询中' },
}

function describe(issue: v.BaseIssue<unknown>, schema: v.GenericSchema): Text {
  if (issue.expected === 'never') {
    const fields = fieldsAt(schema, (issue.path ?? []).slice(0, -1)).join(', ')
    return { en: `is not a known field; known are ${fields}`, zh: `不是已知字段，已知字段为 ${fields}` }
  }
  if (issue.type === 'picklist' && issue.received !== 'undefined') {
    const values = issue.expected?.replace(/[()"]/g, '').replaceAll(' |', ',')
    return { en: `must be one of ${values}`, zh: `必须为以下之一：${values}` }
  }
  const key =
    issue.type === 'check' || issue.type === 'partial_check'
      ? issue.message
      : issue.received === 'undefined'
        ? 'missing'
        : issue.type
  return ISSUES[key] ?? { en: 'is invalid', zh: '无效' }
}

/** The names of the fields that the object at `path` may have. */
function fieldsAt(schema: v.GenericSchema, path: { key: unknown }[]): string[] {
  type Node = { wrapped?: Node; entries?: Record<string, Node>; item?: Node }
  const unwrapped = (node: Node | undefined): Node | undefined => (node?.wrapped ? unwrapped(node.wrapped) : node)
  let node = unwrapped(schema as Node)
  for (const { key } of path) node = unwrapped(node?.entries?.[String(key)] ?? node?.item)
  return Object.keys(node?.entries ?? {})
}

/** A name as fields have them; any other may be somebody's address or number, in the wrong place. */
const isName = (key: string): boolean => /^[\p{L}_$][\p{L}_.$-]*\d{0,2}$/u.test(key)

/** The field an issue is about, as a caller would write it: `feishu.files[0].fileType`. */
const fieldOf = (issue: v.BaseIssue<unknown>): string =>
  (issue.path ?? [])
    .map(({ key }) =>
      typeof key === 'number' ? `[${key}]` : isName(String(key)) ? `.${printable(String(key))}` : '.…',
    )
    .join('')
    .replace(/^\./, '') || 'input'

/**
 * Text from outside, fit for a log line, a header and a key: no control characters, at most `length` characters, and none of
 * them cut in half.
 */
export const printable = (text: string, length = 100): string =>
  text
    .replace(/[\p{C}\u2028\u2029]/gu, '')
    .slice(0, length)
    .replace(/[\ud800-\udbff]$/, '')

/** A field that is wrong, and in what way: `feishu.files[0].fileType`, "is required". */
export type FieldIssue = [field: string, text: Text]

/** What is wrong with `value`, field by field; nothing when it is valid. */
export function issuesOf(schema: v.GenericSchema, value: unknown): FieldIssue[] {
  const { issues = [] } = v.safeParse(schema, value)
  return issues.map((issue) => [fieldOf(issue), describe(issue, schema)])
}

/** The value as the schema types it, or an `invalid_request` that names every wrong field (`most` at most). */
export function parse<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown, most = 10): Output {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw invalid(result.issues.slice(0, most).map((issue) => [fieldOf(issue), describe(issue, schema)]))
}

/** An `invalid_request` about one field, for what a schema cannot see. */
export const invalidField = (field: string, issue: string): OperationError =>
  invalid([[field, ISSUES[issue] ?? { en: 'is invalid', zh: '无效' }]])

function invalid(fields: FieldIssue[]): OperationError {
  const list = (language: keyof Text, separator: string) =>
    fields.map(([field, text]) => `${field} ${text[language]}`).join(separator)
  const distinct = [...new Set(fields.map(([field]) => field))]
  const names = `${distinct.slice(0, 10).join(', ')}${distinct.length > 10 ? ' …' : ''}`
  return new OperationError(
    'invalid_request',
    { en: `${list('en', '; ')}.`, zh: `${list('zh', '；')}。` },
    { hint: { en: `Correct ${names} and send it again.`, zh: `请更正 ${names} 后重新发送。` } },
  )
}

/**
 * An id that becomes one path segment: opaque and case-sensitive, at most 256 characters, and unable to change which
 * path is called however often it is decoded on its way.
 */
export const id = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(256),
  v.check((value) => !/[\s\p{C}/\\?#%]/u.test(value) && value !== '.' && value !== '..', 'id'),
)

/** An id that also names a secret or a queue's message group: only the characters both of those allow. */
export const nameId = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(100),
  v.check((value) => /^[A-Za-z0-9_+=.@-]+$/.test(value) && value !== '.' && value !== '..', 'name'),
)

/** A Feishu user's id for one app. */
export const openId = v.pipe(
  nameId,
  v.check((value) => value.startsWith('ou_'), 'open_id'),
)

/** An object of these fields and no others. A list is no object, though `v.strictObject` takes one for such. */
export function exactly<Entries extends v.ObjectEntries>(entries: Entries): v.StrictObjectSchema<Entries, undefined> {
  const schema = v.strictObject(entries)
  return {
    ...schema,
    '~run': (dataset, config) => {
      const input = Array.isArray(dataset.value) ? null : dataset.value
      const result = schema['~run']({ ...dataset, value: input }, config)
      const first = result.issues?.at(-1)
      if (first?.expected !== 'never' || first.path?.length !== 1) return result
      // v.strictObject names the first unknown field alone.
      for (const key of Object.keys(input as object).filter((key) => !Object.hasOwn(entries, key)))
        if (key !== first.path[0].key) {
          const path = { ...(first.path[0] as v.ObjectPathItem), key }
          result.issues?.push({ ...first, input: key, path: [path] })
        }
      return result
    },
  }
}
