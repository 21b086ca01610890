/** One route: its form, the same as a command, and what it answers. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { DocumentedAnswers, type Received, ReceivedAnswer } from './answers.tsx'
import type { ApiOperation } from './document.ts'
import { Field } from './field.tsx'
import type { Language, Say } from './text.ts'

export const Method = ({ children }: { children: string }) => (
  <span class={`method ${children.toLowerCase()}`}>{children}</span>
)

type Props = { operation: ApiOperation; language: Language; say: Say; isLive: boolean }

/** Headers that say something to a caller. */
const SHOWN_HEADERS = ['content-type', 'content-language', 'retry-after']

export function Route({ operation, language, say, isLive }: Props) {
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
        <ReceivedAnswer {...{ received, language, say }} />
      </section>
      <DocumentedAnswers {...{ operation, language, say }} />
    </article>
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
