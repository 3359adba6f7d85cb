import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'
import { useEffect } from 'preact/hooks'

import type { PeerRow } from '../../../src/gateway/console/views/peers.ts'
import type { DrainPlan } from '../../../src/gateway/console/views/repairs.ts'
import { type ApiError, request } from '../../api/client.ts'
import { asApiError } from '../../api/resource.ts'
import { session } from '../../api/session.ts'
import { bytes, counted } from '../../logic/format.ts'
import { encoded } from '../../logic/route.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { PeerName, peerText } from '../../parts/name.tsx'
import { Bones, Failed } from '../../parts/shown.tsx'
import { Notice } from '../../parts/state.tsx'
import { say } from '../../parts/toast.tsx'

interface ActionProps {
  readonly row: PeerRow
  readonly refresh: () => void
}

type ActionName = 'ban' | 'drain' | 'rename'

/** What can be done to a peer; each is explained and confirmed before. */
export function PeerActions({ row, refresh }: ActionProps): VNode {
  const open = useSignal<ActionName | undefined>(undefined)
  const close = (): void => {
    open.value = undefined
    refresh()
  }
  const isBanned = row.membership === 'banned'
  const undrain = async (): Promise<void> => {
    try {
      await request('DELETE', `/api/v1/drains/${encoded(row.peer)}`)
      say('good', `${peerText(row)} takes fragments again.`)
    } catch (error) {
      say('bad', asApiError(error).message)
    }
    refresh()
  }
  return (
    <div class="line">
      <button type="button" class="button" onClick={() => (open.value = 'rename')}>
        Rename
      </button>
      {row.drain === undefined ? (
        <button
          type="button"
          class="button"
          disabled={isBanned}
          onClick={() => (open.value = 'drain')}
        >
          Drain…
        </button>
      ) : (
        <button type="button" class="button" onClick={() => void undrain()}>
          Take drain back
        </button>
      )}
      <button
        type="button"
        class="button"
        data-kind="danger"
        disabled={isBanned || row.isSelf || session.value?.isAuthority !== true}
        title={
          session.value?.isAuthority === true ? '' : 'Only a peer with the key of the network can'
        }
        onClick={() => (open.value = 'ban')}
      >
        Ban…
      </button>
      {open.value === 'rename' && <Rename row={row} onClose={close} />}
      {open.value === 'drain' && <Drain row={row} onClose={close} />}
      {open.value === 'ban' && <Ban row={row} onClose={close} />}
    </div>
  )
}

interface AskProps {
  readonly row: PeerRow
  readonly onClose: () => void
}

function Rename({ row, onClose }: AskProps): VNode {
  const name = useSignal(row.name)
  return (
    <Confirm
      title="Rename this peer"
      verb="Rename"
      onClose={onClose}
      act={() =>
        request('PATCH', `/api/v1/peers/${encoded(row.peer)}`, {
          body: { name: name.value.trim() },
        })
      }
    >
      <label class="field">
        <span>Name for everybody on this network; empty takes back what it calls itself</span>
        <input
          class="input"
          maxLength={64}
          value={name}
          onInput={event => (name.value = event.currentTarget.value)}
        />
      </label>
    </Confirm>
  )
}

function Drain({ row, onClose }: AskProps): VNode {
  const plan = useSignal<DrainPlan | undefined>(undefined)
  const failure = useSignal<ApiError | undefined>(undefined)
  useEffect(() => {
    const ending = new AbortController()
    const body = { peer: row.peer, dryRun: true }
    request<DrainPlan>('POST', '/api/v1/drains', { body, signal: ending.signal })
      .then(answer => (plan.value = answer))
      .catch((error: unknown) => {
        if (!ending.signal.aborted) failure.value = asApiError(error)
      })
    return () => ending.abort()
  }, [row.peer])
  return (
    <Confirm
      title="Drain this peer"
      verb="Drain"
      isReady={plan.value !== undefined}
      onClose={onClose}
      act={() => request('POST', '/api/v1/drains', { body: { peer: row.peer } })}
    >
      <p>
        All fragments of <PeerName {...row} /> move to other peers; after that it can leave without
        anything having to be repaired. It goes on to serve meanwhile.
      </p>
      {plan.value === undefined ? (
        failure.value === undefined ? (
          <Bones lines={2} />
        ) : (
          <Failed error={failure.value} />
        )
      ) : (
        <Notice tone={plan.value.fits ? 'good' : 'warn'}>{planText(plan.value)}</Notice>
      )}
    </Confirm>
  )
}

function planText(plan: DrainPlan): string {
  const least = plan.isPartial ? 'at least ' : ''
  const moves = `${least}${counted(plan.fragments, 'fragment')} (${bytes(plan.bytes)}) would move`
  const room = `${counted(plan.peersElsewhere, 'other peer')} with ${bytes(plan.freeBytesElsewhere)} free`
  return plan.fits
    ? `A dry run says: ${moves}, to ${room}.`
    : `A dry run says: ${moves}, but not all of it fits: ${room}. It would stay partly full.`
}

function Ban({ row, onClose }: AskProps): VNode {
  const typed = useSignal('')
  const wanted = row.peer.slice(-6)
  return (
    <Confirm
      title="Ban this peer for good"
      verb="Ban for good"
      isDangerous
      isReady={typed.value.trim() === wanted}
      onClose={onClose}
      act={() => request('POST', '/api/v1/bans', { body: { peer: row.peer } })}
    >
      <Notice tone="bad">
        <PeerName {...row} /> is cut off here at once, and everywhere within seconds. What it holds
        is lost and made anew elsewhere. This cannot be taken back; drain it first if you can.
      </Notice>
      <label class="field">
        <span>
          Type the end of its id, <code>{wanted}</code>, to confirm
        </span>
        <input
          class="input"
          value={typed}
          onInput={event => (typed.value = event.currentTarget.value)}
        />
      </label>
    </Confirm>
  )
}
