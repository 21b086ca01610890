/** The page: two tabs, in English or Chinese. */
import { render } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { Api } from './api.tsx'
import { type Document, operationsOf } from './document.ts'
import { type Connectedness, Live } from './live.tsx'
import type { Card } from './offboardings.ts'
import type { Leaver } from './requests.ts'
import type { Hints } from './server.ts'
import { type Language, sayIn } from './text.ts'

const TABS = ['live', 'api'] as const
type Tab = (typeof TABS)[number]

/** `#live`, `#api`, `#api/OPERATION`. */
const readHash = (): { tab: Tab; operation: string } => {
  const [tab, operation = ''] = location.hash.slice(1).split('/')
  return { tab: tab === 'api' ? 'api' : 'live', operation }
}

const isLive = document.documentElement.hasAttribute('data-live')

function Page({ openApi }: { openApi: Document }) {
  const [{ tab, operation }, setPlace] = useState(readHash)
  const [language, setLanguage] = useState<Language>(navigator.language.startsWith('zh') ? 'zh' : 'en')
  const say = sayIn(language)
  const operations = useMemo(() => operationsOf(openApi), [openApi])
  const summaries = useMemo(() => new Map(operations.map(({ name, summary }) => [name, summary])), [operations])
  const { cards, hints, connection } = useOffboardings()
  const [asked, setAsked] = useState<ReadonlyMap<string, Leaver>>(new Map())
  const onAsked = (leaver: Leaver) => setAsked((old) => new Map(old).set(leaver.offboardingId, leaver))

  useEffect(() => {
    const move = () => setPlace(readHash())
    addEventListener('hashchange', move)
    return () => removeEventListener('hashchange', move)
  }, [])
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
    document.title = say('title')
  }, [language])

  const turn = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
    location.hash = tab === 'api' ? 'live' : 'api'
    document.getElementById(`tab-${tab === 'api' ? 'live' : 'api'}`)?.focus()
  }

  return (
    <>
      <header>
        <h1>
          <img src="/_page/icon.svg" alt="" width="28" height="28" />
          {say('title')}
        </h1>
        <div role="tablist" aria-label={say('title')}>
          {TABS.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-selected={tab === name}
              aria-controls={`panel-${name}`}
              tabIndex={tab === name ? 0 : -1}
              onClick={() => (location.hash = name)}
              onKeyDown={turn}
            >
              {say(name)}
            </button>
          ))}
        </div>
        <div class="aside">
          <span class={isLive ? 'badge bad' : 'badge'}>{say(isLive ? 'realVendors' : 'sandbox')}</span>
          <button type="button" class="quiet" onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}>
            {language === 'en' ? <span lang="zh-CN">中文</span> : <span lang="en">English</span>}
          </button>
        </div>
      </header>
      <main>
        <div id={`panel-${tab}`} role="tabpanel" aria-labelledby={`tab-${tab}`}>
          {tab === 'api' ? (
            <Api operations={operations} chosen={operation} {...{ language, say, isLive }} />
          ) : (
            <Live {...{ cards, hints, connection, summaries, asked, onAsked, isLive, language, say }} />
          )}
        </div>
      </main>
    </>
  )
}

/** Follows the stack, which sends everything again to a browser that connects anew. */
function useOffboardings() {
  const [cards, setCards] = useState<ReadonlyMap<string, Card>>(new Map())
  const [hints, setHints] = useState<ReadonlyMap<string, string>>(new Map())
  const [connection, setConnection] = useState<Connectedness>('connecting')
  useEffect(() => {
    const source = new EventSource('/_page/offboardings')
    source.addEventListener('start', () => setCards(new Map()))
    source.addEventListener('message', ({ data }) => {
      const content: Card | Hints = JSON.parse(data)
      if (content.message === 'hints') setHints((old) => new Map([...old, ...Object.entries(content.hints)]))
      else setCards((old) => new Map(old).set(content.id, content))
    })
    source.addEventListener('open', () => setConnection('connected'))
    source.addEventListener('error', () => setConnection('disconnected'))
    return () => source.close()
  }, [])
  return { cards, hints, connection }
}

const openApi = await fetch('/_page/openapi.json').then((response): Promise<Document> => response.json())
render(<Page openApi={openApi} />, document.body)
