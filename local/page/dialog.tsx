/** A question before something is done, and what went wrong when it was. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Failure, Problem } from './problem.tsx'
import type { Language, Say } from './text.ts'

type Props = {
  title: string
  /** What the button says that does it. */
  confirm: string
  /** Does it; returns what went wrong. */
  act: () => Promise<Failure | undefined>
  onClose: () => void
  children: ComponentChildren
  language: Language
  say: Say
}

/** Closes when `act` has succeeded; a failure is shown in it. Escape and "Cancel" do nothing. */
export function Question({ title, confirm, act, onClose, children, language, say }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [isActing, setActing] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  useEffect(() => dialog.current?.showModal(), [])
  const run = async () => {
    setActing(true)
    const failed = await act()
    setActing(false)
    setFailure(failed)
    if (!failed) dialog.current?.close()
  }
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={onClose}>
      <h2 id="question">{title}</h2>
      {children}
      <div aria-live="polite">{failure && <Problem {...{ failure, language, say }} />}</div>
      <div class="actions">
        <button type="button" class="primary" disabled={isActing} onClick={run}>
          {isActing ? say('working') : confirm}
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          {say('cancel')}
        </button>
      </div>
    </dialog>
  )
}
