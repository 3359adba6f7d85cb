import type { Random } from '../../../src/base/environment.ts'
import type { RaftOptions } from '../../../src/consensus/raft-options.ts'
import type { CompactionOptions } from '../../../src/node/consensus/raft-group.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'

/** What one seed's group is like, and what befalls it. */
export interface ConsensusSwarm {
  readonly base: Swarm
  readonly peers: readonly string[]
  /** How many voters there are at the start. */
  readonly voters: number
  /** The peer that loses its disk, or parts of it; undefined if nobody does. */
  readonly unlucky: string | undefined
  readonly clients: number
  readonly thinkMs: number
  readonly faultEveryMs: number
  readonly troubles: readonly string[]
  readonly raft: Partial<RaftOptions>
  readonly compaction: CompactionOptions
  readonly wal: { readonly segmentBytes: number; readonly frameBytesMax: number }
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
const troubles = [
  'crash',
  'crashLeader',
  'crashAll',
  'pause',
  'cut',
  'isolate',
  'halves',
  'transfer',
  'move',
]

export function drawConsensusSwarm(random: Random): ConsensusSwarm {
  const voters = random.pick([1, 2, 3, 3, 3, 4, 5, 5, 7])
  const spares = random.pick([0, 0, 1, 2])
  const peers = names.slice(0, voters + spares)
  const base = drawSwarm(random.fork('base'))
  // Slower than an election takes, so that there is something to find between them.
  const latencyMs = random.pick([0.2, 1, 5, 20])
  const unlucky = voters >= 3 && random.chance(0.5) ? random.pick(peers) : undefined
  const chosen = troubles.filter(() => random.chance(0.6))
  return {
    base: { ...base, link: { ...base.link, latencyMs, jitterMs: random.pick([0, 0.5, 5]) } },
    peers,
    voters,
    unlucky,
    clients: random.pick([1, 1, 3]),
    // All clients together ask as often in a large group as in a small one.
    thinkMs: random.pick([10, 20, 60]) * peers.length,
    faultEveryMs: random.pick([100, 300, 1_000, 3_000]),
    troubles: [
      ...(chosen.length > 0 ? chosen : ['crash']),
      ...(unlucky === undefined ? [] : ['wipe', 'rot']),
    ],
    raft: {
      tickMs: 25,
      hasPreVote: random.chance(0.65),
      messageEntriesMax: random.pick([1, 2, 64]),
      windowMessagesMax: random.pick([1, 2, 8, 256]),
      leaseMs: random.chance(0.3) ? 200 : 0,
      uncommittedBytesMax: random.pick([2_000, 1_048_576]),
    },
    compaction: {
      snapshotEntries: random.pick([10, 50, 500]),
      keptEntries: random.pick([0, 5, 50]),
    },
    wal: {
      segmentBytes: random.pick([16_384, 65_536]),
      frameBytesMax: random.pick([8_192, 12_288]),
    },
  }
}
