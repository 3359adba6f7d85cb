import type { Environment, PeerId } from '../../base/environment.ts'
import type { Channel, PeerPolicy, Verdict } from '../../net/peer-policy.ts'
import type { Members } from './member-book.ts'
import type { Refusals } from './refusals.ts'
import { TokenBucket } from './token-bucket.ts'

/** Strangers that may come in at once, and per second in the long run. */
const STRANGERS_BURST = 64
const STRANGERS_PER_SECOND = 20

/** What only full members may speak: it orders the index, or hands out what is in it. */
const fullOnly = new Set(['request/raft', 'stream/raft', 'datagram/raft'])
/** What a stranger may speak. */
const openToStrangers = new Set<string>(['join'] satisfies Channel[])

/**
 * Who may connect and who may be served what, from the member table. A stranger may come in for a
 * moment to join or to show a certificate this peer has not heard of; a banned peer may not, nor
 * one whose certificate has expired, but for its host, who can renew it.
 */
export class MemberPolicy implements PeerPolicy {
  readonly #members: Members
  readonly #refusals: Refusals
  readonly #strangers: TokenBucket
  readonly #trusted: (peer: PeerId) => boolean

  /** @param trusted peers that this one means to dial although it cannot know them yet: its host */
  constructor(
    members: Members,
    refusals: Refusals,
    { clock }: Pick<Environment, 'clock'>,
    trusted: (peer: PeerId) => boolean,
  ) {
    this.#members = members
    this.#refusals = refusals
    this.#trusted = trusted
    this.#strangers = new TokenBucket(clock, {
      capacity: STRANGERS_BURST,
      perSecond: STRANGERS_PER_SECOND,
    })
  }

  verdict(peer: PeerId): Verdict {
    const { state } = this.#members.statusOf(peer)
    switch (state) {
      case 'member':
        return 'member'
      case 'banned':
        this.#refusals.note('connection', peer, 'it is banned')
        return 'deny'
      case 'expired':
      case 'unknown':
        if (this.#trusted(peer) || this.#strangers.take()) return 'provisional'
        this.#refusals.note('connection', peer, 'too many strangers')
        return 'deny'
    }
  }

  mayServe(peer: PeerId, protocol: string): boolean {
    const status = this.#members.statusOf(peer)
    if (status.state === 'banned') return false
    if (isOpen(protocol)) return true
    if (status.state !== 'member') return false
    return status.certificate.role === 'full' || !fullOnly.has(protocol)
  }
}

/** `join`, or a protocol of it: `join/…`. */
const isOpen = (protocol: string): boolean =>
  openToStrangers.has(protocol.split('/', 1)[0] as string)
