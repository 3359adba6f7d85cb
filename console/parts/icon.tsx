import type { VNode } from 'preact'

const paths = {
  overview: 'M2.5 9.5a5.5 5.5 0 0 1 11 0M8 9.5l2.5-3M2.5 12.5h11',
  peers: 'M8 2.5v3M4.5 11 8 5.5l3.5 5.5M4.5 11.5h7M3 13.5a1 1 0 1 0 0-.1M13 13.5a1 1 0 1 0 0-.1',
  objects: 'M2.5 4.5 8 2l5.5 2.5v7L8 14l-5.5-2.5ZM2.5 4.5 8 7l5.5-2.5M8 7v7',
  groups:
    'M8 2.5a2 2 0 1 0 .01 0M3.5 10a2 2 0 1 0 .01 0M12.5 10a2 2 0 1 0 .01 0M6.8 6 4.5 10M9.2 6l2.3 4M5.5 12h5',
  clocks: 'M8 2a6 6 0 1 0 .01 0M8 4.8V8l2.3 1.6',
  events: 'M2.5 4h2M6.5 4h7M2.5 8h2M6.5 8h7M2.5 12h2M6.5 12h7',
  repairs:
    'M13.5 5.2 11 7.7 8.3 5l2.5-2.5a3.6 3.6 0 0 0-4.7 4.6L2.5 10.7l2.8 2.8 3.6-3.6a3.6 3.6 0 0 0 4.6-4.7Z',
  metrics: 'M2.5 2.5v11h11M4.8 10.5l2.5-3.5 2.2 2 3.5-5',
  join: 'M6.5 3.5a2.5 2.5 0 1 0 .01 0M2 13.5c.5-2.7 2.2-4 4.5-4s3.5 1 4.2 2.6M12.5 4v5M10 6.5h5',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  bucket:
    'M3 4.5c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2ZM3 4.5l1.2 8c.1.6 1.7 1.2 3.8 1.2s3.7-.6 3.8-1.2l1.2-8',
  folder: 'M2 4.5v8h12v-7H8L6.5 3.5H2Z',
  file: 'M4 2h5l3 3v9H4ZM9 2v3h3',
} as const

export type IconName = keyof typeof paths

/** A small picture beside a word that says the same. */
export const Icon = ({ name }: { name: IconName }): VNode => (
  <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" class="icon">
    <path
      d={paths[name]}
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
    />
  </svg>
)
