import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect } from 'preact/hooks'

import type { HeldFragment, HeldPage } from '../../../src/gateway/console/views/peers.ts'
import { type ApiError, get } from '../../api/client.ts'
import { asApiError } from '../../api/resource.ts'
import { bytes, count } from '../../logic/format.ts'
import { encoded, addressOf } from '../../logic/route.ts'
import { Name } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Blank, Bones, Failed } from '../../parts/shown.tsx'
import { State } from '../../parts/state.tsx'
import { type Column, Table } from '../../parts/table.tsx'

const PAGE = 500
/** Nobody scrolls through more; the matrix of an object has them all. */
const FRAGMENTS_MAX = 20_000

const columns: readonly Column<HeldFragment>[] = [
  {
    name: 'Object',
    width: '3fr',
    order: ({ bucket, key }) => `${bucket}/${key}`,
    cell: ({ bucket, key }) => (
      <a href={addressOf('fragments', bucket, key)}>
        <Name text={`${bucket}/${key}`} />
      </a>
    ),
  },
  {
    name: 'Segment',
    width: '80px',
    align: 'end',
    order: ({ segment }) => segment,
    cell: ({ segment }) => count(segment),
  },
  {
    name: 'Fragment',
    width: '120px',
    order: ({ index }) => index,
    cell: ({ index, kind, k, m }) => `${index} of ${k}+${m}, ${kind}`,
  },
  {
    name: 'Size',
    width: '80px',
    align: 'end',
    isWideOnly: true,
    order: row => row.sizeBytes,
    cell: row => bytes(row.sizeBytes),
  },
  {
    name: 'Segment may lose',
    width: '128px',
    isWideOnly: true,
    order: ({ margin }) => margin,
    cell: ({ margin }) => (
      <State tone={margin > 0 ? 'good' : margin === 0 ? 'warn' : 'bad'}>
        {margin < 0 ? 'unreadable' : margin}
      </State>
    ),
  },
  {
    name: 'Id',
    width: '1fr',
    isWideOnly: true,
    cell: ({ id }) => (
      <code class="name" title={id}>
        {id}
      </code>
    ),
  },
]

/** What a peer holds, read as far as somebody scrolls. */
export function HeldFragments({ peer }: { peer: string }): VNode {
  const rows = useSignal<readonly HeldFragment[]>([])
  const next = useSignal<string | null | undefined>(undefined)
  const failure = useSignal<ApiError | undefined>(undefined)
  const isReading = useSignal(false)
  const read = async (): Promise<void> => {
    if (isReading.value || next.value === null || rows.value.length >= FRAGMENTS_MAX) return
    isReading.value = true
    try {
      const path = `/api/v1/peers/${encoded(peer)}/fragments`
      const page = await get<HeldPage>(path, { query: { limit: PAGE, after: next.value } })
      rows.value = [...rows.value, ...page.fragments]
      next.value = page.next ?? null
      failure.value = undefined
    } catch (error) {
      failure.value = asApiError(error)
    }
    isReading.value = false
  }
  useEffect(() => void read(), [])
  const more = next.value === null ? '' : '+'
  return (
    <Panel
      title="Fragments"
      aside={
        <span class="soft">
          {count(rows.value.length)}
          {more}
        </span>
      }
      isFlush
    >
      {failure.value !== undefined && <Failed error={failure.value} retry={() => void read()} />}
      {rows.value.length > 0 ? (
        <Table
          label="Fragments it holds"
          columns={columns}
          rows={rows.value}
          idOf={({ bucket, key, segment, index, id }) =>
            `${bucket}/${key} ${segment} ${index} ${id}`
          }
          tallCss="360px"
          onEnd={() => void read()}
        />
      ) : next.value === null ? (
        <Blank title="It holds no fragments" />
      ) : (
        failure.value === undefined && <Bones />
      )}
    </Panel>
  )
}
