import { setTimeout as sleep } from 'node:timers/promises'

import type { ConsensusFleet, Direction } from '../consensus/fleet.ts'
import type { Story } from '../consensus/stories.ts'

/**
 * What befalls the gateways and those behind them. It befalls every peer in turn, and so whoever
 * leads the groups of the catalog; a majority is well all the time.
 */
const RECOVERY_MS = 1_500
const FROZEN_MS = 3_000
const CUT_MS = 3_000

const eachPeer =
  (befall: (fleet: ConsensusFleet, at: number) => Promise<void>): Story =>
  async fleet => {
    for (const at of fleet.peers.keys()) {
      await befall(fleet, at)
      await sleep(RECOVERY_MS)
    }
  }

const cut = (direction: Direction): Story =>
  eachPeer(async (fleet, at) => {
    fleet.isolate(at, direction)
    await sleep(CUT_MS)
    fleet.heal(at)
  })

export const s3Stories: Readonly<Record<string, Story>> = {
  'kill -9 of each': eachPeer(async (fleet, at) => {
    await fleet.kill(at)
    await sleep(RECOVERY_MS)
    await fleet.restart(at)
  }),
  'a freeze of each': eachPeer(async (fleet, at) => {
    fleet.freeze(at)
    await sleep(FROZEN_MS)
    fleet.thaw(at)
  }),
}

/** For peers in namespaces. */
export const s3Partitions: Readonly<Record<string, Story>> = {
  'each cut off, both': cut('both'),
  'each cut off, in': cut('in'),
  'each cut off, out': cut('out'),
}
