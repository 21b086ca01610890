/** The first tab: starts offboardings, and shows them as they go on. */
import { Offboarding } from './card.tsx'
import type { Card } from './offboardings.ts'
import type { Leaver } from './requests.ts'
import { Start } from './start.tsx'
import type { Key, Shared } from './text.ts'

/** Whether the stack answers; `connecting` until it is known. */
export type Connectedness = 'connecting' | 'connected' | 'disconnected'
const DOTS: Record<Connectedness, string> = { connecting: '', connected: 'good', disconnected: 'bad' }

type Props = Shared & {
  cards: ReadonlyMap<string, Card>
  connection: Connectedness
  isLive: boolean
  /** Whose dry run was asked for on this page, by offboarding. */
  asked: ReadonlyMap<string, Leaver>
  onAsked: (leaver: Leaver) => void
}

/** What goes on comes first, the newest before the others; then what ended last. Two that go on do not change places. */
const byActivity = (a: Card, b: Card): number =>
  Number(a.isEnded) - Number(b.isEnded) ||
  (a.isEnded ? compare(b.activeAt, a.activeAt) : compare(b.startedAt, a.startedAt)) ||
  compare(a.id, b.id)
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

export function Live({ cards, connection, isLive, asked, onAsked, ...shared }: Props) {
  const { say, language } = shared
  return (
    <div class="live">
      <p class="connection" role="status">
        <span class={`dot ${DOTS[connection]}`} />
        {say(connection satisfies Key)}
      </p>
      {connection === 'disconnected' && <p class="notice bad">{say('stackIsGone')}</p>}
      <Start shown={new Set(cards.keys())} onSent={onAsked} {...{ isLive, language, say }} />
      {cards.size === 0 && connection === 'connected' && (
        <div class="empty">
          <p>{say('nothing')}</p>
          <p class="muted">{say('sendOne')}</p>
          <code>npx offboarding offboard leaver@corp.example --custodian custodian@corp.example</code>
        </div>
      )}
      {[...cards.values()].sort(byActivity).map((card) => (
        <Offboarding key={card.id} card={card} leaver={asked.get(card.id)} {...shared} />
      ))}
    </div>
  )
}
