import type { PeerId, Random } from '../../../src/base/environment.ts'
import { Prng } from '../../../src/base/prng.ts'
import { type Due, TimerQueue } from '../../../src/base/timer-queue.ts'
import type {
  MembershipChange,
  MembershipEffect,
  MembershipEvent,
} from '../../../src/membership/core-types.ts'
import { Membership } from '../../../src/membership/membership.ts'
import type { SwimMessage, SyncEntry, SyncMessage } from '../../../src/membership/message.ts'
import { type Profile, profiles } from '../../../src/membership/profile.ts'
import { type Description, type PeerRecord, signRecord } from '../../../src/membership/record.ts'
import { messageBytes, syncBytes } from './message-bytes.ts'
import { sealOf } from './sim-seal.ts'

/** What carries the messages. */
export interface LeanLink {
  readonly latencyMs: number
  /** Mean of the exponential part of the delay. */
  readonly jitterMs: number
  readonly loss: number
  /**
   * `stream`: what is lost is sent again after 200 ms, doubling, and all that follows on the pair
   * waits behind it, as over TCP. `datagram`: it is lost.
   */
  readonly model: 'stream' | 'datagram'
}

export interface LeanSwarmOptions {
  readonly size: number
  readonly seed: number
  readonly profile?: Profile
  readonly link?: Partial<LeanLink>
  /** Told of every change anybody sees. */
  readonly onChange?: (observer: LeanNode, change: MembershipChange) => void
}

/** How a node is blocked: its whole event loop, or only its messages while its timers run. */
export type Block = 'loop' | 'messages'

const lanLink: LeanLink = { latencyMs: 0.5, jitterMs: 1, loss: 0, model: 'stream' }
const RETRANSMIT_MS = 200
const RETRANSMITS_MAX = 6
const DIAL_MS = 5_000
/** A loop that goes on reads its packets before it judges by its timers. */
/** Clocks that somebody sets right are about so far off. */
const CLOCK_ERROR_MS = 20
const START_WALL_MS = 1_767_225_600_000
const POLL_MS = 0.001
const PENDING_MAX = 4_000_000

export class LeanNode {
  readonly index: number
  readonly name: PeerId
  core: Membership | undefined
  /** What its disk remembers. */
  ceiling = 0
  hasLeft = false
  block: { readonly kind: Block; readonly untilMs: number } | undefined
  wake: Due<() => void> | undefined
  /** What a wake-up does; made once, for there are very many. */
  wakeUp: () => void = () => undefined
  /** Counts runs, so that what was meant for an earlier one is dropped. */
  run = 0
  sentMessages = 0
  sentBytes = 0
  /** What its clock says of the time of day. */
  wallMs: (nowMs: number) => number = nowMs => nowMs

  constructor(index: number) {
    this.index = index
    // As long as a real peer id.
    this.name = `12D3KooWSimulatedPeerNumber${String(index).padStart(26, '0')}`
  }
}

/**
 * Many cores and nothing else: no drivers, no bytes, no promises. What they say is handed over as
 * it is. The cores are the production code; this world is only leaner than `World`, so that a
 * thousand peers can be played for hours.
 */
export class LeanSwarm {
  readonly nodes: readonly LeanNode[]
  readonly random: Random
  readonly profile: Profile
  readonly #link: LeanLink
  readonly #onChange: LeanSwarmOptions['onChange']
  readonly #queue = new TimerQueue<() => void>(PENDING_MAX)
  readonly #chance: Random
  readonly #seed: number
  readonly #byName = new Map<PeerId, LeanNode>()
  /** When the last message of a pair arrives: nothing overtakes it on a stream. */
  readonly #lastArrivalMs: Float64Array
  #nowMs = 0
  #events = 0
  /** Whether what one sends can reach the other now. */
  isCut: ((from: LeanNode, to: LeanNode) => boolean) | undefined
  /** Share of messages lost; change it at any time. */
  loss: number
  /** Sees every datagram on its way. */
  onSend: ((from: LeanNode, to: LeanNode, message: SwimMessage, bytes: number) => void) | undefined

  constructor({ size, seed, profile = profiles.lan, link = {}, onChange }: LeanSwarmOptions) {
    this.nodes = Array.from({ length: size }, (_, index) => new LeanNode(index))
    for (const node of this.nodes) {
      this.#byName.set(node.name, node)
      node.wakeUp = () => this.#wake(node)
    }
    this.random = new Prng(seed)
    this.#chance = this.random.fork('links')
    this.#seed = seed
    this.profile = profile
    this.#link = { ...lanLink, ...link }
    this.#onChange = onChange
    this.loss = this.#link.loss
    this.setClocks(CLOCK_ERROR_MS)
    this.#lastArrivalMs = new Float64Array(this.loss > 0 ? size * size : 0)
  }

  /** Sets everybody's clock, each wrong by as much as this at most. */
  setClocks(errorMs: number): void {
    const random = this.random.fork('clocks')
    for (const node of this.nodes) {
      const offsetMs = START_WALL_MS + (random.float() * 2 - 1) * errorMs
      node.wallMs = nowMs => nowMs + offsetMs
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get events(): number {
    return this.#events
  }

  get running(): LeanNode[] {
    return this.nodes.filter(({ core }) => core !== undefined)
  }

  nodeOf(peer: PeerId): LeanNode {
    return this.#byName.get(peer) as LeanNode
  }

  /** Starts everybody, each already knowing all the others. */
  startAcquainted(): void {
    const records = this.nodes.map(node => recordOf(node, 1))
    const entries: SyncEntry[] = records.map(record => ({
      record,
      accusation: undefined,
      ageMs: 0,
    }))
    for (const node of this.nodes) this.#boot(node)
    for (const node of this.nodes) {
      const own = records[(node.index + 1) % records.length] as PeerRecord
      const others = entries.filter(entry => entry.record.peer !== node.name)
      const answer: SyncMessage = {
        type: 'differ',
        own,
        buckets: [],
        bucketCount: 1,
        entries: others,
      }
      this.step(node, { type: 'answered', from: own.peer, answer })
    }
  }

  /** Starts one that knows nobody but whom to join through. */
  start(node: LeanNode, seeds: readonly LeanNode[]): void {
    this.#boot(node)
    this.step(node, { type: 'join', peers: seeds.map(({ name }) => name) })
  }

  /** The process is killed: its kernel ends its connections, which everybody notices. */
  kill(node: LeanNode): void {
    this.crash(node)
    for (const other of this.running) {
      this.#deliver(node, other, () => this.step(other, { type: 'disconnected', peer: node.name }))
    }
  }

  /** The machine is gone, without a word. */
  crash(node: LeanNode): void {
    node.core = undefined
    node.run++
    node.block = undefined
    if (node.wake !== undefined) this.#queue.cancel(node.wake)
    node.wake = undefined
  }

  /** Blocks a node for so long from now on. */
  blockFor(node: LeanNode, kind: Block, ms: number): void {
    node.block = { kind, untilMs: this.#nowMs + ms }
  }

  at(delayMs: number, run: () => void): void {
    this.#queue.push(this.#nowMs + delayMs, run)
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let due = this.#queue.peek(); due !== undefined && due.atMs <= untilMs;) {
      this.#queue.pop()
      this.#nowMs = due.atMs
      this.#events++
      due.value()
      due = this.#queue.peek()
    }
    this.#nowMs = untilMs
  }

  step(node: LeanNode, event: MembershipEvent): void {
    const { core } = node
    if (core === undefined) return
    for (const effect of core.step(event, this.#nowMs)) this.#carryOut(node, effect)
    if (node.core === core) this.#arm(node, core)
  }

  /** Puts a message on the wire as if `from` had sent it. */
  inject(from: LeanNode, to: LeanNode, message: SwimMessage): void {
    this.#deliver(from, to, () => this.step(to, { type: 'datagram', from: from.name, message }))
  }

  #boot(node: LeanNode): void {
    node.run++
    node.hasLeft = false
    node.core = new Membership({
      self: node.name,
      network: 'lean',
      description,
      seal: sealOf(node.name),
      random: new Prng(this.#seed).fork(`${node.name} ${node.run}`),
      profile: this.profile,
    })
    this.step(node, { type: 'start', ceiling: node.ceiling })
  }

  #arm(node: LeanNode, core: Membership): void {
    const atMs = core.wakeAtMs
    if (node.wake?.atMs === atMs && node.wake.position >= 0) return
    if (node.wake !== undefined) this.#queue.cancel(node.wake)
    node.wake = this.#queue.push(atMs, node.wakeUp)
  }

  #wake(node: LeanNode): void {
    const { block } = node
    if (block !== undefined && block.kind === 'loop' && block.untilMs > this.#nowMs) {
      node.wake = this.#queue.push(block.untilMs + POLL_MS, node.wakeUp)
      return
    }
    this.step(node, { type: 'wake', wallMs: node.wallMs(this.#nowMs) })
  }

  #carryOut(node: LeanNode, effect: MembershipEffect): void {
    switch (effect.type) {
      case 'send': {
        const to = this.nodeOf(effect.to)
        const bytes = messageBytes(effect.message)
        node.sentMessages++
        node.sentBytes += bytes
        this.onSend?.(node, to, effect.message, bytes)
        this.#post(node, to, effect.message)
        return
      }
      case 'ask':
        this.#ask(node, this.nodeOf(effect.to), effect.question)
        return
      case 'persist':
        node.ceiling = effect.ceiling
        return
      case 'change':
        this.#onChange?.(node, effect.change)
        return
      case 'left':
        node.hasLeft = true
        this.crash(node)
        return
      case 'answer':
        this.#answers.set(effect.token, effect.answer)
        return
      case 'refused':
        this.refused++
    }
  }

  /** How often a node refused what it was told. */
  refused = 0
  readonly #answers = new Map<number, SyncMessage>()
  #lastToken = 0

  /** As `#deliver` does, but with one closure for each message: nearly all there is are messages. */
  #post(from: LeanNode, to: LeanNode, message: SwimMessage): void {
    if (this.#link.model === 'datagram' && this.#chance.chance(this.loss)) return
    const target = to.run
    this.#queue.push(this.#arrivalMs(from, to), () => {
      if (to.run !== target || this.isCut?.(from, to) === true) return
      const event = { type: 'datagram', from: from.name, message } as const
      if (this.#isBlocked(to)) this.#receive(to, () => this.step(to, event))
      else this.step(to, event)
    })
  }

  #deliver(from: LeanNode, to: LeanNode, run: () => void): void {
    const arrivalMs = this.#arrivalMs(from, to)
    const target = to.run
    this.#queue.push(arrivalMs, () => {
      if (to.run === target && this.isCut?.(from, to) !== true) this.#receive(to, run)
    })
  }

  #isBlocked({ block }: LeanNode): boolean {
    return block !== undefined && block.untilMs > this.#nowMs
  }

  #receive(to: LeanNode, run: () => void): void {
    const { block } = to
    if (block === undefined || block.untilMs <= this.#nowMs) {
      run()
      return
    }
    const target = to.run
    this.#queue.push(block.untilMs, () => {
      if (to.run === target) run()
    })
  }

  #arrivalMs(from: LeanNode, to: LeanNode): number {
    const { latencyMs, jitterMs, model } = this.#link
    const { block } = from
    const departureMs =
      block?.kind === 'messages' ? Math.max(this.#nowMs, block.untilMs) : this.#nowMs
    const arrivalMs = departureMs + latencyMs + this.#chance.exponential(jitterMs)
    if (model === 'datagram' || this.loss === 0) return arrivalMs
    const pair = from.index * this.nodes.length + to.index
    const last = this.#lastArrivalMs[pair] as number
    this.#lastArrivalMs[pair] = Math.max(last, arrivalMs + this.#retransmissionMs())
    return this.#lastArrivalMs[pair]
  }

  #retransmissionMs(): number {
    let delayMs = 0
    for (let tries = 0; tries < RETRANSMITS_MAX && this.#chance.chance(this.loss); tries++) {
      delayMs += RETRANSMIT_MS * 2 ** tries
    }
    return delayMs
  }

  /** A request and its answer, over a connection: lost only if somebody is gone or cut off. */
  #ask(from: LeanNode, to: LeanNode, question: SyncMessage): void {
    const asker = from.run
    const reply = (event: MembershipEvent): void => {
      if (from.run === asker) this.#receive(from, () => this.step(from, event))
    }
    const unanswered = { type: 'unanswered', from: to.name } as const
    const isReachable = this.isCut?.(from, to) !== true && this.isCut?.(to, from) !== true
    if (to.core === undefined || !isReachable) {
      this.#queue.push(this.#nowMs + (isReachable ? this.#link.latencyMs : DIAL_MS), () =>
        reply(unanswered),
      )
      return
    }
    from.sentBytes += syncBytes(question)
    from.sentMessages++
    this.#deliver(from, to, () => {
      const token = ++this.#lastToken
      this.step(to, { type: 'asked', from: from.name, token, question })
      const answer = this.#answers.get(token)
      this.#answers.delete(token)
      if (answer === undefined) return
      to.sentBytes += syncBytes(answer)
      to.sentMessages++
      this.#deliver(to, from, () => reply({ type: 'answered', from: to.name, answer }))
    })
    this.#queue.push(this.#nowMs + DIAL_MS, () => reply(unanswered))
  }
}

const description: Description = {
  addresses: ['/ip4/10.11.12.13/tcp/4801'],
  zone: 'zone-1',
  version: '0.1.0',
  protocol: { min: 1, max: 1, current: 1 },
  meta: new Uint8Array(8),
}

/** The record a node signs at its first start. */
export const recordOf = ({ name }: LeanNode, incarnation: number): PeerRecord =>
  signRecord(sealOf(name), 'lean', { ...description, peer: name, incarnation, isLeft: false })
