import type { VNode } from 'preact'
import { useMemo } from 'preact/hooks'

import { qrCode } from '../logic/qr/qr-code.ts'

const QUIET = 4

/** A QR code, dark on light in either theme: readers expect it so. */
export function Qr({ text, label }: { text: string; label: string }): VNode {
  const drawn = useMemo(() => pathOf(text), [text])
  if (drawn === undefined) return <p class="soft">This is too long for a QR code.</p>
  const side = drawn.size + 2 * QUIET
  return (
    <svg class="qr" viewBox={`0 0 ${side} ${side}`} role="img" aria-label={label}>
      <rect width={side} height={side} fill="#fff" />
      <path d={drawn.path} fill="#000" shape-rendering="crispEdges" />
    </svg>
  )
}

/** Runs of dark modules, as rectangles of one path. */
function pathOf(text: string): { readonly size: number; readonly path: string } | undefined {
  const code = qrCode(text)
  if (code === undefined) return undefined
  let path = ''
  for (let row = 0; row < code.size; row++)
    for (let column = 0; column < code.size; column++) {
      const from = column
      while (column < code.size && code.isDark(row, column)) column++
      const length = column - from
      if (length > 0) path += `M${from + QUIET} ${row + QUIET}h${length}v1h-${length}z`
    }
  return { size: code.size, path }
}
