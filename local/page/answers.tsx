/** What a route answers: what came back, and what may. */
import { type ApiOperation, textOf } from './document.ts'
import { Json } from './json.tsx'
import { Problem, parseProblem } from './problem.tsx'
import type { Language, Say } from './text.ts'

export type Received =
  | { status: number; ms: number; headers: [string, string][]; text: string }
  | 'sending'
  | 'no answer'

export function ReceivedAnswer({
  received,
  language,
  say,
}: {
  received: Received | undefined
  language: Language
  say: Say
}) {
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
export function DocumentedAnswers({
  operation,
  language,
  say,
}: {
  operation: ApiOperation
  language: Language
  say: Say
}) {
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
