import type { VNode } from 'preact'
import { useMemo } from 'preact/hooks'

import type { MatrixHolder, MatrixView } from '../../../src/gateway/console/views/fragments.ts'
import { count } from '../../logic/format.ts'
import { outlookOf, type Without } from '../../logic/loss.ts'
import { addressOf } from '../../logic/route.ts'
import { PeerName, peerText } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { State } from '../../parts/state.tsx'
import { holderTones } from '../../parts/tones.ts'

export interface HoldersProps {
  readonly view: MatrixView
  readonly pinned: Without
  readonly pin: (peers: Without) => void
  readonly hover: (peer: string | undefined) => void
}

/** Who holds something; pointing at one shows what its death would mean, choosing it keeps that. */
export function Holders({ view, pinned, pin, hover }: HoldersProps): VNode {
  const held = useMemo(() => countsOf(view), [view])
  const toggle = (peer: string): void => {
    const next = new Set(pinned)
    if (!next.delete(peer)) next.add(peer)
    pin(next)
  }
  const rows = view.holders.toSorted((one, other) => (peerText(one) < peerText(other) ? -1 : 1))
  return (
    <Panel
      title="What if a peer dies?"
      isFlush
      aside={
        pinned.size > 0 && (
          <button type="button" class="button" data-kind="plain" onClick={() => pin(new Set())}>
            All come back
          </button>
        )
      }
    >
      <ul class="holders" onMouseLeave={() => hover(undefined)}>
        {rows.map(holder => (
          <li key={holder.peer} onMouseEnter={() => hover(holder.peer)}>
            <label>
              <input
                type="checkbox"
                checked={pinned.has(holder.peer)}
                aria-label={`Imagine that ${peerText(holder)} is dead`}
                onFocus={() => hover(holder.peer)}
                onBlur={() => hover(undefined)}
                onChange={() => toggle(holder.peer)}
              />
              <PeerName {...holder} />
            </label>
            <State tone={holderTones[holder.state]}>{holder.state}</State>
            <span class="number soft">{count(held.get(holder.peer) ?? 0)}</span>
            <Effect view={view} holder={holder} />
            <a href={addressOf('peers', holder.peer)} aria-label={`Page of ${peerText(holder)}`}>
              ›
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** What its death alone would leave. */
function Effect({ view, holder }: { view: MatrixView; holder: MatrixHolder }): VNode {
  const { unreadable, worst } = useMemo(
    () => outlookOf(view, new Set([holder.peer])),
    [view, holder.peer],
  )
  if (unreadable > 0) return <State tone="bad">{count(unreadable)} lost</State>
  return (
    <State tone={worst === 0 ? 'warn' : 'good'}>
      {worst === 0 ? 'none left' : `${worst ?? 0} to spare`}
    </State>
  )
}

function countsOf({ segments, holders }: MatrixView): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const place of segments.flatMap(({ cells }) => cells)) {
    const peer = holders[place]?.peer
    if (peer !== undefined) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  }
  return counts
}
