import type { Random } from '../../../src/base/environment.ts'
import { signAccusation } from '../../../src/membership/accusation.ts'
import type { Rumor } from '../../../src/membership/message.ts'
import { type ProfileName, profiles } from '../../../src/membership/profile.ts'
import { SIGNATURE_BYTES } from '../../../src/membership/record.ts'
import { demand } from '../scenario.ts'
import { type LeanNode, recordOf } from './lean-swarm.ts'
import { sealOf } from './sim-seal.ts'
import { WatchedSwarm } from './watched-swarm.ts'

/** What befalls a swarm of a given size, and what must hold then. */
export interface StorySetting {
  readonly seed: number
  readonly size: number
  readonly random: Random
  readonly profile: ProfileName
}

type Story = (setting: StorySetting) => WatchedSwarm

/** Long enough for first rumours to be told. */
const SETTLE_MS = 10_000

function acquainted({ seed, size, profile }: StorySetting, link = {}): WatchedSwarm {
  const watched = new WatchedSwarm({ size, seed, profile: profiles[profile], link })
  watched.swarm.startAcquainted()
  watched.swarm.advance(SETTLE_MS)
  return watched
}

/**
 * The longest that a death may stay unnoticed: the wait for the first probe, the suspicion itself,
 * and the telling. Where clocks agree the wait is two periods; where several die together, or
 * clocks are wrong, chance decides.
 */
export function detectionLimitMs({ size, profile }: StorySetting): number {
  const { periodMs, suspicionAlpha } = profiles[profile]
  const minMs = suspicionAlpha * Math.max(1, Math.log10(size)) * periodMs
  // By chance alone no probe of twenty in a row misses it.
  return Math.min(2 * size, 20) * periodMs + 1.5 * minMs + 5_000
}

/** Some die at once: everybody else knows in time, and nobody else is taken for dead. */
const crash: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const count = 1 + setting.random.below(Math.max(1, Math.floor(setting.size / 10)))
  const victims = new Set(setting.random.shuffle(swarm.nodes).slice(0, count))
  const startMs = swarm.nowMs
  for (const victim of victims) swarm.crash(victim)
  swarm.advance(detectionLimitMs(setting))
  watched.demandNoDeath(startMs, ({ subject }) => victims.has(subject))
  for (const observer of swarm.running) {
    for (const victim of victims) {
      const state = observer.core?.peer(victim.name, swarm.nowMs)?.state
      demand(state === 'dead', `${observer.index} holds ${victim.index}, which died, ${state}`)
    }
  }
  return watched
}

/** What a clock may say: it stands still, runs backwards, jumps about, is no number. */
const wrongClocks: readonly ((random: Random) => LeanNode['wallMs'])[] = [
  () => () => 1_767_225_600_000,
  () => nowMs => -nowMs * 3,
  random => () => (random.float() - 0.5) * 10 ** (1 + random.below(300)),
  random => () => random.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE, -0]),
  random => {
    const skewMs = random.below(1e9)
    return nowMs => nowMs + skewMs
  },
]

/** Clocks are as wrong as can be: the dead are missed in time, and nobody else. */
const clocks: Story = setting => {
  const { random } = setting
  const watched = acquainted(setting)
  const { swarm } = watched
  const isOneForAll = random.chance(0.5)
  const one = random.pick(wrongClocks)(random.fork('clock'))
  for (const node of swarm.nodes) {
    const wrong = random.pick(wrongClocks)(random.fork(node.name))
    if (isOneForAll || random.chance(0.9)) node.wallMs = isOneForAll ? one : wrong
  }
  swarm.advance(random.below(60_000))
  swarm.crash(random.pick(swarm.running))
  const startMs = swarm.nowMs
  const dead = swarm.nodes.find(({ core }) => core === undefined)
  swarm.advance(detectionLimitMs(setting))
  watched.demandNoDeath(0, ({ subject, atMs }) => subject === dead && atMs >= startMs)
  const missing = swarm.running.find(
    ({ core }) => core?.peer(dead?.name ?? '', swarm.nowMs)?.state !== 'dead',
  )
  demand(missing === undefined, `${missing?.index} does not miss the dead`)
  return watched
}

/** Event loops stand still for a while, again and again: nobody else is taken for dead. */
const slowLoops: Story = setting => {
  const watched = acquainted(setting)
  const slow = blockSome(setting, watched, 'loop')
  watched.demandNoDeath(0, ({ subject }) => slow.has(subject))
  return watched
}

/** Messages stand still while timers run: others are taken for dead now and then, and come back. */
const slowMessages: Story = setting => {
  const watched = acquainted(setting)
  blockSome(setting, watched, 'messages')
  return watched
}

function blockSome(
  { random, size }: StorySetting,
  { swarm }: WatchedSwarm,
  kind: 'loop' | 'messages',
): Set<LeanNode> {
  const slow = new Set(
    random.shuffle(swarm.nodes).slice(0, 1 + random.below(Math.max(1, size / 6))),
  )
  for (let blocks = 0; blocks < 6; blocks++) {
    const blockMs = random.pick([500, 1_000, 2_000, 8_000, 16_000])
    for (const node of slow) swarm.blockFor(node, kind, blockMs)
    swarm.advance(blockMs + random.pick([1, 100, 1_000, 4_000]))
  }
  swarm.advance(1)
  return slow
}

/** A pause of a second is no death. */
const shortPause: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  for (let pauses = 0; pauses < 5; pauses++) {
    swarm.blockFor(setting.random.pick(swarm.nodes), 'loop', 1_000)
    swarm.advance(4_000)
  }
  watched.demandNoDeath(0)
  return watched
}

/** Packets are lost, sent again, and late. Up to a fifth: nobody is taken for dead. */
const loss: Story = setting => {
  const share = setting.random.pick([0.02, 0.05, 0.1, 0.2, 0.3])
  const watched = acquainted(setting, { loss: share })
  watched.swarm.advance(120_000)
  if (share <= 0.2) watched.demandNoDeath(0)
  watched.swarm.loss = 0
  return watched
}

/** Two who cannot talk to each other: others find both alive, so neither is even a suspect. */
const severedPair: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const [a, b] = setting.random.shuffle(swarm.nodes)
  swarm.isCut = (from, to) => (from === a && to === b) || (from === b && to === a)
  swarm.advance(setting.size * 3 * swarm.profile.periodMs)
  swarm.isCut = undefined
  demand(
    setting.size < 4 || watched.since(SETTLE_MS, 'SUSPECT').length === 0,
    'a cut pair is suspect',
  )
  return watched
}

/** One cannot hear, now and then or all the time: only it is taken for dead by the others. */
const deaf: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const victim = setting.random.pick(swarm.nodes)
  const onMs = setting.random.pick([20_000, 60_000])
  swarm.isCut = (_from, to) => to === victim && Math.floor(swarm.nowMs / onMs) % 2 === 0
  swarm.advance(120_000)
  swarm.isCut = undefined
  watched.demandNoDeath(0, ({ observer, subject }) => observer === victim || subject === victim)
  return watched
}

/** Two halves part: each goes on by itself, and within 15 s of mending all are one again. */
const partition: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const half = Math.floor(swarm.nodes.length / 2)
  const sideOf = ({ index }: LeanNode): boolean => index < half
  const ms = setting.random.pick([10_000, 120_000, 600_000])
  swarm.isCut = (from, to) => sideOf(from) !== sideOf(to)
  swarm.advance(ms)
  swarm.isCut = undefined
  watched.convergence(15_000)
  watched.demandNoDeath(0, ({ observer, subject }) => sideOf(observer) !== sideOf(subject))
  return watched
}

/** Everybody comes at once through one peer; then the last to come dies, and is missed. */
const joinStorm: Story = setting => {
  const { seed, size, profile } = setting
  const watched = new WatchedSwarm({ size, seed, profile: profiles[profile] })
  const { swarm } = watched
  const [first, ...others] = swarm.nodes
  if (first === undefined) return watched
  swarm.start(first, [])
  for (const node of others)
    swarm.at(setting.random.float() * 500, () => swarm.start(node, [first]))
  swarm.advance(500)
  watched.convergence(15_000)
  watched.demandNoDeath(0)
  const last = others.at(-1)
  if (last === undefined) return watched
  swarm.crash(last)
  swarm.advance(detectionLimitMs(setting))
  const missing = swarm.running.find(
    ({ core }) => core?.peer(last.name, swarm.nowMs)?.state !== 'dead',
  )
  demand(missing === undefined, `${missing?.index} does not miss the newcomer that died`)
  return watched
}

/** A peer comes back under its name, sooner or later, with its disk or without. */
const restart: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const victim = setting.random.pick(swarm.nodes)
  for (let times = 0; times < 3; times++) {
    const before = victim.core?.peer(victim.name, swarm.nowMs)?.incarnation ?? 0
    const hasDisk = setting.random.chance(0.7)
    swarm.crash(victim)
    swarm.advance(setting.random.pick([100, 3_000, 30_000]))
    const highest = victim.ceiling
    if (!hasDisk) victim.ceiling = 0
    swarm.start(victim, setting.random.shuffle(swarm.running).slice(0, 3))
    // What it had reserved before it lost its disk is still its own.
    if (!hasDisk) victim.ceiling = Math.max(victim.ceiling, highest)
    watched.convergence(30_000)
    const after = victim.core?.peer(victim.name, swarm.nowMs)?.incarnation ?? 0
    // Without its disk, and back before it was missed, nobody could tell that it was away.
    demand(
      after > before || (!hasDisk && after === before),
      `restarted at incarnation ${after} after ${before}`,
    )
  }
  watched.demandNoDeath(0, ({ subject }) => subject === victim)
  return watched
}

/** Some say farewell: they have left, and nobody takes them for dead. */
const farewell: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const leavers = setting.random.shuffle(swarm.nodes).slice(0, 1 + setting.random.below(3))
  for (const leaver of leavers) watched.leave(leaver)
  swarm.advance(30_000)
  watched.demandNoDeath(0)
  for (const observer of swarm.running) {
    for (const leaver of leavers) {
      const state = observer.core?.peer(leaver.name, swarm.nowMs)?.state
      demand(state === 'left', `${observer.index} holds ${leaver.index}, which left, ${state}`)
    }
  }
  return watched
}

/** The dead are forgotten in the end, by all, although they tell each other of them till then. */
const forgetting: Story = setting => {
  const watched = acquainted({ ...setting, profile: 'fast' })
  const { swarm } = watched
  const victim = setting.random.pick(swarm.nodes)
  swarm.crash(victim)
  swarm.advance(profiles.fast.tombstoneMs + 400_000)
  const mindful = swarm.running.find(
    ({ core }) => core?.peer(victim.name, swarm.nowMs) !== undefined,
  )
  demand(mindful === undefined, `${mindful?.index} still remembers the dead`)
  return watched
}

/** A member lies, each time in the same way: nobody dies of it, and forgeries are noticed. */
const liar: Story = setting => {
  const watched = acquainted(setting)
  const { swarm } = watched
  const { random } = setting
  const [source, ...others] = random.shuffle(swarm.nodes)
  if (source === undefined) return watched
  const { tell, isForgery, isBelieved } = random.pick(lies)
  for (let times = 0; times < 20; times++) {
    const [victim, witness] = random.shuffle(others)
    if (victim === undefined || witness === undefined) break
    const incarnation = victim.core?.peer(victim.name, swarm.nowMs)?.incarnation ?? 1
    const rumors = [tell({ random, source, victim, witness, incarnation })]
    for (const to of random.shuffle(others).slice(0, 5)) {
      swarm.inject(source, to, { type: 'gossip', rumors })
    }
    swarm.advance(500)
  }
  watched.demandNoDeath(0)
  demand(!isForgery || swarm.refused > 0, 'a forgery went unnoticed')
  const suspicions = watched.since(SETTLE_MS, 'SUSPECT').length
  demand(isBelieved || suspicions === 0, `${suspicions} believed a lie`)
  return watched
}

interface Scene {
  readonly random: Random
  readonly source: LeanNode
  readonly victim: LeanNode
  readonly witness: LeanNode
  /** The victim's. */
  readonly incarnation: number
}

interface Lie {
  readonly tell: (scene: Scene) => Rumor
  /** Shows that the liar is one. */
  readonly isForgery: boolean
  /** The lie a peer may tell: its own word against another, who refutes it. */
  readonly isBelieved: boolean
}

const lies: readonly Lie[] = [
  {
    tell: ({ victim, incarnation }) => ({
      ...recordOf(victim, incarnation + 1_000),
      signature: new Uint8Array(SIGNATURE_BYTES),
    }),
    isForgery: true,
    isBelieved: false,
  },
  {
    tell: ({ victim, source }) => ({
      ...recordOf(victim, 2 ** 47),
      signature: recordOf(source, 1).signature,
    }),
    isForgery: true,
    isBelieved: false,
  },
  { tell: scene => accuse(scene, scene.witness.name), isForgery: true, isBelieved: false },
  {
    tell: scene => {
      const stranger = `12D3KooWStranger${scene.random.u32()}`
      return accuse(scene, stranger, stranger)
    },
    isForgery: false,
    isBelieved: false,
  },
  {
    tell: scene => accuse({ ...scene, incarnation: scene.incarnation + 5 }, scene.source.name),
    isForgery: false,
    isBelieved: false,
  },
  { tell: scene => accuse(scene, scene.source.name), isForgery: false, isBelieved: true },
]

const accuse = (
  { random, victim, source, incarnation }: Scene,
  accuser: string,
  signer: string = source.name,
): Rumor =>
  signAccusation(sealOf(signer), 'lean', {
    kind: random.pick(['suspect', 'dead']),
    subject: victim.name,
    incarnation,
    accuser,
  })

export const stories: Readonly<Record<string, Story>> = {
  crash,
  clocks,
  slowLoops,
  slowMessages,
  shortPause,
  loss,
  severedPair,
  deaf,
  partition,
  joinStorm,
  restart,
  farewell,
  forgetting,
  liar,
}
