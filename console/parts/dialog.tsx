import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'

import type { ApiError } from '../api/client.ts'
import { asApiError } from '../api/resource.ts'
import { Failed } from './shown.tsx'

export interface DialogProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ComponentChildren
}

/** A question above the page; Escape closes it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children }: DialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <div>
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}

export interface ConfirmProps {
  readonly title: string
  readonly children: ComponentChildren
  /** What the button says. */
  readonly verb: string
  readonly isDangerous?: boolean
  readonly isReady?: boolean
  readonly act: () => Promise<unknown>
  readonly onClose: () => void
}

/** Asks before something is done, and stays to say why it could not be. */
export function Confirm(props: ConfirmProps): VNode {
  const { title, children, verb, isDangerous = false, isReady = true, act, onClose } = props
  const [error, fail] = useState<ApiError | undefined>(undefined)
  const [isBusy, setBusy] = useState(false)
  const run = async (): Promise<void> => {
    setBusy(true)
    fail(undefined)
    try {
      await act()
      onClose()
    } catch (cause) {
      fail(asApiError(cause))
    }
    setBusy(false)
  }
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error !== undefined && <Failed error={error} />}
      <div class="line end">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="button"
          data-kind={isDangerous ? 'danger' : 'main'}
          disabled={!isReady || isBusy}
          onClick={() => void run()}
        >
          {isBusy ? 'Working…' : verb}
        </button>
      </div>
    </Dialog>
  )
}
