import type { Environment, Random } from '../../../src/base/environment.ts'
import type { MembershipChange } from '../../../src/membership/core-types.ts'
import { profiles } from '../../../src/membership/profile.ts'
import { type Description, signRecord } from '../../../src/membership/record.ts'
import { encodeSwim } from '../../../src/membership/swim-wire.ts'
import { startMembership } from '../../../src/node/membership/membership-driver.ts'
import type { MembershipService } from '../../../src/node/membership/membership-service.ts'
import { demand } from '../scenario.ts'
import type { SimPeer } from '../sim-peer.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'
import type { World } from '../world.ts'
import { sealOf } from './sim-seal.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const LIAR = 'liar'
/** After all is mended: longer than TCP holds a dead connection, and several reconnects. */
const MENDED_MS = 60_000
/** Slow links raise a suspicion now and then, also in peace: it is refuted within this. */
const REFUTED_MS = 5_000
const LOOK_MS = 250
const DATAGRAMS = ['ping', 'ack', 'ping-req', 'relayed', 'nack', 'gossip']

const description: Description = {
  addresses: ['/ip4/10.0.0.1/tcp/4801'],
  zone: 'z',
  version: '1.0.0',
  protocol: { min: 1, max: 1, current: 1 },
  meta: new Uint8Array(),
}

/** What somebody thinks of somebody, and what is wrong with it. */
interface Judgement {
  readonly observer: string
  readonly subject: string
  readonly what?: string
}

/** Plays drivers in the whole simulated world. */
export const playDrivers = (world: World, durationMs: number): Promise<Record<string, number>> =>
  new DriversRun(world).play(durationMs)

class DriversRun {
  readonly #world: World
  readonly #random: Random
  readonly #swarm: Swarm
  readonly #peers: SimPeer[]
  readonly #names: readonly string[]
  /** Every run of every peer; the last one is the present. */
  readonly #services = new Map<string, MembershipService[]>()
  readonly #farewells = new Set<string>()
  readonly #counts = { drivers: 1, crashes: 0, deaths: 0, refusals: 0, nonsense: 0 }
  /** Nothing bad happens: then nobody may die. */
  readonly #isCalm: boolean

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('membership drivers')
    this.#swarm = drawSwarm(this.#random.fork('settings'))
    this.#isCalm = this.#random.chance(0.25)
    const { link } = this.#swarm
    Object.assign(world.network.defaults, link, { bytesPerMs: 10_000 })
    if (this.#isCalm) Object.assign(world.network.defaults, { loss: 0, reorder: 0, jitterMs: 1 })
    this.#names = NAMES.slice(0, 3 + this.#random.below(NAMES.length - 2))
    this.#peers = this.#names.map(name =>
      world.addPeer(name, {
        clock: this.#swarm.clock,
        drive: this.#swarm.drive,
        program: environment => this.#program(environment, name),
      }),
    )
    world.addPeer(LIAR, { program: environment => this.#lie(environment) }).start()
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const peer of this.#peers) peer.start()
    while (this.#world.nowMs < durationMs) {
      await this.#world.sleep(this.#random.exponential(4_000))
      if (this.#isCalm)
        this.#random.pick(this.#peers).clock.jump(this.#random.below(60_000) - 30_000)
      else await this.#befall(this.#random.pick(this.#peers))
    }
    await this.#mend()
    if (this.#isCalm) demand(this.#counts.deaths === 0, `${this.#counts.deaths} deaths in peace`)
    demand(this.#counts.refusals > 0, 'nonsense went unnoticed')
    return this.#counts
  }

  async #befall(peer: SimPeer): Promise<void> {
    const { network } = this.#world
    const downMs = this.#random.pick([50, 1_000, 10_000, 30_000])
    const [first = '', second = '', ...others] = this.#random.shuffle(this.#names)
    const troubles: (() => Promise<void> | void)[] = [
      () => this.#crash(peer),
      async () => {
        peer.pause()
        await this.#world.sleep(downMs)
        peer.resume()
      },
      () => peer.clock.jump(this.#random.exponential(60_000) - 30_000),
      () => peer.clock.drift(this.#random.below(400) - 200),
      () => network.cut(first, second),
      () => network.partition([first, second], others),
      () => network.heal(),
      async () => {
        const service = this.#present(peer.name)
        if (!peer.isRunning || service === undefined) return
        this.#farewells.add(peer.name)
        await Promise.race([service.leave(), this.#world.sleep(10_000)])
        this.#crash(peer)
      },
    ]
    await this.#random.pick(troubles)()
    await this.#world.sleep(downMs)
    for (const each of this.#peers) if (!each.isRunning) each.start()
  }

  #crash(peer: SimPeer): void {
    if (!peer.isRunning) return
    this.#counts.crashes++
    peer.crash(this.#random.chance(this.#swarm.powerShare) ? 'power' : 'process')
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    network.heal()
    const all = [...this.#names, LIAR]
    for (const from of all) for (const to of all) Object.assign(network.link(from, to), { loss: 0 })
    for (const peer of this.#peers) {
      peer.resume()
      if (!peer.isRunning) peer.start()
    }
    await this.#world.sleep(MENDED_MS)
    const { deaths } = this.#counts
    const endMs = this.#world.nowMs + REFUTED_MS
    let wrong = this.#misjudged()
    while (wrong.length > 0 && this.#world.nowMs < endMs) {
      await this.#world.sleep(LOOK_MS)
      wrong = this.#misjudged(wrong)
    }
    demand(wrong.length === 0, `${wrong[0]?.what}, although all is mended`)
    demand(this.#counts.deaths === deaths, 'somebody died although all was mended')
  }

  /** Who does not hold whom alive as it is now: of all, or of those who did not before. */
  #misjudged(before: readonly Judgement[] = this.#judgements()): readonly Judgement[] {
    return before.flatMap(({ observer, subject }) => {
      const own = this.#present(subject)?.peer(subject)
      const seen = this.#present(observer)?.peer(subject)
      if (seen?.state === 'alive' && seen.incarnation === own?.incarnation) return []
      const state = `${seen?.state} ${seen?.incarnation} (${seen?.why})`
      const what = `${observer} holds ${subject} ${state}, not alive ${own?.incarnation}`
      return [{ observer, subject, what }]
    })
  }

  #judgements(): readonly Judgement[] {
    return this.#names.flatMap(observer => this.#names.map(subject => ({ observer, subject })))
  }

  #present(name: string): MembershipService | undefined {
    return this.#services.get(name)?.at(-1)
  }

  async #program(environment: Environment, name: string): Promise<void> {
    const earlier = this.#services.get(name) ?? []
    const service = await startMembership({
      environment,
      network: 'world',
      description,
      seal: sealOf(name),
      profile: profiles.fast,
      admits: peer => peer !== LIAR,
      turns: { afterPoll: callback => callback(), watchLag: () => () => undefined },
      onRefused: () => this.#counts.refusals++,
      onFailure: error => this.#world.fail(error),
    })
    this.#services.set(name, [...earlier, service])
    const before = Math.max(0, ...earlier.map(run => run.peer(name)?.incarnation ?? 0))
    const incarnation = service.peer(name)?.incarnation ?? 0
    demand(incarnation > before, `${name} starts at ${incarnation} after ${before}`)
    const died = new Map<string, number>()
    service.onChange(change => this.#see(name, change, died))
    service.join(this.#names)
    await new Promise(() => undefined)
  }

  #see(observer: string, change: MembershipChange, died: Map<string, number>): void {
    const { kind, peer, incarnation } = change
    const what = `${observer} holds ${peer} ${kind} at ${incarnation}`
    this.#world.note(observer, `${kind} ${peer} ${incarnation}`)
    const runs = this.#services.get(peer) ?? []
    const highest = Math.max(0, ...runs.map(run => run.peer(peer)?.incarnation ?? 0))
    // A run that has not told this checker of itself yet has at most begun its next block.
    demand(incarnation <= highest + 64, `${what}, but it never got beyond ${highest}`)
    demand(this.#names.includes(peer), `${what}, which was not admitted`)
    if (kind === 'DEAD') {
      this.#counts.deaths++
      died.set(peer, incarnation)
    }
    if (kind === 'ALIVE') demand(incarnation > (died.get(peer) ?? -1), `${what}, where it died`)
    if (kind === 'LEFT') demand(this.#farewells.has(peer), `${what}, but it never left`)
  }

  /** A record that is its own, though it was not admitted, or another's, which it cannot sign. */
  #forgery(random: Random): Uint8Array {
    const peer = random.chance(0.5) ? LIAR : random.pick(this.#names)
    const content = { ...description, peer, incarnation: 1 + random.below(1_000), isLeft: false }
    return encodeSwim({ type: 'gossip', rumors: [signRecord(sealOf(LIAR), 'world', content)] })
  }

  /** Speaks the protocols, but only nonsense. */
  async #lie({ network, random, timers }: Environment): Promise<void> {
    for (;;) {
      await new Promise<void>(resolve => {
        timers.after(random.exponential(500), resolve)
      })
      this.#counts.nonsense++
      const to = random.pick(this.#names)
      if (random.chance(0.3)) {
        network.sendDatagram(to, 'membership/gossip', this.#forgery(random))
        continue
      }
      const bytes = random.bytes(random.below(1_300))
      if (bytes.length > 0) bytes[0] = random.below(8)
      if (random.chance(0.8)) {
        network.sendDatagram(to, `membership/${random.pick(DATAGRAMS)}`, bytes)
      } else {
        const request = { body: bytes, deadlineMs: 1_000 }
        await network.request(to, 'membership/sync/1', request).catch(() => undefined)
      }
    }
  }
}
