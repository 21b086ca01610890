/** A failure as a person reads it: what, why, what to do, and the ids to quote; the JSON behind a fold. */
import { useState } from 'preact/hooks'
import { KINDS } from '../../lib/error.ts'
import { Json } from './json.tsx'
import type { Language, Say } from './text.ts'

/** Problem details of the API, or a text where there are none. */
export type Failure = string | ProblemDetails

type ProblemDetails = {
  kind?: string | null
  title?: string
  detail?: string
  hint?: string | null
  message?: string
  instance?: string
  upstream?: { code: string | null; requestId: string | null }
}

/** The problem details in an answer, or its text. */
export async function readFailure(response: Response): Promise<Failure> {
  const text = await response.text()
  return parseProblem(text) ?? text
}

/** Undefined for anything but a JSON object. */
export function parseProblem(text: string): ProblemDetails | undefined {
  try {
    const json = JSON.parse(text)
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : undefined
  } catch {
    return undefined
  }
}

/** Kind, code and request ids, each with its name; those that are missing are left out. */
export function Facts({ facts, say }: { facts: Record<string, string | null | undefined>; say: Say }) {
  const known = Object.entries(facts).filter(([, value]) => value)
  return (
    known.length > 0 && (
      <dl class="facts">
        {known.map(([name, value]) => (
          <div key={name}>
            <dt>{say(name)}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
    )
  )
}

/** The kind's title in the page's language; a kind that is not known as it is. */
export const titleOf = (kind: string, language: Language): string =>
  Object.hasOwn(KINDS, kind) ? KINDS[kind as keyof typeof KINDS].title[language] : kind

export function Problem({ failure, language, say }: { failure: Failure; language: Language; say: Say }) {
  if (typeof failure === 'string') return <p class="notice bad log">{failure}</p>
  const { kind, title, detail, hint, message, instance, upstream } = failure
  return (
    <div class="notice bad">
      <h3>{title ?? (kind ? titleOf(kind, language) : message)}</h3>
      {detail && <p>{detail}</p>}
      {hint && <p>{hint}</p>}
      <Facts facts={{ kind, code: upstream?.code, requestId: upstream?.requestId ?? instance }} say={say} />
      <JsonFold value={failure} />
    </div>
  )
}

export function JsonFold({ value }: { value: object }) {
  const [isShown, setShown] = useState(false)
  return (
    <details class="fold" onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>JSON</summary>
      {isShown && <Json text={JSON.stringify(value)} />}
    </details>
  )
}
