import { HoldfastError } from '../../base/errors.ts'
import { pickScheme } from '../../erasure/pick-scheme.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import { canTake, type PeerView, zoneOf } from '../../placement/peer-view.ts'

/**
 * The scheme for new segments: the one that `pickScheme` has for as many peers as can take fragments
 * now, or for fewer of them if otherwise the loss of one zone would cost more fragments than there is
 * parity. Where all peers share one zone nothing can be done about that.
 *
 * A network of several peers never stores what the loss of one would take away: if only one can be
 * had, that is `TOO_FEW_PEERS`.
 */
export interface SchemeWish {
  readonly views: readonly PeerView[]
  /** Share of the time that peers are up; see `Seats.uptime`. */
  readonly uptime: number
  /** What a peer must have room for. */
  readonly fragmentBytes: number
  /** Who must not be counted on just now. */
  readonly without?: readonly number[] | undefined
}

/** @throws {HoldfastError} `TOO_FEW_PEERS` */
export function targetScheme({ views, uptime, fragmentBytes, without = [] }: SchemeWish): Scheme {
  const able = views.filter(peer => canTake(peer, fragmentBytes) && !without.includes(peer.seat))
  const members = views.filter(({ state }) => state !== 'gone' && state !== 'draining')
  const need = members.length > 1 ? 2 : 1
  if (able.length < need) throw tooFew(able.length, need)
  const zones = new Set(able.map(zoneOf)).size
  const least = zones === 1 ? able.length : zones
  for (let peers = able.length; ; peers--) {
    const { k, m } = pickScheme(peers, { uptime })
    if (peers === least || Math.ceil((k + m) / zones) <= m) return { k, m }
  }
}

/**
 * The same for all who are members and stay, as if they were all well: what segments are to have in
 * the long run. Undefined where nobody has room.
 */
export function lastingScheme(views: readonly PeerView[], uptime: number): Scheme | undefined {
  const staying = views
    .filter(({ state }) => state !== 'gone' && state !== 'draining')
    .map(view => ({ ...view, state: 'alive' as const }))
  try {
    return targetScheme({ views: staying, uptime, fragmentBytes: 0 })
  } catch {
    return undefined
  }
}

const tooFew = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot store: ${have} peers can take a fragment, need ${need}`, {
    code: 'TOO_FEW_PEERS',
    have,
    need,
  })
