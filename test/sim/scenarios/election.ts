import type { Random } from '../../../src/base/environment.ts'
import { demand, type Scenario } from '../scenario.ts'
import { Town, type TownPeer } from './election-town.ts'

/**
 * A group chooses its voters among peers that die, come back, flap and lose their disks. As long as
 * one voter dies at a time there is always a majority; decisions are sound when they are made; and
 * once all is quiet there are as many voters as there should be, spread over the zones.
 */
export const electionScenario: Scenario = {
  name: 'election',
  minutes: 60,
  play: async (world, minutes) => {
    const town = playElection(world.random.fork('election'), minutes)
    await world.sleep(town.nowMs)
    return { ...town.counts }
  },
}

function playElection(random: Random, minutes: number): Town {
  const town = new Town(random, {
    peers: random.pick([3, 5, 7, 12, 20]),
    zones: random.pick([1, 2, 3, 4, 7]),
    lossOfDecisions: random.pick([0, 0, 0.3]),
  })
  const backMs = random.pick([30_000, 120_000, 600_000])
  const mixture = { wipes: random.pick([0, 0.2]), anybody: random.pick([0, 0.5, 1]) }
  town.pass(180_000)
  demand(town.configuration.voters.length === sizeFor(town.peers.length), 'voters are few at first')
  for (let minute = 0; minute < minutes; minute++) befall(town, random, backMs, mixture)
  settle(town)
  return town
}

/** One peer dies for a while, if the others can bear it. */
function befall(
  town: Town,
  random: Random,
  backMs: number,
  { wipes, anybody }: { wipes: number; anybody: number },
): void {
  const pool = random.chance(anybody) ? town.peers : town.voters
  const victim = random.pick(pool)
  if (isBearable(town, victim)) {
    if (random.chance(wipes)) town.wipe(victim)
    else town.kill(victim)
  }
  const outageMs = town.longestOutageMs
  town.pass(60_000)
  demand(town.longestOutageMs === outageMs, 'a majority is lost although one died at a time')
  for (const peer of town.peers) {
    if (!peer.isUp && random.chance(60_000 / backMs)) town.start(peer)
  }
}

/** After it there is still a majority, of either half. */
function isBearable(town: Town, victim: TownPeer): boolean {
  const { voters, outgoing } = town.configuration
  return [voters, outgoing].every(half => {
    const there = half.filter(id =>
      town.peers.some(peer => peer.isUp && peer.replica === id && peer !== victim),
    )
    return half.length === 0 || there.length * 2 > half.length
  })
}

/** Everybody comes back; what was disturbed comes to rest. */
function settle(town: Town): void {
  for (const peer of town.peers) town.start(peer)
  town.pass(QUIET_MS)
  const { voters } = town.configuration
  const alive = new Set(town.peers.map(({ replica }) => replica))
  demand(
    voters.every(voter => alive.has(voter)),
    'a voter that is gone keeps its seat',
  )
  demand(voters.length >= sizeFor(town.peers.length), 'voters are few although all is quiet')
  const before = town.history.length
  town.pass(QUIET_MS / 3)
  demand(town.history.length - before <= CHANGES_QUIET_MAX, 'voters change although all is quiet')
}

const sizeFor = (peers: number): number => (peers < 3 ? 1 : peers < 5 ? 3 : 5)

/** Long enough for flapping to be forgiven. */
const QUIET_MS = 3 * 60 * 60_000
/** A swap every ten minutes and its learner's coming and going, until the steadiest vote. */
const CHANGES_QUIET_MAX = 30
