/** One parameter of a route, to be filled in. */
import { type Parameter, textOf } from './document.ts'
import type { Language, Say } from './text.ts'

type Props = {
  parameter: Parameter
  value: string
  onValue: (value: string) => void
  language: Language
  say: Say
  isLive: boolean
}

export function Field({ parameter, value, onValue, language, say, isLive }: Props) {
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
