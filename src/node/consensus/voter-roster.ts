import type { PeerId } from '../../base/environment.ts'
import type { RosterEntry } from '../../membership/roster.ts'
import { failedGates, type Gate } from '../../membership/stability.ts'
import { noVitals } from '../../membership/vitals.ts'
import type { Certificate } from '../admission/member-record.ts'
import type { RosterPeer } from './group-steward.ts'

/** From deaths remembered with a half-life of half an hour to deaths per hour. */
const FLAPS_PER_HOUR = Math.LN2 * 2
/** What no group is too small to demand; the rest counts once it has three voters. */
const always: ReadonlySet<Gate> = new Set(['protocol', 'disk space', 'flapping'])
const ELECTION_MS = 600

export interface VoterRosterOptions {
  readonly roster: () => readonly RosterEntry[]
  /** Undefined for whoever is no member now. */
  readonly certificateOf: (peer: PeerId) => Certificate | undefined
  readonly protocol: number
}

/** Who is slow is still better than nobody: these count only where others can take the seats. */
const speed: ReadonlySet<string> = new Set<Gate>(['loop lag', 'disk sync'])
const VOTERS_MIN = 3

/** The full members as the choice of voters sees them. Storage members are not among them. */
export function voterRoster(options: VoterRosterOptions, voters: number): RosterPeer[] {
  const peers = gatedRoster(options, voters)
  const able = peers.filter(({ state, failing }) => state === 'alive' && failing.length === 0)
  if (able.length >= Math.max(voters, VOTERS_MIN)) return peers
  return peers.map(peer => ({ ...peer, failing: peer.failing.filter(gate => !speed.has(gate)) }))
}

function gatedRoster(options: VoterRosterOptions, voters: number): RosterPeer[] {
  const { roster, certificateOf, protocol } = options
  return roster().flatMap(entry => {
    const certificate = certificateOf(entry.peer)
    if (certificate?.role !== 'full') return []
    const { peer, state, sinceMs, uptimeMs, score, flaps } = entry
    const failing = gatesOf(entry, protocol).filter(gate => voters >= 3 || always.has(gate))
    return [
      {
        peer,
        zone: zoneOf(certificate.zone, entry.addresses),
        state: state === 'left' ? ('dead' as const) : state,
        stateMs: sinceMs,
        upMs: uptimeMs,
        score,
        failing,
        flapsPerHour: flaps * FLAPS_PER_HOUR,
      },
    ]
  })
}

function gatesOf(entry: RosterEntry, protocol: number): Gate[] {
  const { vitals = noVitals, healthMean, isFlapping, rttMs, uptimeMs, isSelf } = entry
  return failedGates({
    uptimeMs,
    // Who is how old the election itself looks at.
    needsUptime: false,
    isCompatible: entry.protocol.min <= protocol && protocol <= entry.protocol.max,
    // Order never rests on clocks; only one that is known to be disturbed keeps a peer from voting.
    clockStatus: vitals.clock.status === 'DISRUPTED' ? 'DISRUPTED' : 'SYNCED',
    health: healthMean,
    loopLagMs: vitals.loopLagMs,
    diskSyncMs: vitals.diskSyncMs,
    usedBytes: vitals.usedBytes,
    freeBytes: vitals.freeBytes,
    isDialable: vitals.isDialable,
    isFlapping,
    rttMs: isSelf ? 0 : rttMs,
    electionTimeoutMs: ELECTION_MS,
  })
}

/** Its label; without one, the part of the network it is in: an IPv4 /24 or an IPv6 /48. */
export function zoneOf(label: string, addresses: readonly string[]): string {
  if (label !== '') return label
  for (const address of addresses) {
    const [, family, host = ''] = /^\/(ip[46])\/([^/]+)/.exec(address) ?? []
    if (family === 'ip4') return host.split('.').slice(0, 3).join('.')
    if (family === 'ip6') return host.split(':').slice(0, 3).join(':')
  }
  return ''
}
