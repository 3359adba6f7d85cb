import type { VNode } from 'preact'
import { useState } from 'preact/hooks'

/** Text that is to be pasted somewhere. */
export function Copy({ text, label }: { text: string; label: string }): VNode {
  const [isDone, done] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    done(true)
    setTimeout(() => done(false), 2000)
  }
  return (
    <div class="copy">
      <code tabIndex={0} role="textbox" aria-readonly="true" aria-label={label}>
        {text}
      </code>
      <button
        type="button"
        class="button"
        aria-label={`Copy: ${label}`}
        onClick={() => void copy()}
      >
        {isDone ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}
