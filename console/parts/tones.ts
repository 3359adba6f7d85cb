import type { MatrixHolder } from '../../src/gateway/console/views/fragments.ts'
import type { AttentionView, OverviewView } from '../../src/gateway/console/views/overview.ts'
import type { PeerClock, PeerRow } from '../../src/gateway/console/views/peers.ts'
import type { Tone } from './state.tsx'

/** How good or bad it is to be in each of the states there are. */
export const levelTones: Record<OverviewView['level'], Tone> = {
  healthy: 'good',
  repairing: 'warn',
  degraded: 'warn',
  'at risk': 'bad',
  lost: 'bad',
  unknown: 'idle',
}

export const attentionTones: Record<AttentionView['level'], Tone> = {
  note: 'idle',
  warning: 'warn',
  critical: 'bad',
}

export const peerTones: Record<PeerRow['state'], Tone> = {
  alive: 'good',
  suspect: 'warn',
  dead: 'bad',
  left: 'idle',
  unknown: 'idle',
}

export const clockTones: Record<PeerClock['status'], Tone> = {
  SYNCED: 'good',
  HOLDOVER: 'warn',
  UNSYNCED: 'bad',
  DISRUPTED: 'bad',
  INIT: 'idle',
}

export const holderTones: Record<MatrixHolder['state'], Tone> = {
  alive: 'good',
  suspect: 'warn',
  draining: 'idle',
  dead: 'bad',
  gone: 'bad',
}

/** What to call the state of a peer: one that is banned is nothing else. */
export function peerState(row: PeerRow): { readonly tone: Tone; readonly text: string } {
  if (row.membership === 'banned') return { tone: 'bad', text: 'banned' }
  if (row.membership === 'expired') return { tone: 'warn', text: 'expired' }
  if (row.state === 'alive' && row.drain !== undefined) return { tone: 'idle', text: row.drain }
  return { tone: peerTones[row.state], text: row.state }
}
