/** The messages: counts and ids, no names and no addresses, and nothing that a chat takes for markup. */
import type { Notices } from './notices.ts'

export type Language = 'en' | 'zh'

/** How many offboardings; `isMore`: and more than were counted. `ids`: the first of them. */
export type Counted = { count: number; isMore: boolean; ids: string[] }

/** Offboardings as the ledger has them. `since`: the local time since when completed ones are counted. */
export type Digest = { day: string; since: string; completed: Counted; open: Counted; attention: Counted }

/** What a message is about. The commands that it names take `option` to reach the stage. */
export type Message = { digest?: Digest | undefined; notices?: Notices | undefined; stage: string; option: string }

export const SHOWN_IDS = 10

/**
 * Ids are the customer's: what could be an address, a host, a number by which a person is called or known, or markup is counted and not
 * shown. Phone numbers are known alone, and those of mainland China also within an id.
 */
const WORD = new RegExp(
  [
    '^(?!.*\\.[A-Za-z])(?!.*\\d(?:\\.\\d+){3})',
    '(?!\\d{11,}[Xx]?$)(?!.*\\d{15})(?!.*(?<!\\d)(?:86-?)?1[3-9]\\d(?:-?\\d{4}){2}(?!\\d))',
    '[\\w.:-]{1,64}$',
  ].join(''),
)
const words = (texts: Iterable<string>) => [...texts].filter((text) => WORD.test(text)).slice(0, SHOWN_IDS)

const TEXTS = {
  en: {
    digest: ({ day }: Digest) => `Daily digest, ${day}`,
    completed: (count: string, since: string) => `Completed since ${since}: ${count}`,
    open: (count: string) => `Open: ${count}`,
    attention: (count: string) => `Waiting for an operator: ${count}`,
    notices: 'Needs an operator now',
    parked: (count: number, kinds: string[]) => `Parked targets: ${count} (${kinds.join(', ')})`,
    rejected: (count: number) => `Rejected events: ${count}`,
    offboardings: (count: number) => `Offboardings: ${count}`,
    ids: (ids: string[], left: number) => ` (${ids.join(', ')}${left > 0 ? `, and ${left} more` : ''})`,
    held: (operation: string, kind: string) => `On hold: ${operation} (${kind})`,
    details: (command: string) => `Details: ${command}`,
  },
  zh: {
    digest: ({ day }: Digest) => `每日摘要（${day}）`,
    completed: (count: string, since: string) => `自 ${since} 起完成：${count}`,
    open: (count: string) => `进行中：${count}`,
    attention: (count: string) => `等待人工处理：${count}`,
    notices: '需要立即人工处理',
    parked: (count: number, kinds: string[]) => `已搁置的对象：${count}（${kinds.join('，')}）`,
    rejected: (count: number) => `被拒绝的事件：${count}`,
    offboardings: (count: number) => `涉及的离职处理：${count}`,
    ids: (ids: string[], left: number) => `（${ids.join('，')}${left > 0 ? `，另有 ${left} 个` : ''}）`,
    held: (operation: string, kind: string) => `已暂停：${operation}（${kind}）`,
    details: (command: string) => `详情：${command}`,
  },
}
type Texts = (typeof TEXTS)[Language]

/** The text, of four kilobytes at most. It always begins alike, so that the name of the service can be a robot's keyword. */
export function writeMessage({ digest, notices, stage, option }: Message, language: Language): string {
  const texts = TEXTS[language]
  const parts = [digest && digestLines(digest, option, texts), notices && noticeLines(notices, option, texts)]
  const lines = parts.flatMap((part) => (part ? [part.join('\n')] : []))
  return `[subscription-offboarding ${stage}] ${lines.join('\n\n')}`
}

function digestLines(digest: Digest, option: string, texts: Texts): string[] {
  const { since, completed, open, attention } = digest
  return [
    texts.digest(digest),
    texts.completed(number(completed), since),
    texts.open(number(open)),
    texts.attention(number(attention)) + idsOf(attention.ids, attention.count, texts),
    texts.details(`npx offboarding list ${option}`),
  ]
}

function noticeLines({ parked, rejected, offboardings, held }: Notices, option: string, texts: Texts): string[] {
  const byCount = new Map([...parked].sort(([, a], [, b]) => b - a))
  const count = [...parked.values()].reduce((sum, some) => sum + some, 0)
  const kinds = words(byCount.keys()).map((kind) => `${kind} ${parked.get(kind)}`)
  return [
    texts.notices,
    ...(count > 0 ? [texts.parked(count, kinds)] : []),
    ...(rejected > 0 ? [texts.rejected(rejected)] : []),
    ...(offboardings.size > 0
      ? [texts.offboardings(offboardings.size) + idsOf(offboardings, offboardings.size, texts)]
      : []),
    ...words(held.keys()).map((operation) => texts.held(operation, words([held.get(operation) ?? '']).join())),
    texts.details(`npx offboarding letters list ${option}`),
  ]
}

function idsOf(all: Iterable<string>, count: number, texts: Texts): string {
  const ids = words(all)
  return ids.length > 0 ? texts.ids(ids, count - ids.length) : ''
}

const number = ({ count, isMore }: Counted): string => (isMore ? `${count}+` : String(count))
