import { signal } from '@preact/signals'
import type { VNode } from 'preact'

import { Glyph, type Tone } from './state.tsx'

interface Toast {
  readonly id: number
  readonly tone: Tone
  readonly text: string
}

const SHOWN_MS = 6000
const TOASTS_MAX = 4
const toasts = signal<readonly Toast[]>([])
let next = 1

/** Says in passing that something was done. */
export function say(tone: Tone, text: string): void {
  const toast = { id: next++, tone, text }
  toasts.value = [...toasts.value, toast].slice(-TOASTS_MAX)
  setTimeout(() => (toasts.value = toasts.value.filter(({ id }) => id !== toast.id)), SHOWN_MS)
}

export const Toasts = (): VNode => (
  <div class="toasts" role="status" aria-live="polite">
    {toasts.value.map(({ id, tone, text }) => (
      <div key={id} class="toast" data-tone={tone}>
        <Glyph tone={tone} />
        <span class="wrap">{text}</span>
      </div>
    ))}
  </div>
)
