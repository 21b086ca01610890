/** What the page says, in both languages. */
import type { Text } from '../../lib/error.ts'

export type Language = keyof Text

export const TEXTS = {
  title: { en: 'Subscription offboarding', zh: '离职人员事件订阅清理' },
  api: { en: 'API', zh: '接口' },
  live: { en: 'Offboardings', zh: '清理进度' },
  sandbox: { en: 'sandbox', zh: '沙箱' },
  realVendors: { en: 'real vendors', zh: '真实厂商' },
  realVendorsWarning: {
    en: 'Calls reach the real vendors. Leave dry_run on unless you mean it.',
    zh: '请求会到达真实厂商。除非确定要执行,否则请保持 dry_run 勾选。',
  },
  routes: { en: 'Routes', zh: '路由' },
  contract: { en: "The vendor's page", zh: '厂商文档' },
  parameters: { en: 'Parameters', zh: '参数' },
  required: { en: 'required', zh: '必填' },
  inPath: { en: 'path', zh: '路径' },
  inQuery: { en: 'query', zh: '查询' },
  none: { en: '(none)', zh: '(不填)' },
  send: { en: 'Send', zh: '发送' },
  sending: { en: 'Sending …', zh: '正在发送…' },
  tryFor: { en: 'becomes', zh: '可得' },
  reset: { en: 'Sample values', zh: '示例值' },
  response: { en: 'Response', zh: '应答' },
  notSent: { en: 'Send the request to see what comes back.', zh: '发送请求后在此显示应答。' },
  noAnswer: { en: 'No answer: is npm start still running?', zh: '没有应答:npm start 是否仍在运行?' },
  copy: { en: 'Copy', zh: '复制' },
  copied: { en: 'Copied', zh: '已复制' },
  answers: { en: 'What it can answer', zh: '可能的应答' },
  status: { en: 'Status', zh: '状态' },
  meaning: { en: 'Means', zh: '含义' },
  whatToDo: { en: 'What to do', zh: '该做什么' },
  example: { en: 'Example', zh: '示例' },
  body: { en: 'Body, as JSON', zh: '请求体（JSON）' },
  documents: { en: 'OpenAPI document', zh: 'OpenAPI 文档' },
  connected: { en: 'live', zh: '实时' },
  disconnected: { en: 'not connected', zh: '未连接' },
  nothing: { en: 'No offboarding has been heard of yet.', zh: '尚无清理任务。' },
  sendOne: { en: 'Send one from another terminal:', zh: '请在另一终端发送:' },
  dryRun: { en: 'dry run', zh: '试运行' },
  rejected: { en: 'rejected', zh: '已拒绝' },
  running: { en: 'running', zh: '进行中' },
  finished: { en: 'finished', zh: '已完成' },
  needsOperator: { en: 'Needs an operator', zh: '需要人工处理' },
  checkIds: { en: 'Check these ids', zh: '请核对以下 ID' },
  waitsUntil: { en: 'waits until', zh: '等待至' },
  ofTargets: { en: 'targets', zh: '个对象' },
  target: { en: 'Target', zh: '对象' },
  outcome: { en: 'Outcome', zh: '结果' },
  code: { en: 'Code', zh: '代码' },
  requestId: { en: "Vendor's request id", zh: '厂商请求 ID' },
  open: { en: 'waiting', zh: '等待中' },
  held: { en: 'held', zh: '已暂停' },
  rateLimit: { en: 'rate limit', zh: '频率限制' },
  changed: { en: 'changed', zh: '已完成' },
  unchanged: { en: 'unchanged', zh: '原本如此' },
  gone: { en: 'gone', zh: '已不存在' },
  change: { en: 'would change', zh: '将变更' },
  unchecked: { en: 'could not be checked', zh: '无法检查' },
  planned: { en: 'planned', zh: '将执行' },
  parked: { en: 'parked', zh: '已搁置' },
  failed: { en: 'failed', zh: '失败' },
} as const satisfies Record<string, Text>

export type Key = keyof typeof TEXTS
/** The text in the language chosen; a word it does not know stays as it is. */
export type Say = (key: Key | (string & {})) => string

export const sayIn =
  (language: Language): Say =>
  (key) =>
    (TEXTS as Record<string, Text>)[key]?.[language] ?? key
