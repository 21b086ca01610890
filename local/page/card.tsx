/** One offboarding: how far it is, what is to be read about it, and what an operator can do with it. */
import { useState } from 'preact/hooks'
import { formatTarget, groupByOperation, isGone, isUnresolved, needsOperator, type Row } from '../../lib/report/rows.ts'
import type { PersonFound } from '../../lib/report/summary.ts'
import { Question } from './dialog.tsx'
import type { Card } from './offboardings.ts'
import { Bar, countEnded, countText, Operation } from './operation.tsx'
import { Facts, JsonFold, titleOf } from './problem.tsx'
import { type Leaver, offboard, redrive, reportUrl } from './requests.ts'
import type { Key, Language, Say, Shared } from './text.ts'

const isOpen = ({ outcome }: Row): boolean => outcome === 'open'
const isParked = ({ outcome }: Row): boolean => outcome === 'parked'
const isRejected = ({ outcome }: Row): boolean => outcome === 'rejected'
const isUnchecked = ({ expected }: Row): boolean => expected === 'unchecked'

type Standing = { state: Key; tone: '' | 'good' | 'warn' | 'bad'; applies: (card: Card) => boolean }

/** The first that applies. Green says that nothing is left to do. */
const STANDINGS: [...Standing[], Standing] = [
  { state: 'rejected', tone: 'bad', applies: ({ rows }) => rows.some(isRejected) },
  { state: 'running', tone: '', applies: ({ isEnded }) => !isEnded },
  { state: 'attention', tone: 'bad', applies: ({ rows }) => rows.some(needsOperator) },
  { state: 'toCheck', tone: 'warn', applies: ({ rows }) => rows.some((row) => isGone(row) || isUnchecked(row)) },
  { state: 'finished', tone: 'good', applies: () => true },
]

const NOTICES: { title: Key; tone: 'bad' | 'warn'; isAbout: (row: Row) => boolean }[] = [
  { title: 'needsOperator', tone: 'bad', isAbout: needsOperator },
  { title: 'resolving', tone: 'warn', isAbout: (row) => isUnresolved(row) && row.kind !== null },
  { title: 'checkIds', tone: 'warn', isAbout: isGone },
  { title: 'uncheckable', tone: 'warn', isAbout: isUnchecked },
]

/** `leaver`: whose dry run this is, if it was asked for on this page. */
export function Offboarding({ card, leaver, ...shared }: Shared & { card: Card; leaver: Leaver | undefined }) {
  const { id, isNamed, activeAt, isDryRun, isEnded, rows, waits, people, approvalCodes } = card
  const { say, language } = shared
  const standing = STANDINGS.find(({ applies }) => applies(card)) ?? STANDINGS[0]
  const hints = new Map([...shared.hints, ...Object.entries(card.reasons)])
  const total = rows.length
  const ended = total - rows.filter(isOpen).length
  const held = Object.entries(waits).flatMap(([operation, { hold }]) =>
    hold ? [{ ...hold, operation, outcome: 'held', input: null }] : [],
  )
  const notices = [
    ...NOTICES.map(({ isAbout, ...notice }) => ({ ...notice, some: rows.filter(isAbout) })),
    { title: 'held', tone: 'warn', some: held },
  ].filter(({ some }) => some.length > 0)
  return (
    <article class="card" aria-labelledby={`offboarding-${id}`}>
      <header>
        <h2 id={`offboarding-${id}`}>{id}</h2>
        <span class={`badge ${standing.tone}`}>{say(standing.state)}</span>
        {isDryRun && <span class="badge">{say('dryRun')}</span>}
        <span class="muted time">
          {say('lastActivity')}{' '}
          <time dateTime={activeAt}>{new Date(activeAt).toLocaleString(language === 'zh' ? 'zh-CN' : 'en-GB')}</time>
        </span>
      </header>
      {standing.state !== 'rejected' && (
        <>
          <Bar {...{ ended, total }} isGood={standing.tone === 'good'} label={id} />
          <p class="counts">
            <strong>
              {ended}/{total}
            </strong>{' '}
            {say('targets')}
            <Counts {...{ rows, say }} />
          </p>
        </>
      )}
      {isDryRun && isEnded && leaver && standing.state !== 'rejected' && <Offer {...{ card, leaver, say, language }} />}
      {notices.map(({ title, tone, some }) => (
        <section key={title} class={`notice ${tone}`}>
          <h3>{say(title)}</h3>
          <ul>
            {some.map((row) => (
              <Reason key={`${row.operation} ${formatTarget(row)}`} {...shared} {...{ row, hints }} />
            ))}
          </ul>
          {title === 'needsOperator' && !isDryRun && rows.some(isParked) && (
            <Redrive {...{ id, rows }} {...shared} hints={hints} />
          )}
        </section>
      ))}
      {people.length > 0 && (
        <section>
          <h3>{say('people')}</h3>
          <ul class="people">
            {people.map((person) => (
              <Person key={JSON.stringify(person)} {...{ person, hints, language, say }} />
            ))}
          </ul>
        </section>
      )}
      {approvalCodes.length > 0 && (
        <section class="notice warn">
          <h3>{say('approvals')}</h3>
          <ul>
            {approvalCodes.map((code) => (
              <li key={code}>
                <code>{code}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
      {groupByOperation(rows).map(([operation, some]) => (
        <Operation key={operation} {...{ operation, say }} {...shared} rows={some} wait={waits[operation]} />
      ))}
      {isNamed && (
        <footer>
          <Report {...{ id, say }} />
        </footer>
      )}
    </article>
  )
}

const Counts = ({ rows, say }: { rows: Row[]; say: Say }) =>
  Object.entries(countEnded(rows)).map(([outcome, count]) => (
    <span key={outcome} class={`pill ${outcome}`}>
      {countText(count, outcome, say)}
    </span>
  ))

/** In Chinese, if it or the parts that it is made of are known. */
const translate = (hint: string, hints: ReadonlyMap<string, string>, language: Language): string =>
  language === 'en' ? hint : (hints.get(hint) ?? [...hints].reduce((text, [en, zh]) => text.replaceAll(en, zh), hint))

type Explained = Pick<Row, 'operation' | 'input' | 'outcome' | 'kind' | 'code' | 'requestId' | 'hint'>

function Reason({ row, hints, summaries, language, say }: Shared & { row: Explained }) {
  const { operation, input, outcome, kind, code, requestId } = row
  const hint = row.hint ?? ''
  return (
    <li>
      <strong>{kind ? titleOf(kind, language) : say(outcome)}</strong>
      {operation && <span> · {summaries.get(operation)?.[language] ?? operation}</span>}{' '}
      {input && <code>{formatTarget(row)}</code>}
      <p>{translate(hint, hints, language)}</p>
      <Facts facts={{ kind, code, requestId }} say={say} />
      <JsonFold value={row} />
    </li>
  )
}

type PersonProps = { person: PersonFound; hints: ReadonlyMap<string, string>; language: Language; say: Say }

function Person({ person: { role, vendor, state, ids, reason }, hints, language, say }: PersonProps) {
  return (
    <li>
      <strong>{say(role)}</strong> · {say(vendor)}{' '}
      <span class={`pill ${state === 'found' ? 'good' : 'warn'}`}>{say(state)}</span>{' '}
      {Object.entries(ids).map(([name, id]) => (
        <span key={name}>
          <span class="muted">{name}</span> <code>{id}</code>{' '}
        </span>
      ))}
      {reason && <p class="muted">{translate(reason, hints, language)}</p>}
    </li>
  )
}

function Offer({ card, leaver, language, say }: { card: Card; leaver: Leaver; language: Language; say: Say }) {
  const [isAsking, setAsking] = useState(false)
  const people = { leaver: leaver.leaver.email, custodian: leaver.custodian?.email }
  return (
    <section class="notice offer">
      <p>{say('nextStep')}</p>
      <button type="button" class="primary" onClick={() => setAsking(true)}>
        {say('offboard')}
      </button>
      {isAsking && (
        <Question
          title={say('offboardTitle')}
          confirm={say('offboardNow')}
          act={() => offboard(leaver, false, language, say)}
          onClose={() => setAsking(false)}
          {...{ language, say }}
        >
          <p>{say('offboardAbout')}</p>
          <Facts facts={people} say={say} />
          <p class="counts">
            <Counts rows={card.rows} say={say} />
          </p>
        </Question>
      )}
    </section>
  )
}

type RedriveProps = Shared & { id: string; rows: Row[] }

function Redrive({ id, rows, ...shared }: RedriveProps) {
  const { language, say } = shared
  const [isAsking, setAsking] = useState(false)
  return (
    <>
      <button type="button" onClick={() => setAsking(true)}>
        {say('redrive')}
      </button>
      {isAsking && (
        <Question
          title={say('redriveTitle')}
          confirm={say('redriveNow')}
          act={() => redrive(id, language, say)}
          onClose={() => setAsking(false)}
          {...{ language, say }}
        >
          <p>{say('redriveAbout')}</p>
          <ul class="notice">
            {rows.filter(isParked).map((row) => (
              <Reason key={`${row.operation} ${formatTarget(row)}`} row={row} {...shared} />
            ))}
          </ul>
        </Question>
      )}
    </>
  )
}

const FORMATS = { csv: 'CSV', json: 'JSON', markdown: 'Markdown' }

const Report = ({ id, say }: { id: string; say: Say }) => (
  <div class="report">
    <span id={`report-${id}`}>{say('saveReport')}</span>
    {Object.entries(FORMATS).map(([format, name]) => (
      <a key={format} class="button" href={reportUrl(id, format)} download aria-label={`${say('saveReport')}: ${name}`}>
        {name}
      </a>
    ))}
  </div>
)
