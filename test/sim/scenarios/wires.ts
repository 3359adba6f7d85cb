import { compare, concat } from '../../../src/base/bytes.ts'
import type { DiskFile, Environment, Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { demand, type Scenario } from '../scenario.ts'
import type { SimPeer } from '../sim-peer.ts'
import { drawSwarm, type Swarm } from '../swarm.ts'
import type { World } from '../world.ts'

/**
 * Peers ask each other to note numbers down, over links that delay, lose and are cut, while
 * processes are killed and paused, power fails, disks are replaced and clocks are set. What was
 * acknowledged is on the disk of the one who said so, unless that disk is gone; monotonic time never
 * goes back; and once all is mended everybody reaches everybody.
 *
 * It tries the world itself: whatever runs in it later meets the same troubles.
 */
export const wiresScenario: Scenario = {
  name: 'wires',
  minutes: 1,
  play: (world, minutes) => new WiresRun(world).play(minutes * 60_000),
}

const PEERS = ['a', 'b', 'c', 'd']
const NOTE_BYTES = 8
const DEADLINE_MS = 2_000
/** Longer than a connection on which nothing arrives is held. */
const MENDED_MS = 40_000

class WiresRun {
  readonly #world: World
  readonly #random: Random
  readonly #swarm: Swarm
  readonly #peers: SimPeer[]
  /** What each peer has acknowledged on the disk it has. */
  readonly #acknowledged = new Map<string, Set<number>>()
  readonly #counts = { requests: 0, acknowledged: 0, failed: 0, crashes: 0, cuts: 0, datagrams: 0 }
  #lastNumber = 0

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('network scenario')
    this.#swarm = drawSwarm(this.#random.fork('settings'))
    Object.assign(world.network.defaults, this.#swarm.link)
    this.#peers = PEERS.map(name =>
      world.addPeer(name, {
        clock: this.#swarm.clock,
        drive: this.#swarm.drive,
        program: (environment, peer) => this.#program(environment, peer),
      }),
    )
    for (const name of PEERS) this.#acknowledged.set(name, new Set())
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    for (const peer of this.#peers) this.#start(peer)
    while (this.#world.nowMs < durationMs) {
      await this.#world.sleep(this.#random.exponential(this.#swarm.crashEveryMs))
      await this.#befall(this.#random.pick(this.#peers))
    }
    await this.#mend()
    return this.#counts
  }

  /** Something happens to a peer, or to the wires. */
  async #befall(peer: SimPeer): Promise<void> {
    const { network } = this.#world
    const downMs = this.#random.exponential(this.#swarm.downMs)
    const [first = '', second = '', ...others] = this.#random.shuffle(PEERS)
    const troubles: (() => void | Promise<void>)[] = [
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
      () => {
        this.#crash(peer)
        if (this.#random.chance(0.2)) this.#loseDisk(peer)
      },
    ]
    this.#counts.cuts++
    await this.#random.pick(troubles)()
    await this.#world.sleep(downMs)
    for (const each of this.#peers) this.#start(each)
  }

  #crash(peer: SimPeer): void {
    if (!peer.isRunning) return
    this.#counts.crashes++
    peer.crash(this.#random.chance(this.#swarm.powerShare) ? 'power' : 'process')
  }

  #loseDisk(peer: SimPeer): void {
    peer.loseDisk()
    this.#acknowledged.get(peer.name)?.clear()
  }

  #start(peer: SimPeer): void {
    if (!peer.isRunning) peer.start()
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    network.heal()
    for (const from of PEERS) {
      for (const to of PEERS) Object.assign(network.link(from, to), { loss: 0, bytesPerMs: 10_000 })
    }
    for (const peer of this.#peers) {
      peer.resume()
      this.#start(peer)
    }
    const before = this.#counts.acknowledged
    await this.#world.sleep(MENDED_MS)
    demand(this.#counts.acknowledged > before, 'nobody answers although all is mended')
    for (const { name } of this.#peers) {
      const connected = this.#connected.get(name)?.() ?? []
      demand(connected.length === PEERS.length - 1, `${name} reaches only ${connected.join(', ')}`)
    }
  }

  readonly #connected = new Map<string, () => readonly string[]>()

  async #program(environment: Environment, peer: SimPeer): Promise<void> {
    const { network, clock } = environment
    const notes = await this.#openNotes(environment, peer.name)
    let writing = Promise.resolve()
    network.onRequest('note', (_from, body) => {
      const written = writing.then(() => this.#note(notes, peer.name, body))
      writing = written.then(
        () => undefined,
        () => undefined,
      )
      return written
    })
    network.onDatagram('hello', () => this.#counts.datagrams++)
    this.#connected.set(peer.name, () => network.connected())
    let lastMs = clock.monotonicMs()
    for (;;) {
      await sleep(environment.timers, environment.random.exponential(200))
      const nowMs = clock.monotonicMs()
      demand(nowMs >= lastMs, 'monotonic time went back')
      lastMs = nowMs
      await this.#ask(environment, peer)
    }
  }

  /** The notes are all there; whatever else may be in the file was never acknowledged. */
  async #openNotes({ disk }: Environment, name: string): Promise<{ file: DiskFile; size: number }> {
    const isThere = (await disk.list('.')).some(entry => entry.name === 'notes')
    const file = await disk.open('notes', isThere ? 'write' : 'create')
    if (!isThere) await disk.syncDirectory('.')
    const bytes = await file.read(0, await file.sizeBytes())
    const found = new Set<number>()
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let at = 0; at + NOTE_BYTES <= bytes.length; at += NOTE_BYTES)
      found.add(view.getFloat64(at))
    for (const number of this.#acknowledged.get(name) ?? []) {
      demand(found.has(number), `${name} lost ${number}, which it had acknowledged`)
    }
    return { file, size: Math.ceil(bytes.length / NOTE_BYTES) * NOTE_BYTES }
  }

  async #note(
    notes: { file: DiskFile; size: number },
    name: string,
    body: Uint8Array,
  ): Promise<Uint8Array> {
    const position = notes.size
    notes.size += NOTE_BYTES
    await notes.file.writeDurable(position, body.slice(0, NOTE_BYTES))
    const number = new DataView(body.buffer, body.byteOffset).getFloat64(0)
    this.#acknowledged.get(name)?.add(number)
    return body
  }

  async #ask({ network, random }: Environment, { name }: SimPeer): Promise<void> {
    const to = random.pick(PEERS.filter(other => other !== name))
    const body = new Uint8Array(NOTE_BYTES)
    new DataView(body.buffer).setFloat64(0, ++this.#lastNumber)
    const padded = concat([body, random.bytes(random.below(20_000))])
    this.#counts.requests++
    network.sendDatagram(to, 'hello', body)
    try {
      const answer = await network.request(to, 'note', { body: padded, deadlineMs: DEADLINE_MS })
      demand(compare(answer, padded) === 0, 'the answer belongs to another question')
      this.#counts.acknowledged++
    } catch (error) {
      const expected = ['TIMEOUT', 'PEER_UNREACHABLE', 'PROTOCOL_UNKNOWN']
      if (!expected.includes(codeOf(error) ?? '')) throw error
      this.#counts.failed++
    }
  }
}
