/** The second tab: every route, its form, and what it answers. */
import type { ApiOperation } from './document.ts'
import { Method, Route } from './route.tsx'
import type { Language, Say } from './text.ts'

type Props = {
  operations: ApiOperation[]
  chosen: string
  language: Language
  say: Say
  isLive: boolean
}

export function Api({ operations, chosen, language, say, isLive }: Props) {
  const operation = operations.find(({ name }) => name === chosen) ?? operations[0]
  const vendors = Map.groupBy(operations, ({ vendor }) => vendor[language])
  return (
    <div class="columns">
      <div class="routes">
        <label for="routes">{say('routes')}</label>
        <select
          id="routes"
          value={operation?.name}
          onChange={(event) => (location.hash = `api/${event.currentTarget.value}`)}
        >
          {[...vendors].map(([vendor, some]) => (
            <optgroup key={vendor} label={vendor}>
              {some.map(({ name, method, summary }) => (
                <option key={name} value={name}>
                  {`${method} ${summary[language]}`}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </div>
      <nav aria-label={say('routes')}>
        {[...vendors].map(([vendor, some]) => (
          <section key={vendor}>
            <h2>{vendor}</h2>
            <ul>
              {some.map(({ name, method, summary }) => (
                <li key={name}>
                  <a href={`#api/${name}`} aria-current={name === operation?.name ? 'page' : undefined}>
                    <Method>{method}</Method>
                    <span>{summary[language]}</span>
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
        <p>
          <a href="/_page/openapi.json">{say('documents')}</a>
        </p>
      </nav>
      {operation && <Route key={operation.name} {...{ operation, language, say, isLive }} />}
    </div>
  )
}
