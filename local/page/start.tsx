/** The form that starts an offboarding by name: its dry run first. */
import type { InputHTMLAttributes } from 'preact'
import { useState } from 'preact/hooks'
import { type Failure, Problem } from './problem.tsx'
import { type Leaver, offboard } from './requests.ts'
import type { Key, Language, Say } from './text.ts'

type Field = 'leaver' | 'custodian' | 'offboardingId'
const FIELDS: { name: Field; type: 'email' | 'text'; label: Key; about?: Key; required?: true }[] = [
  { name: 'leaver', type: 'email', label: 'leaverEmail', required: true },
  { name: 'custodian', type: 'email', label: 'custodianEmail', about: 'custodianAbout' },
  { name: 'offboardingId', type: 'text', label: 'ownId', about: 'ownIdAbout' },
]
const EMPTY: Record<Field, string> = { leaver: '', custodian: '', offboardingId: '' }

/** A name with the time in it. */
const newOffboardingId = (): string =>
  `offboarding-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}-${crypto.randomUUID().slice(0, 6)}`

type Props = {
  /** The ids that are shown already. */
  shown: ReadonlySet<string>
  onSent: (leaver: Leaver) => void
  isLive: boolean
  language: Language
  say: Say
}

export function Start({ shown, onSent, isLive, language, say }: Props) {
  const [values, setValues] = useState(EMPTY)
  const [isSending, setSending] = useState(false)
  const [sentId, setSentId] = useState<string>()
  const [failure, setFailure] = useState<Failure>()

  const send = async (event: Event) => {
    event.preventDefault()
    const custodian = values.custodian.trim()
    const leaver: Leaver = {
      offboardingId: values.offboardingId.trim() || newOffboardingId(),
      leaver: { email: values.leaver.trim() },
      ...(custodian && { custodian: { email: custodian } }),
    }
    setSending(true)
    const failed = await offboard(leaver, true, language, say)
    setSending(false)
    setFailure(failed)
    setSentId(failed ? undefined : leaver.offboardingId)
    if (failed) return
    onSent(leaver)
    setValues(EMPTY)
  }

  return (
    <section class="card start" aria-labelledby="start">
      <h2 id="start">{say('start')}</h2>
      <p class="muted">{say('startAbout')}</p>
      {isLive && <p class="notice warn">{say('startWarning')}</p>}
      <form onSubmit={send} aria-labelledby="start">
        {FIELDS.map(({ name, type, label, about, required = false }) => (
          <div key={name} class="field">
            <label for={`start-${name}`}>
              {say(label)}
              <span class="muted">{say(required ? 'required' : 'optional')}</span>
            </label>
            <Input
              type={type}
              id={`start-${name}`}
              required={required}
              aria-describedby={about && `start-${name}-about`}
              value={values[name]}
              onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
            />
            {about && (
              <p class="muted" id={`start-${name}-about`}>
                {say(about)}
              </p>
            )}
          </div>
        ))}
        <div class="actions">
          <button type="submit" class="primary" disabled={isSending}>
            {say(isSending ? 'sending' : 'startDryRun')}
          </button>
          <p role="status" class="muted">
            {sentId && !shown.has(sentId) && (
              <>
                {say('dryRunSent')} <code>{sentId}</code>
              </>
            )}
          </p>
        </div>
      </form>
      <div aria-live="polite">{failure && <Problem {...{ failure, language, say }} />}</div>
    </section>
  )
}

type InputProps = Pick<TextInput, 'id' | 'required' | 'aria-describedby' | 'value' | 'onInput'>
type TextInput = InputHTMLAttributes<HTMLInputElement>

function Input({ type, ...given }: InputProps & { type: 'email' | 'text' }) {
  const props = { ...given, autocomplete: 'off', spellcheck: false, maxLength: 254 }
  return type === 'email' ? <input type="email" {...props} /> : <input type="text" {...props} />
}
