import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { AuditView, PeerDetail, PeerRow } from '../../../src/gateway/console/views/peers.ts'
import { usePeerNames } from '../../api/peer-names.ts'
import { useResource } from '../../api/resource.ts'
import { withNames } from '../../logic/event-text.ts'
import { ago, bytes, counted, duration, milliseconds, moment, percent } from '../../logic/format.ts'
import { encoded, addressOf } from '../../logic/route.ts'
import { Meter } from '../../parts/meter.tsx'
import { Name, PeerName, peerText } from '../../parts/name.tsx'
import { Fact, Facts, Grid, Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { State } from '../../parts/state.tsx'
import { clockTones, peerState, peerTones } from '../../parts/tones.ts'
import { HeldFragments } from './held-fragments.tsx'
import { PeerActions } from './peer-actions.tsx'
import { Stability } from './stability.tsx'

/** Everything that is known of one peer. */
export function PeerPage({ peer }: { peer: string }): VNode {
  const path = `/api/v1/peers/${encoded(peer)}`
  const detail = useResource<PeerDetail>(path, 2000)
  const title = detail.value === undefined ? 'Peer' : peerText(detail.value.peer)
  return (
    <Page
      title={title}
      heading={
        <span class="crumbs">
          <a href={addressOf('peers')}>Peers</a> ›{' '}
          {detail.value === undefined ? '…' : <PeerName {...detail.value.peer} />}
        </span>
      }
      actions={
        detail.value !== undefined && (
          <PeerActions row={detail.value.peer} refresh={detail.refresh} />
        )
      }
    >
      <Shown of={detail} lines={10}>
        {view => (
          <>
            <Grid least={460}>
              <Summary row={view.peer} />
              <Condition row={view.peer} />
              {view.peer.stability !== undefined && (
                <Stability score={view.peer.score} parts={view.peer.stability} />
              )}
              {view.audits !== undefined && <Audits audits={view.audits} />}
            </Grid>
            <HeldFragments peer={peer} />
            <Grid least={460}>
              <History detail={view} />
              <Groups detail={view} />
            </Grid>
          </>
        )}
      </Shown>
    </Page>
  )
}

function Summary({ row }: { row: PeerRow }): VNode {
  const nameOf = usePeerNames()
  const { tone, text } = peerState(row)
  return (
    <Panel title="Summary">
      <Facts>
        <Fact name="State">
          <State tone={tone}>{text}</State>
          <div class="soft wrap">
            {row.sinceMs !== undefined && `for ${duration(row.sinceMs)}`}
            {row.why !== '' && <bdi> · {withNames(row.why, nameOf)}</bdi>}
          </div>
        </Fact>
        <Fact name="Role">{row.role ?? '–'}</Fact>
        <Fact name="Zone">{row.zone === '' ? '–' : <Name text={row.zone} />}</Fact>
        <Fact name="Seat">{row.seat ?? '–'}</Fact>
        <Fact name="Version">
          <Name text={row.version === '' ? '–' : row.version} />
        </Fact>
        <Fact name="Kademlia bits shared">{row.sharedBits ?? '–'}</Fact>
      </Facts>
      <dl class="facts long">
        <Fact name="Id">
          <code class="wrap">{row.peer}</code>
        </Fact>
        <Fact name="Addresses">
          {row.addresses.length === 0 && '–'}
          {row.addresses.map(address => (
            <code key={address} class="wrap block">
              {address}
            </code>
          ))}
        </Fact>
      </dl>
    </Panel>
  )
}

function Condition({ row }: { row: PeerRow }): VNode {
  const { load, space, clock, rttMs } = row
  const total = space === undefined ? 0 : space.usedBytes + space.freeBytes
  return (
    <Panel title="Condition" aside={load && <span class="soft">{ago(load.ageMs)}</span>}>
      <div class="stack">
        {space !== undefined && (
          <Meter share={space.usedBytes / Math.max(1, total)} label="Space used">
            {bytes(space.usedBytes)} used, {bytes(space.freeBytes)} free
          </Meter>
        )}
        <Facts>
          <Fact name="Round trip">{rttMs === undefined ? '–' : milliseconds(rttMs)}</Fact>
          <Fact name="Load">{load === undefined ? '–' : percent(load.load)}</Fact>
          <Fact name="Health">
            {load === undefined ? (
              '–'
            ) : (
              <State tone={load.health === 0 ? 'good' : 'warn'}>
                {load.health === 0 ? 'well' : `${load.health} of 7 strained`}
              </State>
            )}
          </Fact>
          <Fact name="Event loop lag">{load ? milliseconds(load.loopLagMs) : '–'}</Fact>
          <Fact name="Disk sync">{load ? milliseconds(load.diskSyncMs) : '–'}</Fact>
          <Fact name="Can be dialled">{load ? (load.isDialable ? 'yes' : 'no') : '–'}</Fact>
          <Fact name="Connected">{row.isConnected || row.isSelf ? 'yes' : 'no'}</Fact>
          <Fact name="Clock">
            {clock === undefined ? (
              '–'
            ) : (
              <State tone={clockTones[clock.status]}>{clock.status.toLowerCase()}</State>
            )}
          </Fact>
          <Fact name="Clock offset">
            {clock === undefined
              ? '–'
              : `${milliseconds(clock.offsetMs)} ± ${clock.boundMs === null ? '?' : milliseconds(clock.boundMs)}`}
          </Fact>
        </Facts>
      </div>
    </Panel>
  )
}

function Audits({ audits }: { audits: AuditView }): VNode {
  const { ok, wrong, unknown, offline, last } = audits
  return (
    <Panel title="Audits" aside={<span class="soft">random cells, asked for as proof</span>}>
      <Facts>
        <Fact name="Right">
          <State tone="good">{ok}</State>
        </Fact>
        <Fact name="Wrong">
          <State tone={wrong === 0 ? 'idle' : 'bad'}>{wrong}</State>
        </Fact>
        <Fact name="Not answered">
          <State tone={unknown === 0 ? 'idle' : 'warn'}>{unknown}</State>
        </Fact>
        <Fact name="Was offline">
          <State tone={offline === 0 ? 'idle' : 'warn'}>{offline}</State>
        </Fact>
        {last !== undefined && (
          <Fact name="Last">
            {last.outcome}, {moment(new Date(last.at))}
          </Fact>
        )}
      </Facts>
    </Panel>
  )
}

function History({ detail: { history } }: { detail: PeerDetail }): VNode {
  const shown = useSignal(12)
  const nameOf = usePeerNames()
  return (
    <Panel title="History" isFlush>
      {history.length === 0 ? (
        <Blank title="Nothing has happened to it since this peer started" />
      ) : (
        <>
          <table class="simple">
            <thead>
              <tr>
                <th>When</th>
                <th>What</th>
                <th>Why</th>
              </tr>
            </thead>
            <tbody>
              {history.slice(0, shown.value).map(({ at, what, why }, index) => (
                <tr key={index}>
                  <td class="number">{moment(new Date(at))}</td>
                  <td>
                    <State tone={toneOfMoment(what)}>{what}</State>
                  </td>
                  <td class="wrap">
                    <bdi>{withNames(why, nameOf)}</bdi>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {history.length > shown.value && (
            <p class="padded">
              <button type="button" class="button" onClick={() => (shown.value += 50)}>
                Show older
              </button>
            </p>
          )}
        </>
      )}
    </Panel>
  )
}

const toneOfMoment = (
  what: PeerDetail['history'][number]['what'],
): 'bad' | 'good' | 'idle' | 'warn' => {
  if (what === 'admitted') return 'good'
  return what === 'banned' ? 'bad' : peerTones[what]
}

function Groups({ detail: { groups } }: { detail: PeerDetail }): VNode {
  return (
    <Panel title="Groups" aside={counted(groups.length, 'group')} isFlush>
      {groups.length === 0 ? (
        <Blank title="It votes in none, and learns in none" />
      ) : (
        <table class="simple">
          <tbody>
            {groups.map(({ group, name, role }) => (
              <tr key={group}>
                <td>
                  <a href={addressOf('groups', String(group))}>
                    {name === String(group) ? `Group ${name}` : name}
                  </a>
                </td>
                <td>{role}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}
