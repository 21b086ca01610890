/** The second tab: every route, its form, and what it answers. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { type ApiOperation, type Parameter, textOf } from './document.ts'
import { Json } from './json.tsx'
import { Problem, parseProblem } from './problem.tsx'
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

const Method = ({ children }: { children: string }) => (
  <span class={`method ${children.toLowerCase()}`}>{children}</span>
)

type RouteProps = { operation: ApiOperation; language: Language; say: Say; isLive: boolean }
type Received = { status: number; ms: number; headers: [string, string][]; text: string } | 'sending' | 'no answer'

/** Headers that say something to a caller. */
const SHOWN_HEADERS = ['content-type', 'content-language', 'retry-after']

function Route({ operation, language, say, isLive }: RouteProps) {
  const { method, path, parameters, summary, description, contract } = operation
  const samples = () =>
    Object.fromEntries(
      parameters.map(({ name, schema, examples }) => [
        name,
        schema.type === 'boolean' ? String(isLive) : isLive ? '' : (examples?.changed?.value ?? ''),
      ]),
    )
  const [values, setValues] = useState<Record<string, string>>(samples)
  const sampleBody = isLive ? '' : operation.body
  const [body, setBody] = useState(sampleBody)
  const hasBody = operation.body !== ''
  const [received, setReceived] = useState<Received>()

  const url = urlOf(operation, values)
  const send = async (event: Event) => {
    event.preventDefault()
    setReceived('sending')
    const startedAtMs = performance.now()
    try {
      const response = await fetch(url, {
        method,
        headers: { 'accept-language': language, ...(hasBody && { 'content-type': 'application/json' }) },
        ...(hasBody && { body }),
      })
      const text = await response.text()
      const headers = SHOWN_HEADERS.flatMap((name): [string, string][] => {
        const value = response.headers.get(name)
        return value === null ? [] : [[name, value]]
      })
      setReceived({ status: response.status, ms: Math.round(performance.now() - startedAtMs), headers, text })
    } catch {
      setReceived('no answer')
    }
  }

  return (
    <article>
      <h2>{summary[language]}</h2>
      <p class="path">
        <Method>{method}</Method> <code>{path}</code>
      </p>
      <p>
        {description[language]}{' '}
        {contract && (
          <a href={contract} target="_blank" rel="noreferrer">
            {say('contract')}
          </a>
        )}
      </p>
      {isLive && <p class="notice bad">{say('realVendorsWarning')}</p>}

      <form onSubmit={send} aria-label={say('parameters')}>
        {parameters.map((parameter) => (
          <Field
            key={parameter.name}
            value={values[parameter.name] ?? ''}
            onValue={(value) => setValues((old) => ({ ...old, [parameter.name]: value }))}
            {...{ parameter, language, say, isLive }}
          />
        ))}
        {hasBody && (
          <div class="field">
            <label for="field-body">{say('body')}</label>
            <textarea
              id="field-body"
              rows={body.split('\n').length + 1}
              spellcheck={false}
              value={body}
              onInput={(event) => setBody(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="actions">
          <button type="submit" class="primary" disabled={received === 'sending'}>
            {say(received === 'sending' ? 'sending' : 'send')}
          </button>
          {!isLive && (
            <button
              type="button"
              onClick={() => {
                setValues(samples())
                setBody(sampleBody)
              }}
            >
              {say('reset')}
            </button>
          )}
        </div>
      </form>
      <Command text={curlOf(method, location.origin + url, hasBody ? body : '')} say={say} />

      <section aria-live="polite" class="response">
        <h3>{say('response')}</h3>
        <Answer {...{ received, language, say }} />
      </section>
      <Answers {...{ operation, language, say }} />
    </article>
  )
}

type FieldProps = {
  parameter: Parameter
  value: string
  onValue: (value: string) => void
  language: Language
  say: Say
  isLive: boolean
}

function Field({ parameter, value, onValue, language, say, isLive }: FieldProps) {
  const { name, required, schema, examples = {} } = parameter
  const id = `field-${name}`
  const isChecked = value === 'true'
  const common = { id, name, required, 'aria-describedby': `${id}-about` }
  return (
    <div class="field">
      <label for={id}>
        <code>{name}</code>
        <span class="muted">
          {say(parameter.in === 'path' ? 'inPath' : 'inQuery')}
          {required && ` · ${say('required')}`}
        </span>
      </label>
      {schema.type === 'boolean' ? (
        <input type="checkbox" {...common} checked={isChecked} onChange={() => onValue(String(!isChecked))} />
      ) : schema.enum ? (
        <select {...common} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {!required && <option value="" />}
          {schema.enum.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      ) : (
        <input
          type="text"
          autocomplete="off"
          spellcheck={false}
          {...common}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
      <p class="muted" id={`${id}-about`}>
        {textOf(parameter)[language]}
      </p>
      {!isLive && Object.keys(examples).length > 1 && (
        <ul class="chips" aria-label={say('tryFor')}>
          <li class="muted" aria-hidden="true">
            {say('tryFor')}
          </li>
          {Object.entries(examples).map(([becomes, { value: sample }]) => (
            <li key={becomes}>
              <button type="button" class={`chip ${becomes}`} title={sample} onClick={() => onValue(sample)}>
                {becomes}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function urlOf({ path, parameters }: ApiOperation, values: Record<string, string>): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    // An apostrophe would end the command's.
    encodeURIComponent(values[name] ?? '').replaceAll("'", '%27'),
  )
  const query = parameters.flatMap(({ name, in: place, schema }): [string, string][] => {
    const value = values[name] ?? ''
    return place === 'path' || value === '' || (schema.type === 'boolean' && value === 'false') ? [] : [[name, value]]
  })
  return filled + (query.length > 0 ? `?${new URLSearchParams(query)}` : '')
}

function curlOf(method: string, url: string, body: string): string {
  const quoted = body.replaceAll("'", "'\\''")
  return `curl -X ${method} '${url}'${body ? ` -H 'content-type: application/json' -d '${quoted}'` : ''}`
}

function Command({ text, say }: { text: string; say: Say }) {
  const [isCopied, setCopied] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    timer.current = setTimeout(() => setCopied(false), 1_500)
  }
  return (
    <div class="command">
      <code>{text}</code>
      <button type="button" class="quiet" onClick={copy}>
        {say(isCopied ? 'copied' : 'copy')}
      </button>
    </div>
  )
}

function Answer({ received, language, say }: { received: Received | undefined; language: Language; say: Say }) {
  if (received === undefined) return <p class="muted">{say('notSent')}</p>
  if (received === 'sending') return <p class="muted">{say('sending')}</p>
  if (received === 'no answer') return <p class="notice bad">{say('noAnswer')}</p>
  const { status, ms, headers, text } = received
  const problem = status >= 400 ? parseProblem(text) : undefined
  return (
    <>
      <p>
        <strong class={`status s${String(status)[0]}`}>{status}</strong> <span class="muted">{ms} ms</span>
      </p>
      <dl class="headers">
        {headers.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {problem ? <Problem failure={problem} {...{ language, say }} /> : <Json text={text} />}
    </>
  )
}

/** Every answer that the document describes, in the page's language. */
function Answers({ operation, language, say }: { operation: ApiOperation; language: Language; say: Say }) {
  const rows = Object.entries(operation.responses).flatMap(([status, response]) =>
    Object.values(response.content).flatMap(({ examples }) =>
      Object.entries(examples)
        .filter(([name]) => !/_(en|zh)$/.test(name) || name.endsWith(`_${language}`))
        .map(([name, { value }]) => ({ status, name: name.replace(/_(en|zh)$/, ''), value, response })),
    ),
  )
  return (
    <section>
      <h3>{say('answers')}</h3>
      <table class="answers">
        <thead>
          <tr>
            <th scope="col">{say('status')}</th>
            <th scope="col">{say('meaning')}</th>
            <th scope="col">{say('whatToDo')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ status, name, value, response }) => (
            <tr key={status + name}>
              <td>
                <span class={`status s${status[0]}`}>{status}</span>
              </td>
              <td>
                {value.outcome ? say(value.outcome) : (value.title ?? value.message ?? textOf(response)[language])}
                <code class="muted">{value.kind ?? value.outcome ?? (name === 'gateway' ? 'API Gateway' : '')}</code>
              </td>
              <td>
                {value.hint}
                <details>
                  <summary>{say('example')}</summary>
                  <Json text={JSON.stringify(value)} />
                </details>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
