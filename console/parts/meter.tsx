import type { ComponentChildren, VNode } from 'preact'

export interface MeterProps {
  /** 0 to 1. */
  readonly share: number
  readonly label: string
  readonly tone?: 'bad' | 'warn'
  /** Beside it, for a bar alone says little. */
  readonly children?: ComponentChildren
}

export function Meter({ share, label, tone, children }: MeterProps): VNode {
  const whole = Math.min(1, Math.max(0, share))
  const bar = (
    <div
      class="meter"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(whole * 100)}
      data-tone={tone}
    >
      <i style={{ '--share': String(whole) }} />
    </div>
  )
  if (children === undefined) return bar
  return (
    <div class="metered">
      {bar}
      <span class="number">{children}</span>
    </div>
  )
}
