/** The second tab: offboardings as they go on. */
import { useState } from 'preact/hooks'
import type { Wait } from '../../lib/report/hold.ts'
import {
  countOutcomes,
  formatTarget,
  groupByOperation,
  isGone,
  needsOperator,
  type Row,
} from '../../lib/report/rows.ts'
import type { Card } from './offboardings.ts'
import type { Language, Say } from './text.ts'

type Shared = { language: Language; say: Say }
type Hinting = Shared & {
  /** Chinese by English. */
  hints: ReadonlyMap<string, string>
}

export function Live({
  cards,
  isConnected,
  ...shared
}: Hinting & { cards: ReadonlyMap<string, Card>; isConnected: boolean }) {
  const { say } = shared
  const newestFirst = [...cards.values()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
  return (
    <div class="live">
      <p class="connection" role="status">
        <span class={isConnected ? 'dot good' : 'dot bad'} />
        {say(isConnected ? 'connected' : 'disconnected')}
      </p>
      {cards.size === 0 && (
        <div class="empty">
          <p>{say('nothing')}</p>
          <p class="muted">{say('sendOne')}</p>
          <code>npm run offboard -- local/events/offboarding.json</code>
        </div>
      )}
      {newestFirst.map((card) => (
        <Offboarding key={card.id} {...card} {...shared} />
      ))}
    </div>
  )
}

const isOpen = ({ outcome }: Row): boolean => outcome === 'open'

function Offboarding({ id, startedAt, isDryRun, isEnded, rows, waits, ...shared }: Hinting & Card) {
  const { say, language } = shared
  const total = rows.length
  const ended = total - rows.filter(isOpen).length
  const held = Object.entries(waits).flatMap(([operation, { hold }]) =>
    hold ? [{ ...hold, operation, outcome: 'held', input: null }] : [],
  )
  const notices = [
    { title: 'needsOperator', tone: 'bad', some: rows.filter(needsOperator) },
    { title: 'held', tone: 'warn', some: held },
    { title: 'checkIds', tone: 'warn', some: rows.filter(isGone) },
    { title: 'unchecked', tone: 'warn', some: rows.filter(({ expected }) => expected === 'unchecked') },
  ].filter(({ some }) => some.length > 0)
  const isRejected = rows.some(({ outcome }) => outcome === 'rejected')
  const state = isRejected ? 'rejected' : isEnded ? 'finished' : 'running'
  const { open: _, ...counts } = countOutcomes(rows)
  return (
    <article class="card" aria-labelledby={`offboarding-${id}`}>
      <header>
        <h2 id={`offboarding-${id}`}>{id}</h2>
        <span class={`badge ${isRejected ? 'bad' : state === 'finished' ? 'good' : ''}`}>{say(state)}</span>
        {isDryRun && <span class="badge">{say('dryRun')}</span>}
        <time class="muted" dateTime={startedAt}>
          {new Date(startedAt).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB')}
        </time>
      </header>
      {!isRejected && (
        <>
          <Bar {...{ ended, total }} label={id} />
          <p class="counts">
            <strong>
              {ended}/{total}
            </strong>{' '}
            {say('ofTargets')}
            {Object.entries(counts).map(([outcome, count]) => (
              <span key={outcome} class={`pill ${outcome}`}>
                {count} {say(outcome)}
              </span>
            ))}
          </p>
        </>
      )}
      {notices.map(({ title, tone, some }) => (
        <section key={title} class={`notice ${tone}`}>
          <h3>{say(title)}</h3>
          <ul>
            {some.map((row) => (
              <Reason key={`${row.operation} ${formatTarget(row)}`} {...{ row }} {...shared} />
            ))}
          </ul>
        </section>
      ))}
      {groupByOperation(rows).map(([operation, some]) => (
        <Operation key={operation} {...{ operation, say }} rows={some} wait={waits[operation]} />
      ))}
    </article>
  )
}

type Explained = Pick<Row, 'operation' | 'input' | 'outcome' | 'code' | 'requestId' | 'hint'>

function Reason({ row, hints, language, say }: Hinting & { row: Explained }) {
  const { operation, input, outcome, code, requestId } = row
  const hint = row.hint ?? ''
  return (
    <li>
      <strong>{operation ?? say(outcome)}</strong> {input && <code>{formatTarget(row)}</code>}
      <p>{(language === 'zh' && hints.get(hint)) || hint}</p>
      {code && (
        <p class="muted">
          {say('code')} <code>{code}</code>
          {requestId && (
            <>
              {' · '}
              {say('requestId')} <code>{requestId}</code>
            </>
          )}
        </p>
      )}
    </li>
  )
}

function Operation({
  operation,
  rows,
  wait,
  say,
}: {
  operation: string
  rows: Row[]
  wait: Wait | undefined
  say: Say
}) {
  const [isShown, setShown] = useState(false)
  const total = rows.length
  const { open = 0, ...counts } = countOutcomes(rows)
  const ended = total - open
  return (
    <details class="operation" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        <span class="name">{operation}</span>
        <Bar {...{ ended, total }} label={operation} />
        <span class="number">
          {ended}/{total}
        </span>
        <span class="muted wait">
          {wait
            ? `${say('waitsUntil')} ${new Date(wait.untilMs).toTimeString().slice(0, 8)} · ${say(wait.hold ? 'held' : 'rateLimit')}`
            : Object.entries(counts)
                .map(([outcome, count]) => `${count} ${say(outcome)}`)
                .join(', ')}
        </span>
      </summary>
      {isShown && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">{say('target')}</th>
                <th scope="col">{say('outcome')}</th>
                <th scope="col">{say('code')}</th>
                <th scope="col">{say('requestId')}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => {
                const { outcome, expected, code, requestId } = row
                const target = formatTarget(row)
                return (
                  <tr key={target}>
                    <td>
                      <code>{target}</code>
                    </td>
                    <td>
                      <span class={`pill ${expected ?? outcome}`}>{say(expected ?? outcome)}</span>
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
        </div>
      )}
    </details>
  )
}

const Bar = ({ ended, total, label }: { ended: number; total: number; label: string }) => (
  <progress max={total || 1} value={ended} aria-label={label} class={ended === total ? 'full' : ''} />
)
