/** What the page says, in both languages. */
import type { Text } from '../../lib/error.ts'

export type Language = keyof Text

export const TEXTS = {
  title: { en: 'Subscription offboarding', zh: '离职人员事件订阅清理' },
  api: { en: 'API', zh: '接口' },
  live: { en: 'Offboardings', zh: '离职处理' },
  sandbox: { en: 'sandbox', zh: '沙箱' },
  realVendors: { en: 'real vendors', zh: '真实厂商' },
  realVendorsWarning: {
    en: 'Calls reach the real vendors. Leave dry_run on unless you mean it.',
    zh: '请求会到达真实厂商。除非确定要执行，否则请保持 dry_run 勾选。',
  },

  routes: { en: 'Routes', zh: '路由' },
  contract: { en: "The vendor's page", zh: '厂商文档' },
  parameters: { en: 'Parameters', zh: '参数' },
  required: { en: 'required', zh: '必填' },
  inPath: { en: 'path', zh: '路径' },
  inQuery: { en: 'query', zh: '查询' },
  send: { en: 'Send', zh: '发送' },
  sending: { en: 'Sending …', zh: '正在发送…' },
  tryFor: { en: 'Values for', zh: '可得' },
  reset: { en: 'Sample values', zh: '示例值' },
  response: { en: 'Response', zh: '应答' },
  notSent: { en: 'Send the request to see the response.', zh: '发送请求后在此显示应答。' },
  noAnswer: { en: 'No answer: is npm start still running?', zh: '没有应答：npm start 是否仍在运行？' },
  copy: { en: 'Copy', zh: '复制' },
  copied: { en: 'Copied', zh: '已复制' },
  answers: { en: 'Possible responses', zh: '可能的应答' },
  status: { en: 'Status', zh: '状态' },
  meaning: { en: 'Meaning', zh: '含义' },
  whatToDo: { en: 'What to do', zh: '处理方法' },
  example: { en: 'Example', zh: '示例' },
  body: { en: 'Body, as JSON', zh: '请求体（JSON）' },
  documents: { en: 'OpenAPI document', zh: 'OpenAPI 文档' },

  connecting: { en: 'connecting …', zh: '正在连接…' },
  connected: { en: 'live', zh: '实时' },
  disconnected: { en: 'not connected', zh: '未连接' },
  stackIsGone: {
    en: 'The local stack does not answer. Below is the last known state; this page reconnects when npm start runs again.',
    zh: '本地环境没有应答。以下为最后获知的状态；再次运行 npm start 后，本页会自动重新连接。',
  },
  nothing: { en: 'No offboardings yet.', zh: '尚无离职处理。' },
  sendOne: {
    en: 'Start one above, or send the sample from another terminal:',
    zh: '可在上方开始，也可在另一终端发送示例：',
  },

  start: { en: 'Start an offboarding', zh: '开始离职处理' },
  startAbout: {
    en: 'The dry run finds the person and checks every target. It changes no subscription.',
    zh: '试运行会查找该人员并检查每个对象，不会变更任何订阅。',
  },
  startWarning: {
    en: 'This page reaches the real vendors: after the dry run, an offboarding ends subscriptions for good.',
    zh: '本页会访问真实厂商：试运行之后的正式执行会真正取消订阅。',
  },
  leaverEmail: { en: "Leaver's e-mail address", zh: '离职人员的邮箱' },
  custodianEmail: { en: "Custodian's e-mail address", zh: '接管人的邮箱' },
  custodianAbout: {
    en: "Will watch access to the leaver's calendars.",
    zh: '将关注离职人员日历的访问权限。',
  },
  ownId: { en: 'Your case id', zh: '您的工单编号' },
  ownIdAbout: { en: 'Becomes the offboarding id. Generated if empty.', zh: '用作离职处理 ID，留空则自动生成。' },
  optional: { en: 'optional', zh: '选填' },
  startDryRun: { en: 'Start dry run', zh: '开始试运行' },
  dryRunSent: { en: 'Sent. The dry run will appear below in a moment:', zh: '已发送，试运行稍后显示在下方：' },

  offboard: { en: 'Offboard …', zh: '正式执行…' },
  offboardTitle: { en: 'Offboard this leaver?', zh: '确定要正式执行吗？' },
  offboardAbout: {
    en: 'The dry run has changed nothing. The real run ends these subscriptions and cannot be undone here.',
    zh: '试运行未变更任何订阅。正式执行会取消这些订阅，且无法在此撤销。',
  },
  offboardNow: { en: 'Offboard now', zh: '立即执行' },
  offboardSent: { en: 'Sent', zh: '已发送' },
  nextStep: { en: 'Nothing has been changed yet.', zh: '尚未变更任何订阅。' },
  leaver: { en: 'Leaver', zh: '离职人员' },
  custodian: { en: 'Custodian', zh: '接管人' },

  redrive: { en: 'Redrive …', zh: '重新投递…' },
  redriveTitle: { en: 'Redrive these targets?', zh: '确定要重新投递吗？' },
  redriveAbout: {
    en: 'Fix the causes first. The letters of this offboarding then go back to their queues and are tried again.',
    zh: '请先消除原因。随后，该离职处理的死信会回到原队列并重新尝试。',
  },
  redriveNow: { en: 'Redrive now', zh: '立即重新投递' },
  redriveFailed: { en: 'Not everything was redriven.', zh: '部分死信未能重新投递。' },
  cancel: { en: 'Cancel', zh: '取消' },
  working: { en: 'Working …', zh: '正在处理…' },
  saveReport: { en: 'Save report', zh: '保存报告' },

  dryRun: { en: 'dry run', zh: '试运行' },
  running: { en: 'running', zh: '进行中' },
  attention: { en: 'needs an operator', zh: '需人工处理' },
  toCheck: { en: 'finished, please check', zh: '已结束，请核对' },
  finished: { en: 'finished', zh: '已结束' },
  needsOperator: { en: 'Needs an operator', zh: '需要人工处理' },
  resolving: { en: 'Finding the leaver', zh: '正在查找离职人员' },
  checkIds: { en: 'Check these ids', zh: '请核对以下 ID' },
  uncheckable: { en: 'Could not be checked', zh: '无法检查' },
  waitsUntil: { en: 'waits until', zh: '等待至' },
  targets: { en: 'targets', zh: '个对象' },
  people: { en: 'People', zh: '人员' },
  approvals: {
    en: 'Approval definitions to decide on: they belong to the app, not to the leaver',
    zh: '需自行决定的审批定义：属于应用，而非该人员',
  },
  lastActivity: { en: 'last activity', zh: '最近活动' },
  target: { en: 'Target', zh: '对象' },
  outcome: { en: 'Outcome', zh: '结果' },
  kind: { en: 'Kind', zh: '类型' },
  code: { en: 'Code', zh: '代码' },
  requestId: { en: 'Request id', zh: '请求 ID' },
  detail: { en: 'Detail', zh: '详情' },

  feishu: { en: 'Feishu', zh: '飞书' },
  dingtalk: { en: 'DingTalk', zh: '钉钉' },
  found: { en: 'found', zh: '已找到' },
  not_found: { en: 'not found', zh: '未找到' },
  ambiguous: { en: 'ambiguous', zh: '不唯一' },
  resigned: { en: 'account closed', zh: '账号已停用' },
  not_asked: { en: 'not looked up', zh: '未查询' },

  open: { en: 'waiting', zh: '等待中' },
  held: { en: 'held', zh: '已暂停' },
  rateLimit: { en: 'rate limit', zh: '频率限制' },
  changed: { en: 'changed', zh: '已变更' },
  unchanged: { en: 'unchanged', zh: '原本如此' },
  gone: { en: 'gone', zh: '已不存在' },
  dry_change: { en: 'would change', zh: '将变更' },
  dry_unchanged: { en: 'unchanged', zh: '原本如此' },
  dry_parked: { en: 'would be parked', zh: '将搁置' },
  dry_gone: { en: 'gone', zh: '已不存在' },
  dry_unchecked: { en: 'could not be checked', zh: '无法检查' },
  planned: { en: 'planned', zh: '将执行' },
  parked: { en: 'parked', zh: '已搁置' },
  failed: { en: 'failed', zh: '失败' },
  rejected: { en: 'rejected', zh: '已拒绝' },
} as const satisfies Record<string, Text>

export type Key = keyof typeof TEXTS
/** The text in the language chosen; a word it does not know stays as it is. */
export type Say = (key: Key | (string & {})) => string

/** What every part of an offboarding needs to be shown. */
export type Shared = {
  language: Language
  say: Say
  /** Chinese by English. */
  hints: ReadonlyMap<string, string>
  /** What each operation does, by its name. */
  summaries: ReadonlyMap<string, Text>
}

export const sayIn =
  (language: Language): Say =>
  (key) =>
    (Object.hasOwn(TEXTS, key) ? (TEXTS as Record<string, Text>)[key]?.[language] : undefined) ?? key
