import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type {
  MatrixSegment,
  MatrixView,
  VerifyView,
} from '../../../src/gateway/console/views/fragments.ts'
import { pathOf, queryText, request } from '../../api/client.ts'
import { asApiError } from '../../api/resource.ts'
import { bytes, counted, moment } from '../../logic/format.ts'
import { marginOf, statesOf } from '../../logic/loss.ts'
import { addressOf } from '../../logic/route.ts'
import { PeerName } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { State, type Tone } from '../../parts/state.tsx'
import { say } from '../../parts/toast.tsx'
import { stateNames, stateTones } from './state-names.ts'

type Outcome = VerifyView['fragments'][number]

const outcomeTones: Record<Outcome['outcome'], Tone> = {
  ok: 'good',
  wrong: 'bad',
  unknown: 'warn',
  offline: 'warn',
  missing: 'bad',
}

export interface SegmentTableProps {
  readonly view: MatrixView
  readonly row: MatrixSegment
  /** The fragment that was chosen. */
  readonly index: number | undefined
}

/** One segment at length, and its holders put to the proof. */
export function SegmentTable({ view, row, index }: SegmentTableProps): VNode {
  const proof = useSignal<VerifyView | undefined>(undefined)
  const isBusy = useSignal(false)
  const states = statesOf(row, view.holders)
  const margin = marginOf(row, states)
  const verify = async (): Promise<void> => {
    isBusy.value = true
    const path = pathOf('verify', view.bucket, view.key) + queryText({ version: view.version })
    try {
      proof.value = await request<VerifyView>('POST', path, { body: { segment: row.segment } })
    } catch (error) {
      say('bad', asApiError(error).message)
    }
    isBusy.value = false
  }
  const proofs = proof.value?.segment === row.segment ? proof.value.fragments : []
  return (
    <Panel
      title={`Segment ${row.segment}`}
      isFlush
      aside={
        <div class="line">
          <span class="soft">
            {bytes(row.sizeBytes)}, {row.k} data and {row.m} parity fragments of{' '}
            {bytes(row.fragmentBytes)} in {counted(row.stripes, 'row')} of cells;{' '}
            {margin < 0 ? 'unreadable' : `${margin} may be lost`}
          </span>
          <button
            type="button"
            class="button"
            disabled={isBusy.value}
            onClick={() => void verify()}
          >
            {isBusy.value ? 'Asking…' : 'Verify now'}
          </button>
        </div>
      }
    >
      <table class="simple">
        <thead>
          <tr>
            <th>Fragment</th>
            <th>Held by</th>
            <th>State</th>
            <th>Verified</th>
          </tr>
        </thead>
        <tbody>
          {row.cells.map((place, at) => {
            const holder = view.holders[place]
            const state = states[at] ?? 'missing'
            return (
              <tr key={at} class={at === index ? 'chosen' : ''}>
                <td class="number">
                  {at} {at < row.k ? 'data' : 'parity'}
                </td>
                <td>
                  {holder === undefined ? (
                    '–'
                  ) : (
                    <a class="held" href={addressOf('peers', holder.peer)}>
                      <PeerName {...holder} />
                    </a>
                  )}
                </td>
                <td>
                  <State tone={stateTones[state]}>{stateNames[state]}</State>
                </td>
                <td>
                  <Proof
                    outcome={proofs.find(each => each.index === at)}
                    verifiedMs={row.verified[at] ?? 0}
                  />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Panel>
  )
}

function Proof({
  outcome,
  verifiedMs,
}: {
  outcome: Outcome | undefined
  verifiedMs: number
}): VNode {
  if (outcome !== undefined)
    return (
      <State tone={outcomeTones[outcome.outcome]}>
        {outcome.outcome === 'ok'
          ? `cell ${outcome.cell ?? '?'} right, ${outcome.tookMs} ms`
          : outcome.outcome}
      </State>
    )
  return (
    <span class="soft">{verifiedMs === 0 ? 'when written' : moment(new Date(verifiedMs))}</span>
  )
}
