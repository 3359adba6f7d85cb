import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { addressOf, type PageName } from '../logic/route.ts'
import { Dialog } from './dialog.tsx'

export interface Shortcut {
  readonly page: PageName
  readonly text: string
  readonly key: string
}

const SEQUENCE_MS = 1500

/** `g` and a letter go to a page, `/` to the filter of the page, `?` explains that. */
export function Shortcuts({ entries }: { entries: readonly Shortcut[] }): VNode | null {
  const [isOpen, open] = useState(false)
  useEffect(() => {
    let goesAtMs = -Infinity
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const entry = entries.find(({ key }) => key === event.key)
      if (event.timeStamp - goesAtMs < SEQUENCE_MS && entry !== undefined)
        location.hash = addressOf(entry.page)
      goesAtMs = event.key === 'g' ? event.timeStamp : -Infinity
      if (event.key === '?') open(true)
      if (event.key === '/' && focusFilter()) event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [entries])
  if (!isOpen) return null
  return (
    <Dialog title="Keyboard" onClose={() => open(false)}>
      <table class="simple">
        <tbody>
          {entries.map(({ key, text }) => (
            <tr key={key}>
              <td>
                <kbd>g</kbd> <kbd>{key}</kbd>
              </td>
              <td>{text}</td>
            </tr>
          ))}
          <tr>
            <td>
              <kbd>/</kbd>
            </td>
            <td>Filter what the page shows</td>
          </tr>
          <tr>
            <td>
              <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Enter</kbd>
            </td>
            <td>Go through a table, and open what is there</td>
          </tr>
        </tbody>
      </table>
      <div class="line end">
        <button type="button" class="button" onClick={() => open(false)}>
          Close
        </button>
      </div>
    </Dialog>
  )
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input, select, textarea')

function focusFilter(): boolean {
  const filter = document.querySelector<HTMLInputElement>('input[type="search"]')
  filter?.focus()
  return filter !== null
}
