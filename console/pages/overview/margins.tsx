import type { VNode } from 'preact'

import type { DataView } from '../../../src/gateway/console/views/overview.ts'
import { count, counted } from '../../logic/format.ts'

/** How many segments can lose how many more of their fragments: bars, worst first, with numbers. */
export function Margins({ margins }: Pick<DataView, 'margins'>): VNode | null {
  if (margins.length === 0) return null
  const most = Math.max(...margins.map(({ segments }) => segments))
  const rows = margins.toSorted((one, other) => one.margin - other.margin)
  return (
    <table class="margins">
      <caption class="hidden-text">Segments by how many more fragments they can lose</caption>
      <thead class="hidden-text">
        <tr>
          <th>May be lost</th>
          <th>Share</th>
          <th>Segments</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ margin, segments }) => (
          <tr key={margin}>
            <th scope="row">{nameOf(margin)}</th>
            <td data-tone={margin < 0 ? 'bad' : margin === 0 ? 'warn' : 'good'}>
              <i style={{ '--share': String(segments / most) }} />
            </td>
            <td>{count(segments)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function nameOf(margin: number): string {
  if (margin < 0) return 'unreadable'
  return margin === 0 ? 'no more to lose' : `${counted(margin, 'fragment')} to spare`
}
