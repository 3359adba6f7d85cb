import { toHex } from '../base/bytes.ts'
import type { PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import type { RosterEntry } from '../membership/roster.ts'
import { stabilityFactors } from '../membership/stability.ts'
import type { MemberRecord } from './admission/member-record.ts'
import type { Running } from './bring-up.ts'
import { spaceOf } from './fragments/tell-space.ts'
import { decodeNote } from './peer-note.ts'
import type { Peer } from './peer.ts'
import type { SeatService } from './store/seat-service.ts'
import type {
  NodeStatus,
  PeerClockView,
  PeerLoadView,
  PeerStabilityView,
  PeerView,
} from './views.ts'

/** Every peer of the network: who may be there by the member table, and who is by the roster. */
export function peersOf({
  host,
  admitted,
  membership,
  storage: { seats, fragments },
}: Running): readonly PeerView[] {
  const connected = new Set(host.connected())
  return admitted.book.records().map(record =>
    viewOf(record, {
      status: admitted.book.statusOf(record.peer).state,
      entry: membership.peer(record.peer),
      isSelf: record.peer === host.self,
      isConnected: connected.has(record.peer),
      seats,
      ownSpace: () => spaceOf(fragments.store.usage),
    }),
  )
}

function viewOf(
  record: MemberRecord,
  {
    status,
    entry,
    isSelf,
    isConnected,
    seats,
    ownSpace,
  }: {
    status: string
    entry: RosterEntry | undefined
    isSelf: boolean
    isConnected: boolean
    seats: Pick<SeatService, 'seatOf' | 'nameOf' | 'drainOf'>
    ownSpace: () => PeerView['space']
  },
): PeerView {
  const { peer } = record
  const certificate = record.kind === 'certificate' ? record : undefined
  return {
    peer,
    isSelf,
    name: seats.nameOf(peer) ?? (entry === undefined ? '' : decodeNote(entry.meta).name),
    state: entry?.state ?? 'unknown',
    sinceMs: entry && Math.round(entry.sinceMs),
    why: entry?.why ?? '',
    membership: status === 'banned' || status === 'expired' ? status : 'member',
    role: certificate?.role,
    zone: certificate?.zone ?? '',
    version: entry?.version ?? '',
    addresses: entry?.addresses ?? [],
    isConnected,
    rttMs: isSelf ? undefined : entry?.rttMs,
    score: entry?.score,
    clock: clockOf(entry),
    seat: seats.seatOf(peer),
    drain: seats.drainOf(peer),
    space: isSelf ? ownSpace() : spaceIn(entry),
    load: loadOf(entry),
    stability: stabilityOf(entry),
  }
}

function spaceIn(entry: RosterEntry | undefined): PeerView['space'] {
  if (entry?.vitals === undefined) return undefined
  const { usedBytes, freeBytes } = entry.vitals
  return { usedBytes, freeBytes }
}

function loadOf(entry: RosterEntry | undefined): PeerLoadView | undefined {
  if (entry?.vitals === undefined) return undefined
  const { load, health, loopLagMs, diskSyncMs, isDialable } = entry.vitals
  const ageMs = Math.round(entry.vitalsAgeMs ?? 0)
  return { load, health, loopLagMs, diskSyncMs, isDialable, ageMs }
}

function stabilityOf(entry: RosterEntry | undefined): PeerStabilityView | undefined {
  if (entry === undefined) return undefined
  const { availability, uptimeMs, flaps, isFlapping, responsiveness } = entry
  const measured = { availability, uptimeMs: Math.round(uptimeMs), flaps, responsiveness }
  return { ...measured, isFlapping, factors: stabilityFactors(entry) }
}

/** Of its own clock a peer knows more: see `HoldfastNode.clock`. */
function clockOf(entry: RosterEntry | undefined): PeerClockView | undefined {
  if (entry?.vitals === undefined) return undefined
  const { status, offsetUs, boundUs } = entry.vitals.clock
  const isKnown = status !== 'INIT' && status !== 'DISRUPTED'
  return { status, offsetMs: offsetUs / 1_000, boundMs: isKnown ? boundUs / 1_000 : null }
}

export function statusOf(peer: Peer, running: Running): NodeStatus {
  const { host, admitted, home, startedAtMs } = running
  const network = host.status()
  const own = admitted.book.statusOf(host.self)
  const certificate = 'certificate' in own ? own.certificate : undefined
  return {
    version: peer.version,
    state: peer.state,
    peer: host.self,
    name: running.storage.seats.nameOf(host.self) ?? peer.settings.name,
    network: toHex(admitted.book.table.trust.networkId),
    role: certificate?.role,
    zone: certificate?.zone ?? '',
    isAuthority: admitted.authority !== undefined,
    dataDirectory: home.path,
    addresses: host.addresses(),
    startedAt: new Date(startedAtMs).toISOString(),
    uptimeMs: Math.round(peer.hardware.clock.wallMs() - startedAtMs),
    certificateUntil: certificate && new Date(certificate.notAfterMs).toISOString(),
    peers: countStates(peersOf(running)),
    connections: network.connections.length,
    refusals: network.refusals,
  }
}

/** The states that peers are counted by. */
export const memberStates = ['alive', 'suspect', 'dead', 'left', 'unknown', 'banned'] as const

function countStates(peers: readonly PeerView[]): NodeStatus['peers'] {
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0, unknown: 0, banned: 0 }
  for (const { membership, state } of peers) counts[membership === 'banned' ? 'banned' : state]++
  return counts
}

/**
 * The id of the peer somebody means by its id or its name.
 * @throws {HoldfastError} `AMBIGUOUS` if several have the name
 */
export function resolvePeer(peers: readonly PeerView[], idOrName: string): PeerId {
  if (peers.some(({ peer }) => peer === idOrName)) return idOrName
  // Peers that were not heard of yet have no name; nobody means one of those by saying nothing.
  const named = peers.filter(({ name }) => name === idOrName && idOrName !== '')
  if (named.length > 1)
    throw new HoldfastError(`Cannot choose: ${named.length} peers are called ${idOrName}`, {
      code: 'AMBIGUOUS',
      what: 'peers',
      count: named.length,
    })
  return named[0]?.peer ?? idOrName
}
