import type { Random } from '../../../src/base/environment.ts'
import type { RaftOptions } from '../../../src/consensus/raft-options.ts'

export type RaftFault =
  | 'crash'
  | 'crash leader'
  | 'crash all'
  | 'pause'
  | 'isolate leader'
  | 'one way'
  | 'halves'

/** What one seed's group is like, and what befalls it. Means in milliseconds; 0 for never. */
export interface RaftSwarm {
  readonly founders: string[]
  readonly spares: string[]
  readonly options: Partial<RaftOptions>
  readonly link: { loss: number; duplicate: number; latencyMs: number; late: number }
  readonly syncMs: number
  readonly slowDisks: Map<string, number>
  readonly proposeEveryMs: number
  readonly readEveryMs: number
  readonly changeEveryMs: number
  readonly compactEveryMs: number
  readonly faultEveryMs: number
  readonly downMs: number
  readonly weights: { fault: RaftFault; weight: number }[]
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']

export function drawRaftSwarm(random: Random): RaftSwarm {
  const founderCount = random.pick([1, 2, 3, 3, 3, 5, 5, 7])
  const spareCount = random.pick([0, 0, 1, 2])
  const everybody = names.slice(0, founderCount + spareCount)
  const hasPreVote = random.chance(0.65)
  const fault = (name: RaftFault, most: number): { fault: RaftFault; weight: number } => ({
    fault: name,
    weight: random.chance(0.3) ? 0 : random.float() * most,
  })
  return {
    founders: everybody.slice(0, founderCount),
    spares: everybody.slice(founderCount),
    options: {
      hasPreVote,
      messageEntriesMax: random.pick([1, 1, 2, 64]),
      windowMessagesMax: random.pick([1, 2, 8, 256]),
      leaseMs: random.chance(0.3) ? 250 : 0,
      uncommittedBytesMax: random.pick([200, 65_536]),
    },
    link: {
      loss: random.pick([0, 0, 0.02, 0.1, 0.25]),
      duplicate: random.pick([0, 0, 0.05, 0.2]),
      latencyMs: random.pick([0.5, 2, 10, 40]),
      late: random.pick([0, 0, 0.02, 0.1]),
    },
    syncMs: random.pick([0.3, 2, 15, 80]),
    slowDisks: new Map(everybody.map(name => [name, random.pick([0.1, 1, 1, 6])])),
    proposeEveryMs: random.pick([5, 20, 100]),
    readEveryMs: random.pick([0, 20, 100]),
    changeEveryMs: random.pick([0, 0, 200, 1_000]),
    compactEveryMs: random.pick([0, 100, 1_000]),
    faultEveryMs: random.pick([60, 150, 400, 1_200]),
    downMs: random.pick([30, 150, 600, 2_000]),
    weights: [
      fault('crash', 1),
      fault('crash leader', 1),
      fault('crash all', 0.3),
      fault('pause', 1),
      fault('isolate leader', 1),
      fault('one way', 1),
      fault('halves', 1),
    ],
  }
}
