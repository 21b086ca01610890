/** Letters as text. */
import { formatTarget } from '../../lib/report/rows.ts'
import { formatCount, formatTime } from '../table.ts'
import type { Letter } from './letter.ts'

/** A paragraph for each reason, the most frequent first. */
export function formatReasons(letters: Letter[], examples: number): string {
  const groups = [...Map.groupBy(letters, ({ kind, code, hint }) => JSON.stringify([kind, code, hint])).values()]
  return groups
    .sort((a, b) => b.length - a.length)
    .map((group) => {
      const [{ kind, code, hint }] = group as [Letter]
      const lines = group.slice(0, examples).map((letter) => `    ${formatLetter(letter)}`)
      const rest = group.length - lines.length
      if (rest > 0) lines.push(`    … and ${rest} more; --all shows them`)
      return `${[kind, code].filter(Boolean).join(' ')}: ${formatCount(group.length, 'letter')}\n  ${hint}\n${lines.join('\n')}\n\n`
    })
    .join('')
}

/** `6f1c…  hr-2026-000123  feishu-drive-unsubscribe doxcn… docx  since 2026-11-21T08:00:00Z` */
const formatLetter = ({ id, offboardingId, operation, input, redrive, since }: Letter): string =>
  [
    id,
    offboardingId ?? '-',
    [operation, input ? formatTarget({ input }) : 'event'].filter(Boolean).join(' '),
    `since ${formatTime(since)}`,
    ...(redrive > 0 ? [`redriven ${redrive === 1 ? 'once' : `${redrive} times`}`] : []),
  ].join('  ')
