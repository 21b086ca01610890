/** docs/codes.md: every vendor code with what it means and what to do, out of the tables that the functions judge by. */
import { listCodeSections } from '../../cli/code-tables.ts'
import { KINDS, type Kind, type Scope, type Text } from '../../lib/error.ts'
import { byStatus } from '../../lib/vendor/classify.ts'
import type { CodeTable, Meaning } from '../../lib/vendor/vendor.ts'

/** What an answer means whose code stands in no table. */
const UNLISTED: [Text, number][] = [
  [{ en: 'HTTP 429', zh: '' }, 429],
  [{ en: 'HTTP 500 and above', zh: 'HTTP 500 及以上' }, 500],
  [{ en: 'any other answer', zh: '其他任何应答' }, 400],
]

const QUEUE: Record<(typeof KINDS)[Kind]['queue'], Text> = {
  park: { en: 'parked', zh: '搁置' },
  gone: { en: 'done, as `gone`', zh: '视为 `gone`' },
  hold: { en: 'the bucket waits until a probe succeeds', zh: '整组等待，直到探测成功' },
  wait: { en: 'tried again', zh: '稍后重试' },
}

const SCOPE: Record<Scope, Text> = {
  item: { en: 'item', zh: '该任务' },
  user: { en: 'user', zh: '该用户' },
  bucket: { en: 'bucket', zh: '整组' },
  us: { en: 'us', zh: '自身服务' },
}

const NOTHING_TO_DO: Text = { en: 'Nothing: it was so already.', zh: '无需处理：原本如此。' }
const REPLAYED: Text = {
  en: "Nothing: a new token is obtained and the call repeated once. Rejected again, the app's token is `misconfigured`, a user's `unavailable`.",
  zh: '无需处理：自动换取新令牌并重试一次。若再次被拒绝，应用令牌为 `misconfigured`，用户令牌为 `unavailable`。',
}

const cell = (text: string) => text.replaceAll('|', '\\|')
const both = ({ en, zh }: Text) => cell(zh === '' ? en : `${en}<br>${zh}`)
const kindLink = (kind: Kind) => `[\`${kind}\`](runbook.md#${kind})`
const row = (...cells: string[]) => `| ${cells.join(' | ')} |`
const table = (head: Text[], rows: string[]) => [row(...head.map(both)), row(...head.map(() => '---')), ...rows]

function becomes(meaning: Meaning): string {
  if ('outcome' in meaning) return `\`${meaning.outcome}\``
  if ('tokenRejected' in meaning) return '–'
  const wait = meaning.waitMs === undefined ? '' : `, ≥ ${meaning.waitMs / 1_000} s`
  return kindLink(meaning.kind) + wait
}

function todo(meaning: Meaning): Text {
  if ('outcome' in meaning) return NOTHING_TO_DO
  if ('tokenRejected' in meaning) return REPLAYED
  return meaning.hint ?? KINDS[meaning.kind].hint
}

/** What the failure is about, and how long the queue tries again where that is not the usual time. */
function scopeOf(meaning: Meaning): string {
  if (!('kind' in meaning)) return '–'
  const { kind, scope = KINDS[kind].scope, patienceMs } = meaning
  const hours = patienceMs === undefined ? undefined : patienceMs / 3_600_000
  return hours === undefined
    ? both(SCOPE[scope])
    : both({ en: `${SCOPE[scope].en}, for ${hours} h`, zh: `${SCOPE[scope].zh}，${hours} 小时` })
}

const meaningRow = (codes: string, meaning: Meaning) =>
  row(codes, becomes(meaning), scopeOf(meaning), both(meaning.means), both(todo(meaning)))

/** Codes that mean the same share a row. */
const codeRows = (codes: CodeTable) =>
  [...Map.groupBy(Object.entries(codes), ([, meaning]) => meaning)].map(([meaning, entries]) =>
    meaningRow(entries.map(([code]) => `\`${code}\``).join(' '), meaning),
  )

const HEAD: Text[] = [
  { en: 'code', zh: '错误码' },
  { en: 'becomes', zh: '归为' },
  { en: 'scope', zh: '范围' },
  { en: 'means', zh: '含义' },
  { en: 'what to do', zh: '该做什么' },
]

/** The page. */
export async function codesPage(): Promise<string> {
  const kinds = Object.entries(KINDS).map(([kind, { status, scope, queue, title, hint }]) =>
    row(kindLink(kind as Kind), both(title), String(status), both(SCOPE[scope]), both(QUEUE[queue]), both(hint)),
  )
  const unlisted = UNLISTED.map(([title, status]) => meaningRow(both(title), byStatus(status)))
  const sections = (await listCodeSections()).flatMap(({ title: { en, zh }, codes }) => [
    `## ${zh === '' ? en : `${en} · ${zh}`}`,
    '',
    ...table(HEAD, codeRows(codes)),
    '',
  ])
  return [
    '# Vendor codes · 厂商错误码',
    '',
    'Made by `npm run docs` from the tables in `lib/` and `functions/`. A code is looked up from the top: first for the operation, then',
    'for the vendor. · 由 `npm run docs` 根据 `lib/` 与 `functions/` 中的表生成；先查操作自身的表，再查厂商通用的表。',
    '',
    'The scope says what a failure is about: this item, the user who acts, everything in the rate-limit bucket, or us, the AWS services that the',
    'functions need. An item that fails for now steps aside: it is parked 30 minutes after its first failure if the vendor has answered another item',
    'since, else after 24 hours; a time beside the scope replaces both. · 范围说明失败与什么有关：该任务、执行操作的用户、整个限频分组，',
    '或函数所依赖的 AWS 服务（自身服务）。暂时失败的任务会让到一旁：若此后厂商应答过其他任务，则首次失败 30 分钟后搁置，否则 24 小时后搁置；范围旁注明的时间取代以上两者。',
    '',
    '## Kinds · 错误类别',
    '',
    ...table(
      [
        { en: 'kind', zh: '类别' },
        { en: 'title', zh: '标题' },
        { en: 'HTTP', zh: '' },
        { en: 'scope', zh: '范围' },
        { en: 'on the queue', zh: '队列处理' },
        { en: 'what to do', zh: '该做什么' },
      ],
      kinds,
    ),
    '',
    ...sections,
    '## Codes in no table · 未列出的错误码',
    '',
    'Judged by the HTTP status. · 按 HTTP 状态码判断。',
    '',
    ...table(HEAD, unlisted),
    '',
  ].join('\n')
}
