import type { ComponentChildren, VNode } from 'preact'

/** What something is like. Each tone has a shape of its own: colour alone says nothing. */
export type Tone = 'bad' | 'good' | 'idle' | 'warn'

const shapes: Record<Tone, VNode> = {
  good: (
    <>
      <circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.6" />
      <path d="m5 8.2 2.1 2.1 4-4.4" fill="none" stroke="currentColor" stroke-width="1.7" />
    </>
  ),
  warn: (
    <>
      <path
        d="M8 2 14.6 13.6H1.4Z"
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linejoin="round"
      />
      <path d="M8 6.2v3.4M8 11v1.3" stroke="currentColor" stroke-width="1.6" />
    </>
  ),
  bad: (
    <>
      <path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2Z" fill="currentColor" />
      <path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" stroke="var(--surface)" stroke-width="1.7" />
    </>
  ),
  idle: (
    <circle
      cx="8"
      cy="8"
      r="6"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-dasharray="2.6 2.1"
    />
  ),
}

export const Glyph = ({ tone, size = 16 }: { tone: Tone; size?: number }): VNode => (
  <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
    {shapes[tone]}
  </svg>
)

export const State = ({ tone, children }: { tone: Tone; children: ComponentChildren }): VNode => (
  <span class="state" data-tone={tone}>
    <Glyph tone={tone} size={14} />
    <span>{children}</span>
  </span>
)

/** A sentence that somebody should read. */
export const Notice = ({ tone, children }: { tone: Tone; children: ComponentChildren }): VNode => (
  <div class="notice" data-tone={tone} role={tone === 'bad' ? 'alert' : 'note'}>
    <Glyph tone={tone} />
    <div>{children}</div>
  </div>
)
