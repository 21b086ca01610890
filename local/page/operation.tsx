/** One operation of an offboarding: how far it is, and its targets behind a fold. */
import { useState } from 'preact/hooks'
import type { Wait } from '../../lib/report/hold.ts'
import { countExpected, countOutcomes, formatTarget, needsOperator, type Row } from '../../lib/report/rows.ts'
import type { Say, Shared } from './text.ts'

/** `1 parked` */
export const countText = (count: number, outcome: string, say: Say): string => `${count} ${say(outcome)}`

/** The name of the text that says how a row ended; of a dry run, how it would: `dry_parked`. */
const wordOf = ({ outcome, expected }: Pick<Row, 'outcome' | 'expected'>): string =>
  expected ? `dry_${expected}` : outcome

/** How many rows ended how. What is open is left out. */
export function countEnded(rows: Row[]): Record<string, number> {
  const { open: _, ...counts } = countOutcomes(rows.filter(({ expected }) => !expected))
  const expected = Object.entries(countExpected(rows)).map(([name, count]) => [`dry_${name}`, count])
  return { ...Object.fromEntries(expected), ...counts }
}

type Props = Omit<Shared, 'hints'> & { operation: string; rows: Row[]; wait: Wait | undefined }

export function Operation({ operation, rows, wait, summaries, language, say }: Props) {
  const [isShown, setShown] = useState(false)
  const total = rows.length
  const ended = rows.filter(({ outcome }) => outcome !== 'open').length
  return (
    <details class="operation" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        <span class="name">
          {summaries.get(operation)?.[language] ?? operation}
          <code class="muted">{operation}</code>
        </span>
        <Bar {...{ ended, total }} isGood={!rows.some(needsOperator)} label={operation} />
        <span class="number">
          {ended}/{total}
        </span>
        <span class="muted wait">
          {wait
            ? `${say('waitsUntil')} ${new Date(wait.untilMs).toTimeString().slice(0, 8)} · ${say(wait.hold ? 'held' : 'rateLimit')}`
            : Object.entries(countEnded(rows))
                .map(([outcome, count]) => countText(count, outcome, say))
                .join(language === 'zh' ? '，' : ', ')}
        </span>
      </summary>
      {isShown && (
        <table class="targets">
          <thead>
            <tr>
              {['target', 'outcome', 'code', 'requestId'].map((name) => (
                <th key={name} scope="col">
                  {say(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const { code, requestId } = row
              const word = wordOf(row)
              const target = formatTarget(row)
              return (
                <tr key={target}>
                  <td>
                    <code>{target}</code>
                  </td>
                  <td>
                    <span class={`pill ${word}`}>{say(word)}</span>
                  </td>
                  <td>{code}</td>
                  <td>
                    <code class="muted">{requestId}</code>
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </details>
  )
}

type BarProps = { ended: number; total: number; isGood: boolean; label: string }

/** Green when it is full, unless something is left to do. */
export const Bar = ({ ended, total, isGood, label }: BarProps) => (
  <progress max={total || 1} value={ended} aria-label={label} class={isGood && ended === total ? 'good' : ''} />
)
