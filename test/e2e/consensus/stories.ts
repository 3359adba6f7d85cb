import { setTimeout as sleep } from 'node:timers/promises'

import type { ConsensusFleet } from './fleet.ts'

/** What befalls a fleet; a majority of the voters is healthy all the time. */
export type Story = (fleet: ConsensusFleet) => Promise<void>

const RECOVERY_MS = 1_500

export const stories: Readonly<Record<string, Story>> = {
  'kill -9 of the leader': async fleet => {
    const at = await fleet.leader()
    await fleet.kill(at)
    await sleep(RECOVERY_MS)
    await fleet.restart(at)
    await sleep(RECOVERY_MS)
  },
  'a frozen leader': async fleet => {
    const at = await fleet.leader()
    fleet.freeze(at)
    await sleep(3_000)
    fleet.thaw(at)
    await sleep(RECOVERY_MS)
  },
  'a lost log': async fleet => {
    const at = ((await fleet.leader()) + 1) % fleet.peers.length
    await fleet.kill(at)
    fleet.loseLog(at)
    await fleet.restart(at)
    await fleet.untilVoters(votersOf(fleet), 60_000)
    await sleep(RECOVERY_MS)
  },
  'a rolling restart': async fleet => {
    for (let at = 0; at < fleet.peers.length; at++) {
      await fleet.stop(at)
      await fleet.restart(at)
      await fleet.untilVoters(votersOf(fleet), 30_000)
    }
  },
}

const votersOf = ({ peers }: ConsensusFleet): number => (peers.length < 7 ? 3 : 5)

/** For peers in namespaces: who leads is cut off, fully or one way. */
export const partitions: Readonly<Record<string, Story>> = Object.fromEntries(
  (['both', 'in', 'out'] as const).map(direction => [
    `a leader cut off, ${direction}`,
    async fleet => {
      const at = await fleet.leader()
      fleet.isolate(at, direction)
      await sleep(4_000)
      fleet.heal(at)
      await sleep(RECOVERY_MS)
    },
  ]),
)
