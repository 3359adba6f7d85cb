import type { Random } from '../../src/base/environment.ts'
import { Prng } from '../../src/base/prng.ts'
import { configurationOf, type Membership } from '../../src/consensus/configuration.ts'
import type { Entry, HardState, LogMark, ReplicaId } from '../../src/consensus/entry.ts'
import type { Message } from '../../src/consensus/message.ts'
import type { Persist, RaftEffect } from '../../src/consensus/raft-effect.ts'
import type { RaftEvent, SnapshotMark } from '../../src/consensus/raft-event.ts'
import { raftDefaults, type RaftOptions } from '../../src/consensus/raft-options.ts'
import { Raft } from '../../src/consensus/raft.ts'

const TICK_MS = 10

/** A snapshot and what it holds: all commands applied so far. */
export interface StoredSnapshot extends SnapshotMark {
  readonly applied: readonly Entry[]
}

/** A snapshot that a leader wants sent. */
export interface SnapshotAsked {
  readonly to: ReplicaId
  readonly index: number
  readonly term: number
}

/** What a replica has on its disk. */
interface Stored {
  hard: HardState
  snapshot: StoredSnapshot
  base: LogMark
  entries: Entry[]
}

/** What happened during a step, for whoever wants to see it. */
export type Watch = (replica: Replica, effect: RaftEffect) => void

/** One core with a disk that writes when it is told to. */
export class Replica {
  readonly id: ReplicaId
  readonly stored: Stored
  /** Writes on their way, oldest first. */
  readonly writes: Persist[] = []
  /** Everything the state machine was given, in order. */
  applied: Entry[] = []
  raft: Raft | undefined
  /** This replica's own clock. */
  nowMs = 0
  /** Writes are durable at once. */
  isPrompt = true
  /** Snapshots it was asked to send. */
  readonly sending: SnapshotAsked[] = []
  starts = 0

  constructor(id: ReplicaId, stored: Stored) {
    this.id = id
    this.stored = stored
  }

  get isUp(): boolean {
    return this.raft !== undefined
  }
}

/**
 * Cores that talk over a wire which holds every message until somebody delivers, doubles or drops
 * it, and write to disks which are slow on demand. Nothing happens by itself.
 */
export class Cluster {
  readonly replicas: Map<ReplicaId, Replica> = new Map()
  /** Messages on their way, oldest first. */
  readonly wire: Message[] = []
  watch: Watch = () => undefined
  readonly #random: Random
  readonly #options: Partial<RaftOptions>
  readonly #membership: Membership
  #lastId = 0

  constructor(
    membership: Membership,
    {
      options = {},
      random = new Prng(1),
    }: { options?: Partial<RaftOptions>; random?: Random } = {},
  ) {
    this.#membership = membership
    this.#options = options
    this.#random = random
    for (const id of [...membership.voters, ...membership.learners]) this.add(id)
  }

  /** A replica of the group as it was made; one that nobody knows yet knows nobody. */
  add(id: ReplicaId): Replica {
    const isFounder = [...this.#membership.voters, ...this.#membership.learners].includes(id)
    const configuration = isFounder
      ? configurationOf(this.#membership)
      : { voters: [], outgoing: [], learners: [] }
    const replica = new Replica(id, {
      hard: { term: 0, vote: undefined, commit: 0 },
      snapshot: { index: 0, term: 0, configuration, applied: [] },
      base: { index: 0, term: 0 },
      entries: [],
    })
    this.replicas.set(id, replica)
    this.start(id)
    return replica
  }

  of(id: ReplicaId): Replica {
    const replica = this.replicas.get(id)
    if (replica === undefined) throw new Error(`there is no replica ${id}`)
    return replica
  }

  raft(id: ReplicaId): Raft {
    const { raft } = this.of(id)
    if (raft === undefined) throw new Error(`${id} does not run`)
    return raft
  }

  start(id: ReplicaId): void {
    const replica = this.of(id)
    const { hard, snapshot, base, entries } = replica.stored
    const random = this.#random.fork(`${id} ${++replica.starts}`)
    const options = { ...raftDefaults, ...this.#options, self: id, random }
    replica.applied = [...snapshot.applied]
    replica.raft = new Raft(options, { hard, snapshot, base, entries }, replica.nowMs)
    this.#run(replica, replica.raft.begin())
  }

  /** The process ends; of the writes on their way the first `survivors` reach the disk. */
  crash(id: ReplicaId, survivors = 0): void {
    const replica = this.of(id)
    for (const write of replica.writes.splice(0).slice(0, survivors)) keep(replica, write)
    replica.sending.length = 0
    replica.raft = undefined
  }

  step(id: ReplicaId, event: RaftEvent): void {
    const replica = this.of(id)
    if (replica.raft !== undefined) this.#run(replica, replica.raft.step(event, replica.nowMs))
  }

  /** Time passes for these replicas, tick by tick. */
  pass(ms: number, ids: readonly ReplicaId[] = [...this.replicas.keys()]): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      for (const id of ids) {
        this.of(id).nowMs += Math.min(TICK_MS, ms - passed)
        this.step(id, { type: 'tick' })
      }
    }
  }

  /** Time passes for a replica until it asks to be elected. */
  campaign(id: ReplicaId): void {
    for (let ticks = 0; ticks < 1_000; ticks++) {
      this.pass(TICK_MS, [id])
      if (this.raft(id).role !== 'follower') return
    }
    throw new Error(`${id} does not stand for election`)
  }

  propose(id: ReplicaId, data: Uint8Array): number {
    this.step(id, { type: 'propose', proposals: [{ id: ++this.#lastId, data }] })
    return this.#lastId
  }

  read(id: ReplicaId): number {
    this.step(id, { type: 'read', ids: [++this.#lastId] })
    return this.#lastId
  }

  change(id: ReplicaId, membership: Membership): number {
    this.step(id, { type: 'change', id: ++this.#lastId, membership })
    return this.#lastId
  }

  /** Delivers one message that is on its way, or a copy of it. */
  deliver(message: Message): void {
    const at = this.wire.indexOf(message)
    if (at >= 0) this.wire.splice(at, 1)
    if (this.replicas.has(message.to)) this.step(message.to, { type: 'message', message })
  }

  /** Delivers all that `isWanted`, and what they cause, until there is none left. */
  settle(isWanted: (message: Message) => boolean = () => true): void {
    for (let count = 0; count < 100_000; count++) {
      const next = this.wire.find(isWanted)
      if (next === undefined) return
      this.deliver(next)
    }
    throw new Error('the replicas do not stop talking')
  }

  drop(isWanted: (message: Message) => boolean = () => true): number {
    const kept = this.wire.filter(message => !isWanted(message))
    const count = this.wire.length - kept.length
    this.wire.splice(0, this.wire.length, ...kept)
    return count
  }

  /** The oldest writes on their way become durable. */
  write(id: ReplicaId, count: number = Number.POSITIVE_INFINITY): void {
    const replica = this.of(id)
    for (let done = 0; done < count; done++) {
      const write = replica.writes.shift()
      if (write === undefined) return
      keep(replica, write)
      this.#send(write.after)
      this.step(id, { type: 'stored', stored: write.stored })
    }
  }

  /** The replica makes a snapshot of what it has applied, and forgets entries up to `keepFrom`. */
  compact(id: ReplicaId, keepFrom: number): void {
    const replica = this.of(id)
    const last = replica.applied.at(-1)
    const raft = this.raft(id)
    if (last === undefined || last.index <= replica.stored.snapshot.index) return
    // In force at what was applied last, for all that is committed is applied here.
    const { configuration } = raft
    const snapshot = { index: last.index, term: last.term, configuration }
    replica.stored.snapshot = { ...snapshot, applied: [...replica.applied] }
    this.step(id, { type: 'compact', snapshot, keepFrom })
  }

  /** Carries the oldest snapshot that `from` was asked to send, or fails to. */
  carrySnapshot(from: ReplicaId, isDone: boolean): void {
    const sender = this.of(from)
    const asked = sender.sending.shift()
    if (asked === undefined) return
    const { to, index, term } = asked
    const receiver = this.replicas.get(to)
    const { snapshot } = sender.stored
    if (isDone && receiver?.isUp === true) {
      if (snapshot.index > receiver.stored.snapshot.index) this.#received.set(to, snapshot)
      this.step(to, { type: 'snapshotReceived', from, term, snapshot })
    }
    this.step(from, { type: 'snapshotSent', to, index, isDone })
  }

  readonly #received = new Map<ReplicaId, StoredSnapshot>()

  #run(replica: Replica, effects: readonly RaftEffect[]): void {
    for (const effect of effects) {
      this.watch(replica, effect)
      switch (effect.type) {
        case 'send':
          this.#send(effect.messages)
          break
        case 'persist':
          replica.writes.push(effect)
          break
        case 'apply':
          replica.applied.push(...effect.entries)
          break
        case 'install': {
          const snapshot = this.#received.get(replica.id)
          if (snapshot === undefined) throw new Error('a snapshot was installed that never came')
          replica.stored.snapshot = snapshot
          replica.applied = [...snapshot.applied]
          break
        }
        case 'sendSnapshot':
          replica.sending.push(effect)
          break
        case 'accepted':
        case 'refused':
        case 'readReady':
        case 'readRefused':
        case 'role':
        case 'configured':
      }
    }
    if (replica.isPrompt) this.write(replica.id)
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) this.wire.push(message)
  }
}

function keep({ stored }: Replica, { hard, base, entries, trim }: Persist): void {
  if (base !== undefined) {
    stored.base = base
    stored.entries = []
    stored.hard = { term: 0, vote: undefined, commit: 0 }
  }
  const [first] = entries
  if (first !== undefined) {
    stored.entries = [...stored.entries.filter(({ index }) => index < first.index), ...entries]
  }
  if (trim !== undefined) {
    stored.entries = stored.entries.filter(({ index }) => index > trim.index)
    stored.base = trim
  }
  if (hard !== undefined) stored.hard = hard
}
