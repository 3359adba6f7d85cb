import type { VNode } from 'preact'

import type {
  AttentionView,
  DataView,
  OverviewView,
} from '../../../src/gateway/console/views/overview.ts'
import { useLive } from '../../api/resource.ts'
import { ago, bytes, count, counted, duration, percent, rate } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Copy } from '../../parts/copy.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Fact, Facts, Grid, Page, Panel } from '../../parts/panel.tsx'
import { Shown } from '../../parts/shown.tsx'
import { Glyph, Notice, State } from '../../parts/state.tsx'
import { attentionTones, levelTones } from '../../parts/tones.ts'
import { Margins } from './margins.tsx'
import { Pulse } from './pulse.tsx'

/** Whether everything is safe, at a glance; and what to do if it is not. */
export function OverviewPage(): VNode {
  const overview = useLive<OverviewView>('overview')
  return (
    <Page title="Overview">
      <Shown of={overview} lines={8}>
        {view => (
          <>
            <Verdict view={view} />
            <Attention matters={view.attention} />
            <Grid least={460}>
              <Data data={view.data} />
              <Capacity view={view} />
              <Traffic view={view} />
              <Standing view={view} />
            </Grid>
          </>
        )}
      </Shown>
    </Page>
  )
}

const Verdict = ({ view }: { view: OverviewView }): VNode => (
  <section class="verdict" data-tone={levelTones[view.level]} aria-label="State of everything">
    <Glyph tone={levelTones[view.level]} size={28} />
    <div>
      <p class="says">{view.sentence}</p>
      <p class="soft">
        {view.level}
        {view.data.countedMsAgo !== null && ` · counted ${ago(view.data.countedMsAgo)}`}
        {view.repair.etaMs !== null && ` · repair done in about ${duration(view.repair.etaMs)}`}
      </p>
    </div>
  </section>
)

function Attention({ matters }: { matters: readonly AttentionView[] }): VNode | null {
  if (matters.length === 0) return null
  return (
    <section class="stack" aria-label="Needs attention">
      {matters.map(({ id, level, what, advice, command, page, peer }) => (
        <Notice key={id} tone={attentionTones[level]}>
          <div class="stack">
            <p>
              <strong class="wrap">{what}</strong> <span class="wrap">{advice}</span>{' '}
              {page !== undefined && (
                <a href={peer === undefined ? addressOf(page) : addressOf('peers', peer)}>
                  Show {peer === undefined ? page : 'the peer'}
                </a>
              )}
            </p>
            {command !== undefined && <Copy text={command} label={`command for: ${what}`} />}
          </div>
        </Notice>
      ))}
    </section>
  )
}

function Data({ data }: { data: DataView }): VNode {
  const { objects, objectBytes, buckets, segments, tolerance, shortSegments, lostSegments } = data
  return (
    <Panel title="Data" aside={<a href={addressOf('objects')}>Browse</a>}>
      <div class="stack">
        <Facts>
          <Fact name="Objects" isLarge>
            {objects === null ? '–' : count(objects)}
          </Fact>
          <Fact name="Can lose any" isLarge>
            {tolerance === null ? '–' : counted(tolerance, 'peer')}
          </Fact>
          <Fact name="Size">{objectBytes === null ? '–' : bytes(objectBytes)}</Fact>
          <Fact name="Buckets">{buckets === null ? '–' : count(buckets)}</Fact>
          <Fact name="Segments">{count(segments)}</Fact>
          <Fact name="Short of fragments">
            {shortSegments === 0 ? (
              <State tone="good">none</State>
            ) : (
              <State tone="warn">{counted(shortSegments, 'segment')}</State>
            )}
          </Fact>
          {lostSegments > 0 && (
            <Fact name="Cannot be read now">
              <State tone="bad">{counted(lostSegments, 'segment')}</State>
            </Fact>
          )}
        </Facts>
        <Margins margins={data.margins} />
        {data.groupsHeard < data.groupsTotal && (
          <p class="soft">
            {data.groupsHeard} of {data.groupsTotal} groups could be asked.
          </p>
        )}
      </div>
    </Panel>
  )
}

function Capacity({ view: { capacity } }: { view: OverviewView }): VNode {
  const { totalBytes, usedBytes, usableFreeBytes, scheme } = capacity
  const share = totalBytes === 0 ? 0 : usedBytes / totalBytes
  const tone = share > 0.95 ? 'bad' : share > 0.85 ? 'warn' : undefined
  return (
    <Panel title="Capacity" aside={<a href={addressOf('peers')}>Peers</a>}>
      <div class="stack">
        <Facts>
          <Fact name="Room for objects" isLarge>
            {bytes(usableFreeBytes)}
          </Fact>
          <Fact name="Used on disks" isLarge>
            {percent(share)}
          </Fact>
        </Facts>
        <Meter share={share} label="Used space" {...(tone !== undefined && { tone })}>
          {bytes(usedBytes)} of {bytes(totalBytes)}
        </Meter>
        <p class="soft">
          New segments are {scheme.k} data and {scheme.m} parity fragments
          {scheme.m === 0
            ? ': nothing may be lost. Let more peers join.'
            : `: any ${counted(scheme.m, 'fragment')} of each may be lost, at ${((scheme.k + scheme.m) / scheme.k).toFixed(2)} × the space.`}
        </p>
      </div>
    </Panel>
  )
}

const Traffic = ({ view: { throughput } }: { view: OverviewView }): VNode => (
  <Panel title="Traffic of this peer" aside={<a href={addressOf('metrics')}>Metrics</a>}>
    <div class="stack">
      <Facts>
        <Fact name="Read">{rate(throughput.readBytesPerSecond)}</Fact>
        <Fact name="Written">{rate(throughput.writtenBytesPerSecond)}</Fact>
        <Fact name="Requests">{throughput.requestsPerSecond.toFixed(1)}/s</Fact>
      </Facts>
      <Pulse />
    </div>
  </Panel>
)

function Standing({ view }: { view: OverviewView }): VNode {
  const { peers, groups, repair } = view
  const away = peers.suspect + peers.dead + peers.unknown
  return (
    <Panel title="Network" aside={<a href={addressOf('groups')}>Consensus</a>}>
      <Facts>
        <Fact name="Peers alive">
          <State tone={away === 0 ? 'good' : 'warn'}>{count(peers.alive)}</State>
        </Fact>
        <Fact name="Suspect, dead, unknown">
          {peers.suspect} · {peers.dead} · {peers.unknown}
        </Fact>
        <Fact name="Draining">{count(peers.draining)}</Fact>
        <Fact name="Groups with a leader">
          <State tone={groups.withoutLeader === 0 ? 'good' : 'bad'}>
            {groups.total - groups.withoutLeader} of {groups.total}
          </State>
        </Fact>
        <Fact name="Can lose any voters">
          {groups.tolerance === null ? '–' : count(groups.tolerance)}
        </Fact>
        <Fact name="Repairs running, waiting">
          {repair.running} · {repair.waiting}
        </Fact>
        <Fact name="Repaired so far">{bytes(repair.repairedBytes)}</Fact>
        <Fact name="Audits passed">
          {count(repair.audits.ok)}
          {repair.audits.wrong > 0 && (
            <State tone="bad">{counted(repair.audits.wrong, 'wrong answer')}</State>
          )}
        </Fact>
      </Facts>
    </Panel>
  )
}
