import type { PeerId } from '../../base/environment.ts'
import type { Channel, PeerPolicy, Verdict } from '../../net/peer-policy.ts'
import type { Members } from './member-book.ts'

/** What strangers may speak: to join, or to show a certificate this peer has not heard of. */
const OPEN: Channel = 'join'
/** What only full members may speak: it orders the index, or hands out what is in it. */
const fullOnly: ReadonlySet<string> = new Set(['raft'])

/**
 * Who may connect and who may be served what, from the member table. A stranger may come in for a
 * moment, to join; so may a peer whose certificate has expired, to have it renewed. A banned one may
 * not.
 */
export class MemberPolicy implements PeerPolicy {
  readonly #members: Members

  constructor(members: Members) {
    this.#members = members
  }

  verdict(peer: PeerId): Verdict {
    const { state } = this.#members.statusOf(peer)
    if (state === 'member') return 'member'
    return state === 'banned' ? 'deny' : 'provisional'
  }

  mayServe(peer: PeerId, protocol: string): boolean {
    const [channel, name = ''] = protocol.split('/', 2)
    const status = this.#members.statusOf(peer)
    if (status.state === 'banned') return false
    if (channel === OPEN) return true
    if (status.state !== 'member') return false
    return status.certificate.role === 'full' || !fullOnly.has(name)
  }
}
