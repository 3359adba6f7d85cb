import { AssertionError } from '../../base/assert.ts'
import type { Clock, Random } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { type Configuration, type Membership, replicasOf } from '../../consensus/configuration.ts'
import { describe } from '../../consensus/describe.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import { Leader } from '../../consensus/leader.ts'
import type { Message } from '../../consensus/message.ts'
import type { Persist, RaftEffect, RoleName } from '../../consensus/raft-effect.ts'
import type { Proposal, RaftEvent, SnapshotMark } from '../../consensus/raft-event.ts'
import { raftDefaults, type RaftOptions } from '../../consensus/raft-options.ts'
import { Raft } from '../../consensus/raft.ts'
import type { Wal } from '../../storage/wal.ts'
import { Applier } from './applier.ts'
import type { ConsensusMeter } from './consensus-meter.ts'
import { recordsOf } from './group-records.ts'
import type { FoundGroup } from './group-start.ts'
import type { HeldSnapshot, ReplicaState } from './replica-state.ts'
import { WaitingRoom } from './waiting-room.ts'

/** When a group makes a snapshot, and what it keeps for those who lag. */
export interface CompactionOptions {
  /** @default 65536 */
  readonly snapshotEntries?: number
  /** @default 16 MiB */
  readonly snapshotBytes?: number
  /** None are kept when it was their size that called for a snapshot. @default 4096 */
  readonly keptEntries?: number
}

export interface RaftGroupOptions {
  readonly group: number
  readonly raft: Partial<RaftOptions>
  readonly compaction: CompactionOptions
  readonly clock: Clock
  readonly random: Random
  readonly wal: Wal
  readonly state: ReplicaState
  readonly send: (messages: readonly Message[]) => void
  readonly sendSnapshot: (wish: SnapshotWish) => void
  readonly afterTurn: (work: () => void) => void
  /** Role, leader or configuration are not what they were. */
  readonly changed: () => void
  /** The group has stopped: it cannot write, or a bug was met. */
  readonly failed: (error: unknown) => void
  readonly meter?: Pick<ConsensusMeter, 'applied'> | undefined
}

/** Bytes of commands that were agreed on and wait for the state; a leader takes no more then. */
const UNAPPLIED_BYTES_MAX = 67_108_864

/** A snapshot that a replica needs. */
export interface SnapshotWish {
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly index: number
  readonly term: number
}

/**
 * Runs one replica: gives the core its events one at a time and carries out what it wants. Writes are
 * begun in order and never waited for; what depends on one follows when it is durable.
 */
export class RaftGroup {
  readonly group: number
  readonly replica: ReplicaId
  readonly #options: RaftGroupOptions
  readonly #raft: Raft
  readonly #applier: Applier
  readonly #waiting: WaitingRoom
  readonly #events: RaftEvent[] = []
  #isStepping = false
  #isStopped = false
  #role: RoleName = 'follower'
  #lastWrite: Promise<void> = Promise.resolve()
  /** Writes on their way, and how often the log had refused some when the last one began. */
  #writing = 0
  #refusals = 0
  #proposals: Proposal[] = []
  #reads: number[] = []
  #isCollecting = false
  /** Applied since the last snapshot. */
  #entriesSince = 0
  #bytesSince = 0
  #isCompacting = false

  constructor(options: RaftGroupOptions, { replica, start }: FoundGroup) {
    const { group, raft, random, clock, state, meter } = options
    this.group = group
    this.replica = replica
    this.#options = options
    this.#waiting = new WaitingRoom(group)
    this.#applier = new Applier({
      state,
      applied: (entry, result) => {
        this.#entriesSince++
        this.#bytesSince += entry.data.length
        this.#waiting.applied(entry, result)
      },
      jumped: ({ index }) => {
        this.#entriesSince = 0
        this.#bytesSince = 0
        this.#waiting.lose(`a snapshot up to ${index} came`)
      },
      progressed: () => this.#progressed(),
      failed: error => this.fail(error),
      ...(meter && {
        timed: entries => {
          const startMs = clock.monotonicMs()
          return () => meter.applied(entries, clock.monotonicMs() - startMs)
        },
      }),
    })
    const settings = { ...raftDefaults, ...raft, self: replica, random }
    this.#raft = new Raft(settings, start, clock.monotonicMs())
  }

  /** Carries out what the start asks for. */
  begin(): void {
    this.#run(() => this.#raft.begin())
  }

  get role(): RoleName {
    return this.#raft.role
  }

  get term(): number {
    return this.#raft.term
  }

  get leader(): ReplicaId | undefined {
    return this.#raft.leader
  }

  get configuration(): Configuration {
    return this.#raft.configuration
  }

  /** Whether this replica is a member, as far as it knows: one that was removed learns nothing more. */
  get isMember(): boolean {
    return replicasOf(this.configuration).includes(this.replica)
  }

  /** How far the state machine is. */
  get applied(): SnapshotMark {
    return this.#applier.mark
  }

  get commit(): number {
    return this.#raft.commit
  }

  /** How long the oldest write has been on its way; 0 if there is none. */
  get writingMs(): number {
    return this.#raft.inside.state.writingMs
  }

  /** How far every other member is, where this replica leads; empty elsewhere. */
  get members(): ReadonlyMap<ReplicaId, { readonly match: number; readonly heardMsAgo: number }> {
    const { role, state } = this.#raft.inside
    if (!(role instanceof Leader)) return new Map()
    return new Map(
      [...role.replication.progress].map(([replica, { match, heardMs }]) => [
        replica,
        { match, heardMsAgo: state.awakeMs - heardMs },
      ]),
    )
  }

  /** Commands and reads that wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** How far each other replica is, where this one leads. */
  describe(): string {
    return `${describe(this.#raft)}\n  applied ${this.applied.index}, ${this.waiting} wait`
  }

  step(event: RaftEvent): void {
    if (this.#isStopped) return
    this.#events.push(event)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const happened = next
      this.#run(() => this.#raft.step(happened, this.#options.clock.monotonicMs()))
    }
    this.#isStepping = false
  }

  /** Appends a command here, if this replica leads, and waits for its result. */
  async propose(data: Uint8Array): Promise<Uint8Array> {
    if (this.#applier.waitingBytes > UNAPPLIED_BYTES_MAX) throw busy()
    const { id, result } = this.#waiting.ask()
    this.#proposals.push({ id, data: this.#options.state.prepare(data) })
    this.#collect()
    return (await result) ?? new Uint8Array(0)
  }

  /** Waits until the first step towards another membership is in force. */
  async change(membership: Membership): Promise<void> {
    const { id, result } = this.#waiting.ask()
    this.step({ type: 'change', id, membership })
    await result
  }

  /** An index that is safe to read from, if this replica leads. */
  async readIndex(): Promise<number> {
    const { id, index } = this.#waiting.read()
    this.#reads.push(id)
    this.#collect()
    return index
  }

  /** Resolves when the state machine has applied `index`. */
  async reach(index: number): Promise<void> {
    if (this.applied.index < index) await this.#waiting.reach(index)
  }

  /** A snapshot from the leader of `term` is in its place on the disk. */
  received(snapshot: SnapshotMark, from: ReplicaId, term: number): void {
    this.step({ type: 'snapshotReceived', from, term, snapshot })
  }

  query(question: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#options.state.query(question)
  }

  /** A file with the state at `index` or later, for somebody who lags too far. */
  snapshot(index: number): Promise<HeldSnapshot> {
    return this.#options.state.snapshot(index)
  }

  stop(reason: string): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#applier.stop()
    this.#events.length = 0
    this.#waiting.close(reason)
  }

  /** Resolves when a replica that was stopped does nothing to its state any more. */
  ended(): Promise<void> {
    return this.#options.state.close()
  }

  /** Everything that is asked for in one turn goes to the core together. */
  #collect(): void {
    if (this.#isStopped) this.#waiting.close('the group has stopped')
    if (this.#isCollecting) return
    this.#isCollecting = true
    this.#options.afterTurn(() => {
      this.#isCollecting = false
      const proposals = this.#proposals
      const reads = this.#reads
      this.#proposals = []
      this.#reads = []
      if (proposals.length > 0) this.step({ type: 'propose', proposals })
      if (reads.length > 0) this.step({ type: 'read', ids: reads })
    })
  }

  #run(step: () => readonly RaftEffect[]): void {
    try {
      for (const effect of step()) this.#carryOut(effect)
    } catch (error) {
      this.fail(error)
    }
  }

  #carryOut(effect: RaftEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#options.send(effect.messages)
      case 'persist':
        return this.#persist(effect)
      case 'apply':
      case 'install':
        return this.#applier.do(effect)
      case 'accepted':
        return this.#waiting.accepted(effect.id, effect)
      case 'refused':
        return this.#waiting.refused(effect.id, effect.reason, effect.leader)
      case 'readReady':
        return this.#waiting.readReady(effect.ids, effect.index)
      case 'readRefused':
        return this.#waiting.readRefused(effect.ids, effect.leader)
      case 'sendSnapshot':
        return this.#options.sendSnapshot({ from: this.replica, ...effect })
      case 'role':
        return this.#roleChanged(effect.role)
      case 'configured':
        return this.#options.changed()
    }
  }

  #roleChanged(role: RoleName): void {
    const isDeposed = this.#role === 'leader' && role !== 'leader'
    if (isDeposed) this.#waiting.lose('the leader lost its place')
    this.#role = role
    this.#options.changed()
  }

  /** Writes go to the log in the order of the steps, and come to an end in that order. */
  #persist(effect: Persist): void {
    const { wal } = this.#options
    if (this.#writing > 0 && wal.refusals !== this.#refusals) throw refusedBefore()
    this.#refusals = wal.refusals
    this.#writing++
    const appends = recordsOf(this.group, this.replica, effect)
    const writes = appends.map(records => wal.append(records))
    this.#lastWrite = Promise.all([this.#lastWrite, ...writes]).then(() => undefined)
    this.#lastWrite.then(
      () => {
        this.#writing--
        if (this.#isStopped) return
        if (effect.after.length > 0) this.#options.send(effect.after)
        this.step({ type: 'stored', stored: effect.stored })
      },
      (error: unknown) => this.fail(error),
    )
  }

  #progressed(): void {
    this.#waiting.reached(this.applied.index)
    const { snapshotEntries = 65_536, snapshotBytes = 16_777_216 } = this.#options.compaction
    const isLarge = this.#bytesSince >= snapshotBytes
    const isDue = isLarge || this.#entriesSince >= snapshotEntries
    if (!isDue || this.#isCompacting || this.#isStopped) return
    this.#isCompacting = true
    // The log is in memory, so what is kept for those who lag is bounded in bytes as well.
    const kept = isLarge ? 0 : (this.#options.compaction.keptEntries ?? 4_096)
    this.#compact(kept).catch((error: unknown) => this.fail(error))
  }

  /** Makes the state durable, and only then lets go of the entries that made it. */
  async #compact(keptEntries: number): Promise<void> {
    const snapshot = this.applied
    this.#entriesSince = 0
    this.#bytesSince = 0
    const unneeded = await this.#options.state.secure(snapshot)
    this.#isCompacting = false
    const keepFrom = Math.max(0, Math.min(snapshot.index - keptEntries, unneeded))
    this.step({ type: 'compact', snapshot, keepFrom })
  }

  /** It cannot go on. */
  fail(error: unknown): void {
    if (this.#isStopped) return
    this.stop(error instanceof AssertionError ? 'a broken invariant' : 'its log failed')
    this.#options.failed(error)
  }
}

/** Word of it is on its way; nothing may be written that builds on what was refused. */
function refusedBefore(): HoldfastError {
  const details = { code: 'DISK_IO', path: 'log', operation: 'append' } as const
  return new HoldfastError('Cannot append: what came before was refused', details)
}

function busy(): HoldfastError {
  const details = { code: 'BUSY', what: 'commands', limit: UNAPPLIED_BYTES_MAX } as const
  return new HoldfastError('Cannot take a command: too many are yet to be applied', details)
}
