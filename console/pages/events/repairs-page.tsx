import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { OverviewView } from '../../../src/gateway/console/views/overview.ts'
import type { PeerRow } from '../../../src/gateway/console/views/peers.ts'
import type { RepairRow } from '../../../src/gateway/console/views/repairs.ts'
import { useLive } from '../../api/resource.ts'
import { bytes, clockTime, count, counted, duration, moment } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Name, PeerName, peerText } from '../../parts/name.tsx'
import { Fact, Facts, Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { State, type Tone } from '../../parts/state.tsx'
import { type Column, Table } from '../../parts/table.tsx'

const tones: Record<RepairRow['outcome'], Tone> = {
  done: 'good',
  failed: 'bad',
  'called off': 'idle',
}

const kinds: Record<RepairRow['kind'], string> = {
  repair: 'made anew',
  drain: 'drained',
  move: 'moved',
  raise: 'parity added',
}

/** What there is to repair, and what was, with the proof of each. */
export function RepairsPage(): VNode {
  const overview = useLive<OverviewView>('overview')
  const repairs = useLive<readonly RepairRow[]>('repairs')
  const { value: peers = [] } = useLive<readonly PeerRow[]>('peers')
  const opened = useSignal<RepairRow | undefined>(undefined)
  const nameOf = (peer: string): string => peers.find(row => row.peer === peer)?.name ?? ''
  return (
    <Page
      title="Repairs"
      hint="Every repair ends in a proof: the new holder answered for a random cell"
    >
      <Shown of={overview} lines={3}>
        {view => <Standing view={view} />}
      </Shown>
      <Panel
        title="Ledger"
        isFlush
        aside={
          <span class="soft">{counted(repairs.value?.length ?? 0, 'line')}, newest first</span>
        }
      >
        <Shown of={repairs} lines={6}>
          {rows =>
            rows.length === 0 ? (
              <Blank title="Nothing had to be repaired yet" />
            ) : (
              <Table
                label="Repair ledger"
                columns={columns}
                rows={rows}
                idOf={({ by, number }) => `${by} ${number}`}
                onOpen={row => (opened.value = row)}
              />
            )
          }
        </Shown>
      </Panel>
      {opened.value !== undefined && (
        <Proofs row={opened.value} nameOf={nameOf} onClose={() => (opened.value = undefined)} />
      )}
    </Page>
  )
}

function Standing({ view: { repair } }: { view: OverviewView }): VNode {
  const isQuiet = repair.running + repair.waiting + repair.short === 0
  return (
    <Panel
      title="Now"
      aside={
        <State tone={isQuiet ? 'good' : 'warn'}>{isQuiet ? 'nothing to do' : 'at work'}</State>
      }
    >
      <Facts>
        <Fact name="Running">{count(repair.running)}</Fact>
        <Fact name="Waiting">{count(repair.waiting)}</Fact>
        <Fact name="Too few peers for">{counted(repair.short, 'segment')}</Fact>
        <Fact name="Done in about">{repair.etaMs === null ? '–' : duration(repair.etaMs)}</Fact>
        <Fact name="Repaired so far">
          {counted(repair.repairedSegments, 'segment')}, {bytes(repair.repairedBytes)}
        </Fact>
        <Fact name="Audits right, wrong">
          {count(repair.audits.ok)} · {count(repair.audits.wrong)}
        </Fact>
        <Fact name="Not answered, offline">
          {count(repair.audits.unknown)} · {count(repair.audits.offline)}
        </Fact>
      </Facts>
    </Panel>
  )
}

const columns: readonly Column<RepairRow>[] = [
  {
    name: 'When',
    width: '76px',
    cell: ({ at }) => (
      <time class="soft number" title={moment(new Date(at))}>
        {clockTime(new Date(at))}
      </time>
    ),
  },
  {
    name: 'Outcome',
    width: '96px',
    order: ({ outcome }) => outcome,
    cell: ({ outcome }) => <State tone={tones[outcome]}>{outcome}</State>,
  },
  {
    name: 'What',
    width: '100px',
    isWideOnly: true,
    order: ({ kind }) => kind,
    cell: ({ kind }) => kinds[kind],
  },
  {
    name: 'Object',
    width: '2fr',
    order: ({ bucket, key }) => `${bucket}/${key}`,
    cell: ({ bucket, key }) => (
      <a href={addressOf('fragments', bucket, key)}>
        <Name text={`${bucket}/${key}`} />
      </a>
    ),
  },
  {
    name: 'Segment',
    width: '72px',
    align: 'end',
    isWideOnly: true,
    cell: ({ segment }) => count(segment),
  },
  {
    name: 'Fragments',
    width: '80px',
    align: 'end',
    isWideOnly: true,
    cell: ({ fragments }) => count(fragments.length),
  },
  {
    name: 'Read',
    width: '80px',
    align: 'end',
    isWideOnly: true,
    order: row => row.bytesRead,
    cell: row => bytes(row.bytesRead),
  },
  {
    name: 'Took',
    width: '64px',
    align: 'end',
    isWideOnly: true,
    order: ({ tookMs }) => tookMs,
    cell: ({ tookMs }) => duration(tookMs),
  },
  {
    name: 'Proofs',
    width: '72px',
    isWideOnly: true,
    cell: ({ proofs }) =>
      proofs.length === 0 ? '–' : <State tone="good">{count(proofs.length)}</State>,
  },
]

interface ProofsProps {
  readonly row: RepairRow
  readonly nameOf: (peer: string) => string
  readonly onClose: () => void
}

const Proofs = ({ row, nameOf, onClose }: ProofsProps): VNode => (
  <Dialog title={`Segment ${row.segment}, ${kinds[row.kind]}`} onClose={onClose}>
    <p class="wrap">
      <bdi>
        {row.bucket}/{row.key}
      </bdi>
    </p>
    <Facts>
      <Fact name="When">{moment(new Date(row.at))}</Fact>
      <Fact name="By">
        <PeerName peer={row.by} name={nameOf(row.by)} />
      </Fact>
      <Fact name="Outcome">
        <State tone={tones[row.outcome]}>{row.outcome}</State> <bdi class="wrap">{row.reason}</bdi>
      </Fact>
      <Fact name="Read, written">
        {bytes(row.bytesRead)} · {bytes(row.bytesWritten)}
      </Fact>
      <Fact name="Took">{duration(row.tookMs)}</Fact>
    </Facts>
    <ul class="stack">
      {row.fragments.map(({ index, peer }) => (
        <li key={index}>
          Fragment {index} is now on{' '}
          <a href={addressOf('peers', peer)}>
            <bdi>{peerText({ peer, name: nameOf(peer) })}</bdi>
          </a>
          {row.proofs
            .filter(proof => proof.index === index)
            .map(proof => (
              <div key={proof.nonce} class="soft wrap">
                asked for cell {proof.cell} with <code>{proof.nonce}</code>, answered{' '}
                <code>{proof.answer}</code>
              </div>
            ))}
        </li>
      ))}
    </ul>
    <div class="line end">
      <button type="button" class="button" onClick={onClose}>
        Close
      </button>
    </div>
  </Dialog>
)
