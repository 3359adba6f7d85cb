import type { VNode } from 'preact'

import type { ClocksView, ClockView } from '../../../src/gateway/console/views/clocks.ts'
import { usePeerNames } from '../../api/peer-names.ts'
import { useResource } from '../../api/resource.ts'
import { withNames } from '../../logic/event-text.ts'
import { ago, count, duration, milliseconds } from '../../logic/format.ts'
import { Name } from '../../parts/name.tsx'
import { Fact, Facts, Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { State } from '../../parts/state.tsx'
import { clockTones } from '../../parts/tones.ts'
import { Intervals } from './intervals.tsx'

/** What time it is for each peer, and how wrong that may be. */
export function ClocksPage(): VNode {
  const clocks = useResource<ClocksView>('/api/v1/clocks', 2000)
  return (
    <Page title="Clocks" hint={clocks.value === undefined ? undefined : hintOf(clocks.value)}>
      <Shown of={clocks} lines={8}>
        {view => (
          <>
            <Intervals peers={view.peers} />
            <Own clock={view.own} />
            <Sources clock={view.own} />
          </>
        )}
      </Shown>
    </Page>
  )
}

function hintOf({ peers }: ClocksView): string {
  const synced = peers.filter(({ status }) => status === 'SYNCED').length
  const bounds = peers.flatMap(({ boundMs }) => (boundMs === null ? [] : [boundMs]))
  const worst =
    bounds.length === 0 ? '' : `; none is off by more than ${milliseconds(Math.max(...bounds))}`
  return `${synced} of ${peers.length} synchronised${worst}`
}

const Own = ({ clock }: { clock: ClockView }): VNode => (
  <Panel
    title="This peer’s clock"
    aside={<State tone={clockTones[clock.status]}>{clock.status.toLowerCase()}</State>}
  >
    <Facts>
      <Fact name="Offset">{milliseconds(clock.offsetMs)}</Fact>
      <Fact name="At most wrong by">
        {clock.boundMs === null ? 'not known' : milliseconds(clock.boundMs)}
      </Fact>
      <Fact name="Taken from">{clock.basis}</Fact>
      <Fact name="Drift">
        {clock.driftPpm.toFixed(2)} ± {clock.driftErrorPpm.toFixed(2)} ppm
      </Fact>
      <Fact name="Last synchronised">
        {clock.lastSyncMs === null ? 'never' : ago(clock.lastSyncMs)}
      </Fact>
      <Fact name="Asks every">{duration(clock.pollEveryMs)}</Fact>
      <Fact name="Refused time stamps">{count(clock.rejectedStamps)}</Fact>
      <Fact name="Contradictions">{count(clock.contradictions)}</Fact>
      <Fact name="Disturbances">
        {count(clock.disturbances)}
        {clock.lastDisturbance !== null && (
          <div class="soft">
            {clock.lastDisturbance.what}, {ago(clock.lastDisturbance.agoMs)}
          </div>
        )}
      </Fact>
    </Facts>
  </Panel>
)

const verdictTones: Readonly<Record<string, 'good' | 'warn'>> = {
  selected: 'good',
  falseticker: 'warn',
  silent: 'warn',
}

function Sources({ clock: { sources } }: { clock: ClockView }): VNode {
  const nameOf = usePeerNames()
  return (
    <Panel title="Sources" isFlush>
      {sources.length === 0 ? (
        <Blank title="It has nobody to ask">
          <p>Give NTP servers by --ntp, or let other peers join.</p>
        </Blank>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Sources of time">
          <table class="simple">
            <thead>
              <tr>
                <th>Source</th>
                <th>Verdict</th>
                <th data-align="end">Offset</th>
                <th data-align="end">Bound</th>
                <th data-align="end" data-least="wide">
                  Delay
                </th>
              </tr>
            </thead>
            <tbody>
              {sources.map(source => (
                <tr key={`${source.kind} ${source.name}`}>
                  <td>
                    <Name text={withNames(source.name, nameOf)} charsMax={40} />{' '}
                    <span class="tag">{source.kind}</span>
                  </td>
                  <td>
                    <State tone={verdictTones[source.verdict] ?? 'idle'}>
                      {source.verdict}
                      {source.refusal !== undefined && ` (${source.refusal})`}
                    </State>
                  </td>
                  <td data-align="end">{textOf(source.offsetMs)}</td>
                  <td data-align="end">{textOf(source.boundMs)}</td>
                  <td data-align="end" data-least="wide">
                    {textOf(source.delayMs)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

const textOf = (ms: number | undefined): string => (ms === undefined ? '–' : milliseconds(ms))
