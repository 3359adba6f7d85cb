import { unreadableProbability } from './durability.ts'
import { FRAGMENTS_MAX, type Scheme } from './scheme.ts'

/**
 * Which scheme a network should use, by the number of peers it can spread fragments over and by
 * how much of the time these are up. Availability binds before durability does: among peers that
 * are often away, k fragments at hand are the harder part.
 *
 * The rule: the largest k, hence the least overhead, for which some m makes a segment unreadable at
 * most once in a million times; m at least 4 from 12 peers on, 3 from 8, 2 from 4, 1 from 2. Peers
 * are kept to spare, so that a repair has somewhere to go. With uptime of 0.999 and above the least
 * m will do. If no m makes it, the network is too small for its peers: two thirds of the fragments
 * are parity then, and the choice is marked as degraded.
 */
export interface SchemeChoice extends Scheme {
  /** Peers left over for repair. */
  readonly spare: number
  /** The target is missed: show it. */
  readonly degraded: boolean
}

export interface SchemeOptions {
  /** Measured share of the time that a peer is up, 0 … 1. @default 1, that is not known yet */
  readonly uptime?: number
  /** `durable`: three peers keep three copies rather than two data and one parity fragment. */
  readonly profile?: 'standard' | 'durable'
}

const UNREADABLE_MAX = 1e-6
const UPTIME_STEADY = 0.999
const UPTIME_CHURNY = 0.97
const K_MAX = 10
/** Many unsteady peers pay less for the same safety when a stripe is wide. */
const K_MAX_CHURNY = 20

/** @param peers in distinct zones of failure, that would take a fragment; at least 1 */
export function pickScheme(peers: number, options: SchemeOptions = {}): SchemeChoice {
  const { uptime = 1, profile = 'standard' } = options
  if (!(Number.isInteger(peers) && peers >= 1))
    throw new RangeError(`A network has at least one peer, not ${peers}`)
  if (!(uptime >= 0 && uptime <= 1)) throw new RangeError(`Uptime is from 0 to 1, not ${uptime}`)
  if (profile === 'durable' && peers === 3) {
    const copies = { k: 1, m: 2 }
    return { ...copies, spare: 0, degraded: !isReadable(copies, uptime) }
  }
  const spare = peers >= 12 ? 2 : peers >= 7 ? 1 : 0
  const fragments = Math.min(peers - spare, FRAGMENTS_MAX)
  const parity = leastParity(peers)
  const widest = Math.min(uptime < UPTIME_CHURNY ? K_MAX_CHURNY : K_MAX, fragments - parity)
  for (let k = widest; k >= 1; k--)
    for (let m = parity; k + m <= fragments; m++)
      if (isReadable({ k, m }, uptime)) return { k, m, spare, degraded: false }
  const k = Math.max(1, Math.floor(fragments / 3))
  return { k, m: fragments - k, spare, degraded: true }
}

function leastParity(peers: number): number {
  if (peers >= 12) return 4
  if (peers >= 8) return 3
  if (peers >= 4) return 2
  return peers >= 2 ? 1 : 0
}

const isReadable = (scheme: Scheme, uptime: number): boolean =>
  uptime >= UPTIME_STEADY || unreadableProbability(scheme, uptime) <= UNREADABLE_MAX
