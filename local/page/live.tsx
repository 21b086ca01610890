/** The second tab: offboardings as they go on. */
import { useState } from 'preact/hooks'
import { countsOf, needsSomebody, type Result, targetOf } from '../../cli/progress/ledger.ts'
import type { Offboarding, Offboardings, Progress } from './offboardings.ts'
import type { Language, Say } from './text.ts'

type Shared = { language: Language; say: Say }
type Hinting = Shared & Pick<Offboardings, 'hints'>

export function Live({
  offboardings,
  isConnected,
  ...shared
}: Shared & { offboardings: Offboardings; isConnected: boolean }) {
  const { say } = shared
  const { list, hints } = offboardings
  return (
    <div class="live">
      <p class="connection" role="status">
        <span class={isConnected ? 'dot good' : 'dot bad'} />
        {say(isConnected ? 'connected' : 'disconnected')}
      </p>
      {list.length === 0 && (
        <div class="empty">
          <p>{say('nothing')}</p>
          <p class="muted">{say('sendOne')}</p>
          <code>npm run offboard -- local/events/offboarding.json</code>
        </div>
      )}
      {list.map((offboarding) => (
        <Card key={offboarding.id} {...{ offboarding, hints }} {...shared} />
      ))}
    </div>
  )
}

function Card({ offboarding, ...shared }: Hinting & { offboarding: Offboarding }) {
  const { say, language } = shared
  const { ledger, progress, id, startedAt } = offboarding
  const { results } = ledger
  const total = progress.reduce((sum, it) => sum + it.total, 0)
  const ended = progress.reduce((sum, it) => sum + it.ended, 0)
  const needing = results.filter(needsSomebody)
  const isRejected = results.some(({ outcome }) => outcome === 'rejected')
  const state = isRejected ? 'rejected' : ended < total || total === 0 ? 'running' : 'finished'
  return (
    <article class="card" aria-labelledby={`offboarding-${id}`}>
      <header>
        <h2 id={`offboarding-${id}`}>{id}</h2>
        <span class={`badge ${isRejected ? 'bad' : state === 'finished' ? 'good' : ''}`}>{say(state)}</span>
        {ledger.isDryRun && <span class="badge">{say('dryRun')}</span>}
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
            {[...Map.groupBy(results, ({ outcome }) => outcome)].map(([outcome, some]) => (
              <span key={outcome} class={`pill ${outcome}`}>
                {some.length} {say(outcome)}
              </span>
            ))}
          </p>
        </>
      )}
      {needing.length > 0 && (
        <section class="notice bad">
          <h3>{say('needsSomebody')}</h3>
          <ul>
            {needing.map((result) => (
              <Needing key={`${result.operation} ${targetOf(result)}`} {...{ result }} {...shared} />
            ))}
          </ul>
        </section>
      )}
      {progress.map((it) => (
        <Operation key={it.operation} {...it} say={say} />
      ))}
    </article>
  )
}

function Needing({ result, hints, language, say }: Hinting & { result: Result }) {
  const { operation, outcome, code, requestId } = result
  const hint = result.hint ?? ''
  return (
    <li>
      <strong>{operation ?? say(outcome)}</strong> {operation && <code>{targetOf(result)}</code>}
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

function Operation({ operation, targets, ended, total, waits, say }: Progress & { say: Say }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details class="operation" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span class="name">{operation}</span>
        <Bar {...{ ended, total }} label={operation} />
        <span class="number">
          {ended}/{total}
        </span>
        <span class="muted wait">
          {waits
            ? `${say('waitsUntil')} ${new Date(waits.untilMs).toTimeString().slice(0, 8)} · ${waits.kind || say('turnNotCome')}`
            : countsOf(targets.flatMap(({ result }) => result ?? []))
                .split(', ')
                .filter(Boolean)
                .map((count) => count.replace(/\w+$/, (outcome) => say(outcome)))
                .join(', ')}
        </span>
      </summary>
      {isOpen && (
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
              {targets.map(({ input, result }) => {
                const target = targetOf({ input: input as Record<string, string> })
                return (
                  <tr key={target}>
                    <td>
                      <code>{target}</code>
                    </td>
                    <td>
                      <span class={`pill ${result?.outcome ?? 'waiting'}`}>{say(result?.outcome ?? 'waiting')}</span>
                    </td>
                    <td>{result?.code}</td>
                    <td>
                      <code class="muted">{result?.requestId}</code>
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
