import type { Environment, Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { liarsOf } from '../../../src/clock/marzullo.ts'
import type { ClockOptions } from '../../../src/clock/options.ts'
import { ASK_KIND, decodeAsk, encodeTelling, TELL_KIND } from '../../../src/clock/peer-exchange.ts'
import { allowsLeases, type Status } from '../../../src/clock/status.ts'
import {
  compareTimestamps,
  decodeTimestamp,
  encodeTimestamp,
  type Timestamp,
} from '../../../src/clock/timestamp.ts'
import { ClockService } from '../../../src/node/clock/clock-service.ts'
import { demand, type Scenario } from '../scenario.ts'
import { EPOCH_MS } from '../sim-clock.ts'
import { type NtpRoute, SimNtpPort, SimNtpServer, trueUtcMs } from '../sim-ntp.ts'
import type { SimPeer } from '../sim-peer.ts'
import type { World } from '../world.ts'
import { ClockWitness, StampModel } from './clock-model.ts'

/**
 * Peers keep time over links that delay, lose and are cut, from NTP servers of which a minority
 * lies and any may fall silent, among peers of which a minority lies too, while machines sleep,
 * processes stall and are killed, crystals wander and wall clocks are set. Some networks have no
 * servers at all.
 *
 * The truth is always inside the interval of whoever claims to know UTC; no clock in use runs
 * backwards or jumps; timestamps never contradict causality or what was given out before a crash;
 * peers without servers stay among the honest clocks. Once all is well everybody is SYNCED; when all
 * servers go, everybody is HOLDOVER, and UNSYNCED by the promised time; when they return, SYNCED
 * again, without a jump.
 */
export const clockScenario: Scenario = {
  name: 'clock',
  minutes: 8,
  play: (world, minutes) => new ClockRun(world).play(minutes * 60_000),
}

const LOOK_EVERY_MS = 3_000
/** While nothing happens but that bounds grow. */
const LOOK_SELDOM_MS = 15_000
const HEALED_MS = 3 * 60_000
/** Servers that were silent are asked seldom. */
const RETURNED_MS = 15 * 60_000
/** Takes over ten minutes to slew. */
const HOPELESS_MS = 300
/** The oldest news that counts, and as long again for it to go round. */
const HOLDOVER_POLLS = 10
const CALM_MS = 120_000
/** Within the limits that the clock assumes of a crystal. */
const DRIFT_PPM_MAX = 90
const WANDER_PPM_MAX = 4.5
/** How fast a network without servers may leave the clocks it began with. */
const NETWORK_RATE_MAX = 500e-6

interface Running {
  readonly service: ClockService
  readonly witness: ClockWitness
  readonly environment: Environment
  /** It has stamped something. */
  isInUse: boolean
}

class ClockRun {
  readonly #world: World
  readonly #random: Random
  readonly #peers: SimPeer[]
  readonly #liars: ReadonlySet<string>
  readonly #servers: ReadonlyMap<string, SimNtpServer>
  readonly #routes = new Map<string, NtpRoute>()
  readonly #route: NtpRoute
  readonly #options: Partial<ClockOptions>
  readonly #running = new Map<string, Running>()
  /** Stands still: paused, or asleep. */
  readonly #still = new Set<string>()
  readonly #stamps = new StampModel()
  readonly #baseDrift = new Map<string, number>()
  /** How far honest wall clocks have been off, least and most. */
  readonly #wall = { least: Infinity, most: -Infinity }
  readonly #troubleEveryMs: number
  readonly #counts = {
    looks: 0,
    SYNCED: 0,
    HOLDOVER: 0,
    UNSYNCED: 0,
    DISRUPTED: 0,
    INIT: 0,
    troubles: 0,
    stamps: 0,
    rejected: 0,
    outages: 0,
    hopeless: 0,
    agreements: 0,
  }
  #lieMs = 0

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('clock scenario')
    const random = this.#random.fork('settings')
    this.#troubleEveryMs = random.pick([10_000, 30_000, 90_000])
    const latencyMs = random.pick([0.1, 1, 5, 12])
    const jitterMs = random.pick([0.1, 0.5, 3])
    const loss = random.pick([0, 0, 0.05, 0.2])
    Object.assign(world.network.defaults, { latencyMs, jitterMs, loss, duplicate: loss })
    const thereMs = latencyMs * random.pick([1, 1, 0.2])
    this.#route = { thereMs, backMs: latencyMs, jitterMs, loss, isCut: false }
    this.#options = this.#drawOptions(random)
    this.#servers = this.#drawServers(random)
    const names = ['a', 'b', 'c', 'd', 'e'].slice(0, random.pick([3, 5]))
    const liarsMax = liarsOf(names.length)
    this.#liars = new Set(random.shuffle(names).slice(0, random.below(liarsMax + 1)))
    this.#lieMs = random.pick([-1, 1]) * random.pick([20, 300, 5_000, 3_600_000])
    this.#peers = names.map(name => this.#addPeer(name, random))
  }

  #drawOptions(random: Random): Partial<ClockOptions> {
    return {
      watchMs: 2_000,
      syncedBoundMs: 45,
      unsyncedBoundMs: random.pick([50, 60]),
      pollMaxMs: random.pick([20_000, 60_000]),
      burst: random.pick([4, 8]),
    }
  }

  #drawServers(random: Random): Map<string, SimNtpServer> {
    const count = random.pick([0, 1, 2, 3, 4, 5])
    const servers = Array.from(
      { length: count },
      (_, at) => new SimNtpServer(this.#world, `ntp-${at}`),
    )
    for (const liar of servers.slice(0, random.below(liarsOf(count) + 1))) {
      liar.lieMs = random.pick([-1, 1]) * random.pick([3, 30, 300, 60_000])
    }
    return new Map(servers.map(server => [server.name, server]))
  }

  #addPeer(name: string, random: Random): SimPeer {
    const driftPpm = (random.float() * 2 - 1) * DRIFT_PPM_MAX
    const skewMs = (random.float() * 2 - 1) * random.pick([5, 200, 600_000])
    this.#baseDrift.set(name, driftPpm)
    if (!this.#liars.has(name)) this.#noteWall(skewMs)
    return this.#world.addPeer(name, {
      clock: { skewMs, driftPpm },
      program: (environment, peer) =>
        this.#liars.has(name) ? this.#lie(environment) : this.#program(environment, peer),
    })
  }

  #noteWall(offMs: number): void {
    this.#wall.least = Math.min(this.#wall.least, offMs)
    this.#wall.most = Math.max(this.#wall.most, offMs)
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const peer of this.#peers) peer.start()
    await this.#pass(CALM_MS)
    while (this.#world.nowMs < durationMs) {
      await this.#pass(this.#random.exponential(this.#troubleEveryMs))
      await this.#befall(this.#random.pick(this.#peers))
    }
    await this.#heal()
    if (this.#servers.size > 0 && this.#random.chance(0.3)) await this.#outage()
    this.#counts.stamps = this.#stamps.count
    return this.#counts
  }

  /** Time passes, under observation. */
  async #pass(ms: number, lookEveryMs: number = LOOK_EVERY_MS): Promise<void> {
    const endMs = this.#world.nowMs + ms
    while (this.#world.nowMs < endMs) {
      await this.#world.sleep(Math.min(this.#random.exponential(lookEveryMs), ms))
      for (const name of this.#running.keys()) this.#look(name)
    }
  }

  #look(name: string): void {
    const running = this.#running.get(name)
    const peer = this.#world.peers.get(name)
    if (running === undefined || peer?.isRunning !== true || this.#still.has(name)) return
    const { service, witness, environment } = running
    const interval = service.now()
    const { atMs, latestMs, status, basis } = interval
    this.#counts.looks++
    this.#counts[status]++
    this.#world.note(name, `${status} ${basis} ${atMs} ${latestMs}`)
    witness.checkTruth(interval, trueUtcMs(this.#world))
    if (basis === 'network' && status === 'SYNCED') this.#checkAmongHonest(name, interval)
    if (running.isInUse) witness.checkCourse(interval, environment.clock.monotonicMs())
  }

  /** Without servers: liars have not led the network away from the clocks that it began with. */
  #checkAmongHonest(name: string, { atMs }: { atMs: number }): void {
    this.#counts.agreements++
    const offMs = atMs - trueUtcMs(this.#world)
    const slackMs = 50 + NETWORK_RATE_MAX * this.#world.nowMs
    const { least, most } = this.#wall
    demand(
      offMs >= least - slackMs && offMs <= most + slackMs,
      `${name} agrees to be off by ${offMs} ms, honest clocks by ${least} to ${most}`,
    )
  }

  async #befall(peer: SimPeer): Promise<void> {
    const { network } = this.#world
    const names = this.#peers.map(({ name }) => name)
    const [first = '', second = '', ...others] = this.#random.shuffle(names)
    const shortMs = this.#random.pick([50, 2_000, 60_000])
    const server = this.#random.pick([...this.#servers.values(), undefined])
    const troubles: (() => void | Promise<void>)[] = [
      () => this.#restart(peer, shortMs),
      () => this.#pause(peer, shortMs),
      () => this.#sleepMachine(peer, shortMs),
      () => this.#setWall(peer),
      () => this.#wander(),
      () => network.cut(first, second),
      () => network.partition([first, second], others),
      () => network.heal(),
      () => {
        if (server !== undefined) server.isSilent = !server.isSilent
      },
      () => {
        if (server !== undefined) server.isUnsynchronised = !server.isUnsynchronised
      },
      () => {
        this.#routeFrom(peer.name).isCut = !this.#routeFrom(peer.name).isCut
      },
      () => {
        this.#lieMs = -this.#lieMs * this.#random.pick([0.5, 1, 2])
      },
    ]
    this.#counts.troubles++
    await this.#random.pick(troubles)()
  }

  async #restart(peer: SimPeer, downMs: number): Promise<void> {
    if (!peer.isRunning) return
    this.#running.delete(peer.name)
    peer.crash(this.#random.pick(['process', 'power']))
    await this.#pass(downMs)
    peer.start()
  }

  async #pause(peer: SimPeer, ms: number): Promise<void> {
    this.#still.add(peer.name)
    peer.pause()
    await this.#pass(ms)
    peer.resume()
    this.#still.delete(peer.name)
  }

  async #sleepMachine(peer: SimPeer, ms: number): Promise<void> {
    this.#still.add(peer.name)
    peer.pause()
    const beganMs = this.#world.nowMs
    await this.#pass(ms)
    peer.clock.sleep(this.#world.nowMs - beganMs)
    peer.resume()
    this.#still.delete(peer.name)
    this.#look(peer.name)
  }

  #setWall(peer: SimPeer): void {
    peer.clock.jump((this.#random.float() * 2 - 1) * this.#random.pick([100, 1_000, 600_000]))
    if (this.#liars.has(peer.name)) return
    const { wallMs } = { wallMs: peer.clock.view(0).wallMs() }
    this.#noteWall(wallMs - EPOCH_MS - this.#world.nowMs)
    this.#look(peer.name)
  }

  #wander(): void {
    for (const { name, clock } of this.#peers) {
      const base = this.#baseDrift.get(name) ?? 0
      clock.drift(base + (this.#random.float() * 2 - 1) * WANDER_PPM_MAX)
    }
  }

  #routeFrom(name: string): NtpRoute {
    const route = this.#routes.get(name) ?? { ...this.#route }
    this.#routes.set(name, route)
    return route
  }

  async #heal(): Promise<void> {
    this.#mend(false)
    await this.#pass(HEALED_MS)
    for (let waits = 0; waits < 90 && !this.#areAll('SYNCED'); waits++) {
      await this.#restartHopeless()
      await this.#pass(10_000)
    }
    if (this.#servers.size > 0) demand(this.#areAll('SYNCED'), `healed, but ${this.#describe()}`)
    else this.#checkMutual()
  }

  /**
   * A clock that was in use before anybody could say it was far off will not jump, and would take
   * days to slew. Its status says so, and its operator restarts it.
   */
  async #restartHopeless(): Promise<void> {
    for (const [name, { service }] of this.#running) {
      const { offsetMs, status } = service.report()
      const peer = this.#world.peers.get(name)
      if (peer === undefined || Math.abs(offsetMs) < HOPELESS_MS) continue
      demand(!allowsLeases(status), `${name} is ${status}, and knows it is off by ${offsetMs} ms`)
      this.#counts.hopeless++
      await this.#restart(peer, 1_000)
    }
  }

  #mend(isSilent: boolean): void {
    this.#world.network.heal()
    for (const server of this.#servers.values()) {
      server.isSilent = isSilent
      server.isUnsynchronised = false
    }
    for (const route of this.#routes.values()) route.isCut = false
    for (const { name } of this.#peers) {
      for (const other of this.#peers) this.#world.network.link(name, other.name).loss = 0
    }
  }

  /** Clocks that agree do agree. */
  #checkMutual(): void {
    const told = [...this.#running.values()]
      .map(({ service }) => service.now())
      .filter(({ status }) => status === 'SYNCED')
    for (const a of told) {
      for (const b of told) {
        const apartMs = Math.abs(a.atMs - b.atMs)
        const allowedMs = a.latestMs - a.atMs + (b.latestMs - b.atMs)
        demand(apartMs <= allowedMs, `SYNCED clocks are ${apartMs} ms apart, bounds ${allowedMs}`)
      }
    }
  }

  /** All servers go, and come back. */
  async #outage(): Promise<void> {
    this.#counts.outages++
    this.#mend(true)
    const seen = new Set<Status>()
    for (const { service } of this.#running.values()) {
      service.onNotice(notice => {
        if (notice.type === 'status') seen.add(notice.to)
      })
    }
    const promisedMs = this.#promisedMs()
    const { pollMaxMs = 0 } = this.#options
    await this.#pass(HOLDOVER_POLLS * pollMaxMs)
    const isHeldOver = [...this.#running.values()].every(
      ({ service }) => service.now().status !== 'SYNCED',
    )
    demand(isHeldOver, `no server for ${HOLDOVER_POLLS} polls, but ${this.#describe()}`)
    await this.#pass(promisedMs, LOOK_SELDOM_MS)
    demand(this.#areAll('UNSYNCED'), `no server for long, but ${this.#describe()}`)
    demand(seen.has('HOLDOVER'), 'nobody holds over before all is lost')
    this.#mend(false)
    for (let waits = 0; waits < 30 && !this.#areAll('SYNCED'); waits++) {
      await this.#pass(RETURNED_MS / 30)
    }
    demand(this.#areAll('SYNCED'), `servers are back, but ${this.#describe()}`)
  }

  /** When the bound has certainly grown to what is UNSYNCED. */
  #promisedMs(): number {
    const { pollMaxMs = 0, unsyncedBoundMs = 0 } = this.#options
    const promises = [...this.#running.values()].map(({ service }) => {
      const { boundMs, driftErrorPpm } = service.report()
      return ((unsyncedBoundMs - (boundMs ?? 0)) / driftErrorPpm) * 1e6
    })
    return Math.max(...promises) + 8 * pollMaxMs
  }

  #areAll(status: Status): boolean {
    if (this.#running.size < this.#peers.length - this.#liars.size) return false
    const basis = this.#servers.size > 0 ? 'utc' : 'network'
    return [...this.#running.values()].every(({ service }) => {
      const now = service.now()
      return now.status === status && now.basis === basis
    })
  }

  #describe(): string {
    return [...this.#running]
      .map(([name, { service }]) => `${name} is ${JSON.stringify(service.report())}`)
      .join('\n')
  }

  async #program(environment: Environment, peer: SimPeer): Promise<void> {
    const { name } = peer
    const others = this.#peers.map(each => each.name).filter(other => other !== name)
    const ntp = new SimNtpPort(this.#world, {
      servers: this.#servers,
      routeTo: () => this.#routeFrom(name),
      deliver: peer.receiver(),
    })
    const seams = { environment, ntp, asleepMs: () => peer.clock.asleepMs }
    const options = { ...this.#options, servers: [...this.#servers.keys()] }
    const service = await ClockService.start(seams, options, others)
    const witness = new ClockWitness(name)
    const running = { service, environment, witness, isInUse: false }
    this.#running.set(name, running)
    await this.#talk(name, others, running)
  }

  /** Stamps something now and then, and tells others, who must stamp later ever after. */
  async #talk(name: string, others: readonly string[], running: Running): Promise<void> {
    const { service, environment } = running
    const { network, random, timers } = environment
    let seen: Timestamp | undefined
    network.onDatagram('note', (from, bytes) => {
      const stamp = decodeTimestamp(bytes)
      if (!this.#receive(service, stamp, from)) return
      if (seen === undefined || compareTimestamps(stamp, seen) > 0) seen = stamp
    })
    await service.ready()
    for (;;) {
      await sleep(timers, random.exponential(8_000))
      const before = seen
      const stamp = await service.stamp()
      running.isInUse = true
      this.#stamps.given(name, stamp, before)
      network.sendDatagram(random.pick(others), 'note', encodeTimestamp(stamp))
    }
  }

  /** A stamp that leads too far changes nothing; one that does not is taken. */
  #receive(service: ClockService, stamp: Timestamp, from: string): boolean {
    const leadMs = stamp.ms - Math.floor(service.now().atMs)
    try {
      service.receive(stamp, from)
      demand(leadMs <= 500, `a timestamp ${leadMs} ms ahead is taken`)
      return true
    } catch (error) {
      if (codeOf(error) !== 'CLOCK_SKEW') throw error
      demand(leadMs > 500, `a timestamp ${leadMs} ms ahead is refused`)
      this.#counts.rejected++
      return false
    }
  }

  /** Answers everybody with a time that is wrong, in full confidence; stamps likewise. */
  async #lie({ network, timers, random }: Environment): Promise<void> {
    const others = this.#peers.map(({ name }) => name).filter(name => name !== network.self)
    const basis = this.#servers.size > 0 ? 'utc' : this.#random.pick(['utc', 'network'] as const)
    network.onDatagram(ASK_KIND, (from, bytes) => {
      const atMs = trueUtcMs(this.#world) + this.#lieMs
      const telling = { receivedMs: atMs, sentMs: atMs, boundMs: 0, rootAgeMs: 0 } as const
      const id = decodeAsk(bytes) ?? 0
      const answer = encodeTelling({ ...telling, id, status: 'SYNCED', basis })
      network.sendDatagram(from, TELL_KIND, answer)
    })
    for (;;) {
      await sleep(timers, random.exponential(10_000))
      const ms = Math.max(0, Math.floor(trueUtcMs(this.#world) + this.#lieMs))
      network.sendDatagram(random.pick(others), 'note', encodeTimestamp({ ms, count: 0 }))
    }
  }
}
