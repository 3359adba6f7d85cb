import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { INVITE_ADDRESSES_MAX } from './invite.ts'

/** A peer of the list, and where it can be reached. */
export interface CircleMember {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

/** More would hardly be written down by hand. */
const CIRCLE_PEERS_MAX = 64

/**
 * The peers that a list of multiaddrs names, each ending in `/p2p/<peer>`; a peer may have several.
 * @throws {HoldfastError} `CONFIG_INVALID`: not as many as expected, not all named, or this one is not
 *   among them
 */
export function parseCircle(
  list: readonly string[],
  { expect, self }: { readonly expect: number; readonly self: PeerId },
): readonly CircleMember[] {
  const members = new Map<PeerId, string[]>()
  for (const text of list) {
    const [, address, peer] = /^(\/[^\s]+)\/p2p\/([^/\s]+)$/.exec(text) ?? []
    if (address === undefined || peer === undefined)
      throw invalid(`'${text}' is no address of a peer, as /ip4/10.0.0.1/tcp/4801/p2p/12D3…`)
    const addresses = members.get(peer) ?? []
    if (addresses.length >= INVITE_ADDRESSES_MAX)
      throw invalid(`${peer} has more than ${INVITE_ADDRESSES_MAX} addresses`)
    members.set(peer, [...addresses, address])
  }
  if (members.size !== expect)
    throw invalid(`it names ${members.size} peers, and ${expect} are expected`)
  if (expect < 2 || expect > CIRCLE_PEERS_MAX)
    throw invalid(`there are 2 to ${CIRCLE_PEERS_MAX} peers`)
  if (!members.has(self)) throw invalid(`this peer, ${self}, is not in it`)
  return [...members].map(([peer, addresses]) => ({ peer, addresses }))
}

function invalid(reason: string): HoldfastError {
  const details = { code: 'CONFIG_INVALID', key: 'bootstrap', reason } as const
  return new HoldfastError(`Cannot use bootstrap: ${reason}`, details)
}
