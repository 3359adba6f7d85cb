/**
 * What somebody should look at, and what to do about it. Commands name peers by their ids: a name is
 * whatever its peer wants it to be, and these are for pasting into a shell.
 */
import type { HealthView } from '../../node/store/upkeep.ts'
import type { GroupRow } from './views/groups.ts'
import type { AttentionView } from './views/overview.ts'
import type { PeerRow } from './views/peers.ts'

export interface AttentionFacts {
  readonly peers: readonly PeerRow[]
  readonly groups: readonly GroupRow[]
  readonly health: HealthView | undefined
  readonly program: string
  readonly isAuthority: boolean
  /** When this peer's certificate ends. */
  readonly certificateUntil: string | undefined
  readonly nowMs: number
}

const SHOWN_MAX = 50
const FULL_SHARE = 0.9
const CERTIFICATE_MS = 5 * 86_400_000
const levels: readonly AttentionView['level'][] = ['critical', 'warning', 'note']

/** The most pressing first. */
export function attentionOf(facts: AttentionFacts): readonly AttentionView[] {
  const all = [
    ...facts.groups.flatMap(ofGroup),
    ...ofHealth(facts),
    ...facts.peers.flatMap(peer => ofPeer(peer, facts)),
    ...ofNetwork(facts),
  ]
  return all
    .toSorted((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level))
    .slice(0, SHOWN_MAX)
}

function ofGroup({ group, name, leader, tolerance }: GroupRow): AttentionView[] {
  const title = group === 0 ? 'The system group' : `Group ${name}`
  const about = { id: `group ${group}`, page: 'groups' } as const
  if (tolerance < 0)
    return [
      {
        ...about,
        level: 'critical',
        what: `${title} has lost its majority`,
        advice: 'Start the voters that are away; if they are gone for good, see `holdfast recover`',
      },
    ]
  if (leader !== undefined) return []
  return [
    {
      ...about,
      level: 'warning',
      what: `${title} has no leader that is known`,
      advice: 'One is being elected; if this stays, its voters cannot reach each other',
    },
  ]
}

function ofHealth({ health, peers }: AttentionFacts): AttentionView[] {
  if (health === undefined) return []
  const found: AttentionView[] = []
  if (health.repair.short > 0)
    found.push({
      id: 'short',
      level: 'warning',
      what: `${health.repair.short} segments find too few peers for their fragments`,
      advice:
        'Let another peer join, or start those that are away; peers that are full do not count',
      page: 'join',
    })
  const names = new Map(peers.map(({ peer, name }) => [peer, name]))
  for (const { peer, counts } of health.audited)
    if (counts.wrong > 0)
      found.push({
        id: `audit ${peer}`,
        level: 'critical',
        what: `${names.get(peer) || peer} gave wrong answers to ${counts.wrong} audits`,
        advice: 'Its disk may be failing: look at its log. What it lost is made anew elsewhere',
        page: 'peers',
        peer,
      })
  return found
}

function ofPeer(row: PeerRow, { program }: AttentionFacts): AttentionView[] {
  const { peer, state, membership, drain, space, clock, seat, isSelf } = row
  const title = row.name === '' ? peer : row.name
  const about = { page: 'peers', peer } as const
  if (membership === 'banned') return []
  if (membership === 'expired')
    return [
      {
        ...about,
        id: `expired ${peer}`,
        level: 'warning',
        what: `The certificate of ${title} has ended`,
        advice: 'It is renewed once the peer and the one that made the network are both up',
      },
    ]
  if (state === 'dead' || (state === 'left' && seat !== undefined && drain !== 'drained'))
    return [
      {
        ...about,
        id: `away ${peer}`,
        level: state === 'dead' ? 'warning' : 'note',
        what: state === 'dead' ? `${title} does not answer` : `${title} was stopped`,
        advice: 'Start it again; if it will not come back, ban it, for good',
        command: `${program} ban ${peer}`,
      },
    ]
  const found: AttentionView[] = []
  if (drain === 'drained')
    found.push({
      ...about,
      id: `drained ${peer}`,
      level: 'note',
      what: `${title} is empty`,
      advice: 'It can be stopped, or used again',
      command: `${program} drain --undo ${peer}`,
    })
  if (space !== undefined && space.usedBytes > FULL_SHARE * (space.usedBytes + space.freeBytes))
    found.push({
      ...about,
      id: `full ${peer}`,
      level: 'warning',
      what: `${title} is nearly full`,
      advice: 'Give it more room, or let another peer join',
    })
  const isOff = clock?.status === 'UNSYNCED' || clock?.status === 'DISRUPTED'
  if (isOff && (state === 'alive' || isSelf))
    found.push({
      id: `clock ${peer}`,
      level: 'note',
      what: `${title} does not know what time it is`,
      advice: 'Nothing stops working; give it NTP servers by --ntp',
      page: 'clocks',
      peer,
    })
  return found
}

function ofNetwork(facts: AttentionFacts): AttentionView[] {
  const { peers, isAuthority, certificateUntil, nowMs } = facts
  const found: AttentionView[] = []
  if (peers.filter(({ membership }) => membership === 'member').length === 1)
    found.push({
      id: 'alone',
      level: 'note',
      what: 'This is the only peer: what is lost with it is lost',
      advice: isAuthority
        ? 'Let another machine join'
        : 'Let the peer that made the network invite',
      page: 'join',
    })
  const leftMs = certificateUntil === undefined ? Infinity : Date.parse(certificateUntil) - nowMs
  if (leftMs < CERTIFICATE_MS)
    found.push({
      id: 'certificate',
      level: 'warning',
      what: 'The certificate of this peer ends soon',
      advice: 'Start the peer that made the network: only it can renew certificates',
    })
  return found
}
