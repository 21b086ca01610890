/** The table of operations in the READMEs. */
import type { Operation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import type { Text } from '../../lib/error.ts'

const HEADS: Text[] = [
  { en: 'operation', zh: '操作' },
  { en: 'what it does', zh: '作用' },
  { en: 'route', zh: '路由' },
  { en: 'in the event', zh: '事件字段' },
  { en: 'acts as', zh: '身份' },
  { en: "vendor's limit", zh: '厂商限频' },
]

/** Markdown, one row for each operation. */
export async function operationsTable(language: keyof Text): Promise<string> {
  const rows = (await loadOperations()).map((operation) =>
    [
      `\`${operation.name}\``,
      operation.docs.summary[language],
      `\`${routeOf(operation)}\``,
      eventFieldsOf(operation)
        .map((field) => `\`${field}\``)
        .join(language === 'en' ? ', ' : '、'),
      actorOf(operation)[language],
      limitOf(operation)[language],
    ].map((cell) => cell.replaceAll('|', '\\|')),
  )
  const heads = HEADS.map((head) => head[language])
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** With the query that is required. */
function routeOf({ route, operation }: Operation): string {
  const query = Object.entries(operation.input.entries).flatMap(([field, { type }]) =>
    type === 'optional' || route.includes(`{${field}}`) ? [] : `${field}=`,
  )
  return query.length > 0 ? `${route}?${query.join('&')}` : route
}

/** Those that stand in no other of them. */
function eventFieldsOf({ docs }: Operation): string[] {
  const paths = Object.keys(docs.event.fields)
  return paths.filter((path) => !paths.some((other) => path.startsWith(`${other}.`) || path.startsWith(`${other}[`)))
}

function actorOf({ operation, docs }: Operation): Text {
  const { changed } = docs.samples
  if (operation.identity(changed).as === 'user') return { en: 'the user in `open_id`', zh: '`open_id` 所指的用户' }
  if (operation.identity({ ...changed, open_id: 'ou_leaver' }).as === 'user')
    return { en: 'the app, or the user in `open_id`', zh: '应用；给出 `open_id` 时为该用户' }
  return { en: 'the app', zh: '应用' }
}

function limitOf({ operation: { pace } }: Operation): Text {
  const limits = [
    ...(pace.perSecond ? [{ en: `${pace.perSecond}/s`, zh: `${pace.perSecond} 次/秒` }] : []),
    ...(pace.perMinute ? [{ en: `${pace.perMinute}/min`, zh: `${pace.perMinute} 次/分钟` }] : []),
  ]
  return { en: limits.map(({ en }) => en).join(', '), zh: limits.map(({ zh }) => zh).join('、') }
}
