import type { VNode } from 'preact'

import type { StabilityParts } from '../../../src/gateway/console/views/peers.ts'
import { duration, percent } from '../../logic/format.ts'
import { Meter } from '../../parts/meter.tsx'
import { Panel } from '../../parts/panel.tsx'
import { State } from '../../parts/state.tsx'

const names: Record<keyof StabilityParts['factors'], string> = {
  availability: 'Availability',
  uptime: 'Uptime',
  flaps: 'Few deaths',
  roundTrip: 'Round trip',
  responsiveness: 'Responsiveness',
}

/** What the score is the product of, so that nobody has to guess why a peer may not vote. */
export function Stability({
  score,
  parts,
}: {
  score: number | undefined
  parts: StabilityParts
}): VNode {
  const said: Partial<Record<keyof StabilityParts['factors'], string>> = {
    availability: percent(parts.availability),
    uptime: duration(parts.uptimeMs),
    flaps: parts.flaps.toFixed(1),
    responsiveness: percent(parts.responsiveness),
  }
  return (
    <Panel
      title="Stability"
      aside={<strong class="number">{score === undefined ? '–' : percent(score)}</strong>}
    >
      <div class="stack">
        {parts.isFlapping && <State tone="warn">comes and goes too often to vote</State>}
        <dl class="parts">
          {Object.entries(names).map(([factor, name]) => {
            const value = parts.factors[factor as keyof StabilityParts['factors']]
            const detail = said[factor as keyof StabilityParts['factors']]
            return (
              <div key={factor}>
                <dt>
                  {name} {detail !== undefined && <span class="soft">{detail}</span>}
                </dt>
                <dd>
                  <Meter share={value} label={name}>
                    × {value.toFixed(2)}
                  </Meter>
                </dd>
              </div>
            )
          })}
        </dl>
        <p class="soft">The product of these, as this peer measured them. The best may vote.</p>
      </div>
    </Panel>
  )
}
