import { fromHex, toHex } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import { marginOf } from '../../placement/segment-view.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { DrainPlan, HeldFragment, HeldPage } from '../store/upkeep.ts'
import { listed } from './listed-segment.ts'

/** What the catalog lists under one peer: looked at, and counted as a drain would move it. */
export interface HeldOptions {
  readonly catalog: Pick<Catalog, 'askGroup' | 'groups'>
  readonly views: () => readonly PeerView[]
}

export const HELD_MAX = 500
const PAGE = 256
/** Segments that a plan looks at; what is beyond is not counted, and that is said. */
const PLANNED_MAX = 20_000
const CALL_MS = 10_000
const CURSOR = /^(\d{1,10})\.((?:[0-9a-f]{2}){0,2048})$/

/** A page of it, group after group; `after` is the `next` of the page before. */
export async function heldFragments(
  { catalog, views }: HeldOptions,
  seat: number,
  {
    after,
    limit,
    signal,
  }: {
    readonly after: string | undefined
    readonly limit: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<HeldPage> {
  const from = after === undefined ? undefined : cursorIn(after)
  const groups = await catalog.groups({ signal })
  const peers = new Map(views().map(view => [view.seat, view]))
  const fragments: HeldFragment[] = []
  for (const group of groups.filter(each => each >= (from?.group ?? 0))) {
    let row = group === from?.group ? from.row : undefined
    do {
      const asked = { seat, after: row, limit: limit - fragments.length }
      const call = { deadlineMs: CALL_MS, signal }
      const page = await catalog.askGroup(group, 'segmentsOf', asked, call)
      fragments.push(...page.items.flatMap(placed => heldIn(placed, seat, peers)))
      row = page.next
      if (fragments.length >= limit) {
        const next = row === undefined ? group + 1 : group
        const isMore = groups.some(each => each >= next)
        return {
          fragments,
          next: isMore ? `${next}.${toHex(row ?? new Uint8Array(0))}` : undefined,
        }
      }
    } while (row !== undefined)
  }
  return { fragments, next: undefined }
}

/** What a drain of the peer would move, and whether the others can take it. */
export async function drainPlan(
  { catalog, views }: HeldOptions,
  seat: number,
  signal?: AbortSignal,
): Promise<DrainPlan> {
  const others = views().filter(view => view.state === 'alive' && view.seat !== seat)
  const freeBytesElsewhere = others.reduce((sum, { freeBytes }) => sum + freeBytes, 0)
  const alive = new Set(others.map(view => view.seat))
  let [fragments, bytes, hasPlace, isPartial] = [0, 0, true, false]
  for (const group of await catalog.groups({ signal })) {
    let row: Uint8Array | undefined
    do {
      const asked = { seat, after: row, limit: PAGE }
      const call = { deadlineMs: CALL_MS, signal }
      const page = await catalog.askGroup(group, 'segmentsOf', asked, call)
      for (const segment of page.items.map(listed)) {
        const free = alive.size - segment.seats.filter(each => alive.has(each)).length
        hasPlace &&= free > 0
        bytes += segment.fragmentBytes
        fragments++
      }
      row = page.next
      isPartial ||= row !== undefined && fragments >= PLANNED_MAX
    } while (row !== undefined && !isPartial)
  }
  const fits = hasPlace && freeBytesElsewhere >= bytes
  return { fragments, bytes, isPartial, fits, freeBytesElsewhere, peersElsewhere: alive.size }
}

function heldIn(
  placed: PlacedSegment,
  seat: number,
  peers: ReadonlyMap<number, PeerView>,
): HeldFragment[] {
  const { bucket, key, segment, record } = placed
  const index = record.fragments.findIndex(fragment => fragment.seat === seat)
  const fragment = record.fragments[index]
  if (fragment === undefined) return []
  const view = listed(placed)
  return [
    {
      bucket,
      key,
      segment,
      index,
      kind: index < record.k ? 'data' : 'parity',
      id: formatFragmentId(decodeFragmentId(fragment.id)),
      sizeBytes: view.fragmentBytes,
      k: record.k,
      m: record.fragments.length - record.k,
      margin: marginOf(view, peers),
    },
  ]
}

function cursorIn(text: string): { readonly group: number; readonly row: Uint8Array | undefined } {
  const [, group, row = ''] = CURSOR.exec(text) ?? []
  if (group === undefined) {
    const details = { code: 'MALFORMED', what: 'place in a list', offset: 0 } as const
    throw new HoldfastError('Cannot go on with a list: this is no place in it', details)
  }
  return { group: Number(group), row: row === '' ? undefined : fromHex(row) }
}
