import type { PeerId } from '../base/environment.ts'
import type { MembershipChange } from '../membership/core-types.ts'
import type { MemberBook } from './admission/member-book.ts'
import type { MemberRecord } from './admission/member-record.ts'
import type { Log } from './log.ts'
import type { PeerHost } from './machine.ts'
import type { MemberReach } from './member-reach.ts'
import type { MembershipService } from './membership/membership-service.ts'
import type { NodeEvent } from './views.ts'

export interface Introduced {
  readonly host: PeerHost
  readonly book: MemberBook
  readonly membership: MembershipService
  readonly reach: MemberReach
  /** What this peer says of itself now. */
  readonly describe: () => Parameters<MembershipService['describe']>[0]
  readonly log: Log
  readonly emit: (event: NodeEvent) => void
}

/** What one part of a peer learns of other peers, its other parts are told. */
export function introduce(parts: Introduced): void {
  const { host, book, membership, reach, describe } = parts
  const others = (): PeerId[] =>
    book
      .records()
      .map(({ peer }) => peer)
      .filter(peer => peer !== host.self && book.statusOf(peer).state === 'member')
  host.onAddresses(() => membership.describe(describe()))
  host.onPeer(({ peer, state }) => {
    // One that was admitted after the others had told of it.
    if (state === 'up' && membership.peer(peer) === undefined) membership.join([peer])
  })
  for (const { peer, addresses, isSelf } of membership.roster())
    if (!isSelf) reach.learn(peer, addresses)
  membership.onChange(change => peerChanged(parts, change))
  book.onChange(record => recordChanged(parts, record))
  // Of many a newcomer knows as yet that they exist, not where; the protocol asks one by one.
  const reachable = others().filter(peer => host.addressesOf(peer).length > 0)
  membership.join(reachable.length > 0 ? reachable : others())
}

function peerChanged(parts: Introduced, { peer, kind, why }: MembershipChange): void {
  const { host, membership, reach, log, emit } = parts
  const state = kind.toLowerCase() as Lowercase<typeof kind>
  if (kind === 'ALIVE') reach.learn(peer, membership.peer(peer)?.addresses ?? [])
  // A frozen peer keeps its connections: only a new one tells whether it is back.
  if (kind === 'DEAD') void host.disconnect(peer)
  log.info('peer', { peer, state, why })
  emit({ type: 'peer', peer, state, why })
}

function recordChanged({ membership, emit }: Introduced, record: MemberRecord): void {
  const { peer } = record
  if (record.kind === 'certificate') {
    emit({ type: 'admitted', peer, role: record.role, zone: record.zone })
    return
  }
  membership.expel(peer)
  emit({ type: 'banned', peer })
}
