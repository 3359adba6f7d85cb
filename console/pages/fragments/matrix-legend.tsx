import type { VNode } from 'preact'

/** What the figures in the matrix mean. */
export const MatrixLegend = (): VNode => (
  <ul class="legend">
    <Entry name="data">
      <rect x="1" y="1" width="12" height="12" rx="3" fill="var(--cell-data)" />
    </Entry>
    <Entry name="parity">
      <rect x="1" y="1" width="12" height="12" rx="3" fill="var(--cell-parity)" />
    </Entry>
    <Entry name="peer suspect">
      <rect x="1" y="1" width="12" height="12" rx="3" fill="var(--cell-data)" />
      <rect x="1" y="1" width="12" height="4" fill="var(--warn)" />
    </Entry>
    <Entry name="peer draining">
      <rect x="1" y="1" width="12" height="12" rx="3" fill="var(--cell-data)" />
      <rect x="1" y="9" width="12" height="4" fill="var(--idle)" />
    </Entry>
    <Entry name="being made anew">
      <rect
        x="1.7"
        y="1.7"
        width="10.6"
        height="10.6"
        rx="3"
        fill="none"
        stroke="var(--warn)"
        stroke-width="1.4"
      />
      <rect x="3" y="5.5" width="8" height="3" fill="var(--warn)" />
    </Entry>
    <Entry name="peer dead">
      <rect
        x="1.7"
        y="1.7"
        width="10.6"
        height="10.6"
        rx="3"
        fill="none"
        stroke="var(--bad)"
        stroke-width="1.4"
      />
      <path d="m3 3 8 8m0-8-8 8" stroke="var(--bad)" stroke-width="1.4" />
    </Entry>
    <Entry name="nobody has it">
      <rect
        x="1.7"
        y="1.7"
        width="10.6"
        height="10.6"
        rx="3"
        fill="none"
        stroke="var(--bad)"
        stroke-width="1.4"
      />
    </Entry>
  </ul>
)

const Entry = ({ name, children }: { name: string; children: VNode | readonly VNode[] }): VNode => (
  <li>
    <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
      {children}
    </svg>
    {name}
  </li>
)
