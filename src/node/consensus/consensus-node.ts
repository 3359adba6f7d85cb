/**
 * The replicas of all groups on one peer. They share one log, so that one sync serves many groups;
 * one way to each other peer, so that what many groups say in one turn travels together; and one
 * clock that ticks for all.
 *
 * A group that cannot write for lack of space, or because the medium refused, is opened again from
 * what is on the disk, as if the peer had restarted. A group whose log lost something does not run:
 * it may have promised what it no longer knows. It waits on the disk, for whoever must save what can
 * be saved, until the group itself invites this peer again; then it begins anew, under a new name.
 */
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Environment, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { sleep, withDeadline } from '../../base/waiting.ts'
import type { Membership } from '../../consensus/configuration.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import { raftDefaults, type RaftOptions } from '../../consensus/raft-options.ts'
import type { Wal } from '../../storage/wal.ts'
import type { Outcome } from './command-batch.ts'
import type { ConsensusMeter } from './consensus-meter.ts'
import { beginAnew, beginBehind, findGroup, foundGroup, type FoundGroup } from './group-start.ts'
import { groupUnknown } from './group-unknown.ts'
import { type CallOptions, DEADLINE_MS, LeaderCalls } from './leader-calls.ts'
import { type CompactionOptions, RaftGroup } from './raft-group.ts'
import { RaftTransport } from './raft-transport.ts'
import { newReplicaId, peerOf } from './replica-name.ts'
import type { ReplicaState, ReplicaStates } from './replica-state.ts'
import { SnapshotIntake } from './snapshot-intake.ts'
import { SNAPSHOT_PROTOCOL } from './snapshot-piece.ts'
import { SnapshotPosts } from './snapshot-posts.ts'
import { SnapshotStore } from './snapshot-store.ts'

export interface ConsensusOptions {
  readonly environment: Environment
  /** Stays the caller's, who closes it after this. */
  readonly wal: Wal
  /** Where the states of groups are; snapshots come and go through the store. */
  readonly states: (snapshots: SnapshotStore) => ReplicaStates | Promise<ReplicaStates>
  readonly raft?: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  /** The same for single groups; undefined for those that have nothing of their own. */
  readonly compactionOf?: ((group: number) => CompactionOptions | undefined) | undefined
  /** Runs something when this turn's events are done. @default as a microtask */
  readonly afterTurn?: (work: () => void) => void
  /** Whether this peer can run a group; one that it cannot waits on the disk. @default all */
  readonly runs?: ((group: number) => boolean) | undefined
  /** A group whose program cannot go on has stopped here, and stays so until the peer restarts. */
  readonly halted?: ((group: number, error: unknown) => void) | undefined
  /** Something of a group changed: who leads, its configuration, whether it runs. */
  readonly changed?: (group: number) => void
  /** The peer must stop: its disk has failed, or a bug was met. */
  readonly failed: (error: unknown) => void
  readonly meter?: Omit<ConsensusMeter, 'synced'> | undefined
}

const GROUPS_MAX = 1_024
const REOPEN_MS = 500
const HOST = 'raft/host/1'

export class ConsensusNode {
  readonly #options: ConsensusOptions
  readonly #states: ReplicaStates
  readonly #transport: RaftTransport
  readonly #calls: LeaderCalls
  readonly #intake: SnapshotIntake
  readonly #posts: SnapshotPosts
  readonly #groups = new Map<number, RaftGroup>()
  /** Groups whose log lost something. */
  readonly #damaged = new Set<number>()
  readonly #opening = new Map<number, Promise<ReplicaId>>()
  /** Groups on the disk that are yet to be opened, again or for the first time: theirs is theirs. */
  readonly #unopened: Set<number>
  readonly #controller = new AbortController()
  readonly #tickMs: number

  /** Opens every group that the log knows. @throws {HoldfastError} `DISK_*` */
  static async open(options: ConsensusOptions): Promise<ConsensusNode> {
    const snapshots = await SnapshotStore.open(options.environment.disk)
    const node = new ConsensusNode(options, snapshots, await options.states(snapshots))
    for (const { group } of options.wal.groups) {
      if (node.#runs(group)) await node.#openOrHalt(group)
    }
    node.#tick()
    return node
  }

  private constructor(options: ConsensusOptions, snapshots: SnapshotStore, states: ReplicaStates) {
    const { network, timers, clock } = options.environment
    this.#options = options
    this.#states = states
    this.#unopened = new Set(options.wal.groups.map(({ group }) => group))
    this.#tickMs = options.raft?.tickMs ?? raftDefaults.tickMs
    const { signal } = this.#controller
    this.#transport = new RaftTransport({
      network,
      timers,
      signal,
      afterTurn: this.#afterTurn,
      receive: ({ group, message }) => this.#groups.get(group)?.step({ type: 'message', message }),
      lost: peer => this.#lost(peer),
    })
    const groupOf = (group: number): RaftGroup | undefined => this.#groups.get(group)
    this.#calls = new LeaderCalls({ network, timers, clock, groupOf, afterTurn: this.#afterTurn })
    const intake = new SnapshotIntake(snapshots, groupOf)
    this.#intake = intake
    const { disk } = snapshots
    const { failed } = options
    const afterTurn = this.#afterTurn
    this.#posts = new SnapshotPosts({ network, disk, signal, groupOf, afterTurn, failed })
    network.onRequest(SNAPSHOT_PROTOCOL, (from, body) => this.#onDisk(intake.take(from, body)))
    network.onRequest(HOST, async (_from, body) => {
      const replica = await this.#onDisk(this.host(Number(toUtf8(body))))
      return fromUtf8(replica)
    })
  }

  /** Groups with a replica that runs here, ascending. */
  get groups(): readonly RaftGroup[] {
    return [...this.#groups.values()].toSorted((a, b) => a.group - b.group)
  }

  /** Groups that lost part of their log here, and wait to be invited again. */
  get damaged(): readonly number[] {
    return [...this.#damaged].toSorted((a, b) => a - b)
  }

  /** Messages sent to other peers since the start. */
  get messagesSent(): number {
    return this.#transport.sent
  }

  get self(): PeerId {
    return this.#options.environment.network.self
  }

  group(group: number): RaftGroup | undefined {
    return this.#groups.get(group)
  }

  /**
   * Makes a group with this peer as its only voter.
   * @throws {HoldfastError} `FILE_EXISTS` if the group, or what is left of it, is here already.
   */
  async found(
    group: number,
    replica: ReplicaId = newReplicaId(this.self, this.#options.environment.random),
  ): Promise<void> {
    const { wal } = this.#options
    if (wal.group(group) !== undefined) {
      const path = `group ${group}`
      throw new HoldfastError(`Cannot found ${path}: it is here`, { code: 'FILE_EXISTS', path })
    }
    await foundGroup(wal, group, replica)
    await this.#open(group)
  }

  /**
   * Runs a group whose state is here already and says that it begins with `mark`, under the name that
   * its members know. Does nothing if the group is here by itself.
   */
  async adopt(group: number, replica: ReplicaId, mark: SnapshotMark): Promise<void> {
    if (this.#isHere(group)) return
    const opening = this.#adopt(group, replica, mark)
    this.#opening.set(group, opening)
    await opening.finally(() => this.#opening.delete(group))
  }

  /** Ends a group's replica here and removes what there is of it. */
  async drop(group: number): Promise<void> {
    const running = this.#groups.get(group)
    if (running === undefined) return
    // Until it is gone nobody is to begin anew here.
    this.#unopened.add(group)
    try {
      running.stop('the group has gone')
      await running.ended()
      this.#groups.delete(group)
      await this.#options.wal.append([{ type: 'drop', group }])
      await this.#states.erase(group)
    } finally {
      this.#unopened.delete(group)
    }
    this.#options.changed?.(group)
  }

  /**
   * Gets ready to become a member of a group, and returns under which name. A replica that runs
   * keeps its name; where there was none, or a damaged one, there is a new one that knows nothing.
   */
  host(group: number): Promise<ReplicaId> {
    const running = this.#groups.get(group)
    if (running !== undefined) return Promise.resolve(running.replica)
    if (!this.#runs(group)) return Promise.reject(groupUnknown(group))
    if (this.#unopened.has(group)) return Promise.reject(notReady(group))
    const opening = this.#opening.get(group) ?? this.#beginAnew(group)
    this.#opening.set(group, opening)
    return opening.finally(() => this.#opening.delete(group))
  }

  /** Asks another peer to get ready. @throws {HoldfastError} `PEER_UNREACHABLE`, `TIMEOUT`, … */
  async invite(peer: PeerId, group: number, options: CallOptions = {}): Promise<ReplicaId> {
    const { network } = this.#options.environment
    const { deadlineMs = DEADLINE_MS, signal } = options
    if (peer === network.self) return this.host(group)
    const body = fromUtf8(String(group))
    const replica = toUtf8(await network.request(peer, HOST, { body, deadlineMs, signal }))
    if (peerOf(replica) === peer) return replica
    throw new HoldfastError(`Cannot invite ${peer}: it answers for another`, {
      code: 'MALFORMED',
      what: 'replica',
      offset: 0,
    })
  }

  /** See `LeaderCalls.propose`. */
  propose(group: number, command: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    return this.#timed('commanded', () => this.#calls.propose(group, command, options))
  }

  /** See `LeaderCalls.proposeAll`. */
  proposeAll(
    group: number,
    commands: readonly Uint8Array[],
    options: CallOptions = {},
  ): Promise<readonly Outcome[]> {
    return this.#timed('commanded', () => this.#calls.proposeAll(group, commands, options))
  }

  /**
   * Answers a question from the state here, which holds everything that was done before the question.
   * @throws {HoldfastError} `NO_QUORUM`, `GROUP_UNKNOWN`; `TIMEOUT` where this replica lags too far;
   *   and what the state machine answers
   */
  async query(group: number, question: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    await this.current(group, options)
    return this.#replica(group).query(question)
  }

  /**
   * Resolves when the state here holds everything that was done before the call.
   * @throws {HoldfastError} see `query`
   */
  current(group: number, options: CallOptions = {}): Promise<void> {
    return this.#timed('caughtUp', () => this.#current(group, options))
  }

  async #current(group: number, options: CallOptions): Promise<void> {
    const { timers, clock } = this.#options.environment
    const { deadlineMs = DEADLINE_MS, signal } = options
    const endMs = clock.monotonicMs() + deadlineMs
    const index = await this.#calls.readIndex(group, { deadlineMs, signal })
    const replica = this.#replica(group)
    const ms = Math.max(0, endMs - clock.monotonicMs())
    await withDeadline(timers, { ms, what: `entry ${index}`, signal }, () => replica.reach(index))
  }

  /** Answers from the state here as it is, however old. @throws {HoldfastError} `GROUP_UNKNOWN` */
  queryStale(group: number, question: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#replica(group).query(question)
  }

  /**
   * Begins a change of members, where this peer leads; resolves when its first step is in force.
   * @throws {HoldfastError} `NOT_LEADER`, `CHANGE_REFUSED`; `OUTCOME_UNKNOWN`
   */
  change(group: number, membership: Membership): Promise<void> {
    return this.#replica(group).change(membership)
  }

  /** Stands for election in a group that nobody leads, without waiting until that shows. */
  stand(group: number): void {
    const replica = this.#groups.get(group)
    if (replica === undefined || replica.leader !== undefined) return
    const name = replica.replica
    const message = { type: 'timeoutNow', from: name, to: name, term: replica.term } as const
    replica.step({ type: 'message', message })
  }

  /** Ends a replica that must not go on with what it has; it stays on the disk. */
  halt(group: number, error: unknown): void {
    this.#groups.get(group)?.fail(error)
  }

  /** Hands leadership over, where this peer leads. */
  transfer(group: number, to?: ReplicaId): void {
    this.#replica(group).step(to === undefined ? { type: 'transfer' } : { type: 'transfer', to })
  }

  /** Stops every group; nobody is left waiting. */
  async close(): Promise<void> {
    this.#controller.abort(new HoldfastError('stopped', { code: 'CLOSED', what: 'consensus' }))
    const groups = [...this.#groups.values()]
    for (const group of groups) group.stop('this peer stops')
    await Promise.all(groups.map(group => group.ended()))
    await this.#intake.close()
  }

  async #timed<Answer>(
    what: 'commanded' | 'caughtUp',
    call: () => Promise<Answer>,
  ): Promise<Answer> {
    const { meter, environment } = this.#options
    if (meter === undefined) return call()
    const { clock } = environment
    const startMs = clock.monotonicMs()
    let isDone = false
    try {
      const answer = await call()
      isDone = true
      return answer
    } finally {
      meter[what](isDone, clock.monotonicMs() - startMs)
    }
  }

  #replica(group: number): RaftGroup {
    const replica = this.#groups.get(group)
    if (replica === undefined) throw groupUnknown(group)
    return replica
  }

  readonly #afterTurn = (work: () => void): void => {
    const { afterTurn } = this.#options
    if (afterTurn === undefined) void Promise.resolve().then(work)
    else afterTurn(work)
  }

  #tick(): void {
    if (this.#controller.signal.aborted) return
    for (const group of this.#groups.values()) group.step({ type: 'tick' })
    this.#options.environment.timers.after(this.#tickMs, () => this.#tick())
  }

  #runs(group: number): boolean {
    return this.#options.runs?.(group) ?? true
  }

  async #openOrHalt(group: number): Promise<void> {
    try {
      await this.#open(group)
    } catch (error) {
      if (!isOfProgram(error)) throw error
      this.#options.halted?.(group, error)
    }
  }

  async #open(group: number): Promise<void> {
    const state = await this.#states.open(group)
    const found = await findGroup(this.#options.wal, group, state.start)
    this.#unopened.delete(group)
    if (found === undefined) this.#damaged.add(group)
    else this.#run(group, found, state)
    this.#options.changed?.(group)
  }

  #isHere(group: number): boolean {
    const isOpening = this.#opening.has(group) || this.#unopened.has(group)
    return isOpening || this.#options.wal.group(group) !== undefined
  }

  async #adopt(group: number, replica: ReplicaId, mark: SnapshotMark): Promise<ReplicaId> {
    await beginBehind(this.#options.wal, group, { replica, mark })
    await this.#open(group)
    return replica
  }

  async #beginAnew(group: number): Promise<ReplicaId> {
    const { wal, environment, changed } = this.#options
    if (!Number.isSafeInteger(group) || group < 0) throw groupUnknown(group)
    if (this.#groups.size >= GROUPS_MAX) throw tooMany()
    const name = newReplicaId(environment.network.self, environment.random)
    await this.#states.erase(group)
    await beginAnew(wal, group, name)
    this.#damaged.delete(group)
    // Every other damage is of a group that waits, or never was here under a name it still has.
    if (this.#damaged.size === 0) wal.forgiveDamage()
    const state = await this.#states.open(group)
    const found = await findGroup(wal, group, state.start)
    if (found === undefined) throw groupUnknown(group)
    this.#run(group, found, state)
    changed?.(group)
    return found.replica
  }

  #run(group: number, found: FoundGroup, state: ReplicaState): void {
    const { environment, wal, raft = {}, compactionOf, changed, meter } = this.#options
    const compaction = compactionOf?.(group) ?? this.#options.compaction ?? {}
    const { clock, random } = environment
    const replica = new RaftGroup(
      {
        group,
        raft,
        compaction,
        clock,
        random: random.fork(`group ${group} ${found.replica}`),
        wal,
        state,
        send: messages => this.#transport.send(group, messages),
        sendSnapshot: wish => void this.#posts.send(group, wish),
        afterTurn: this.#afterTurn,
        changed: () => {
          const { leader } = replica
          if (leader !== undefined) this.#calls.leaderChanged(group, peerOf(leader))
          changed?.(group)
        },
        failed: error => this.#failed(group, error),
        meter,
      },
      found,
    )
    this.#groups.set(group, replica)
    replica.begin()
  }

  /** A disk that has failed ends the peer, whoever was the first to notice. */
  async #onDisk<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work
    } catch (error) {
      if (codeOf(error) === 'DISK_FAILED') this.#options.failed(error)
      throw error
    }
  }

  /** What was on its way to this peer may be lost, for every group that has a replica there. */
  #lost(peer: PeerId): void {
    for (const group of this.#groups.values()) {
      const { voters, outgoing, learners } = group.configuration
      for (const replica of [...voters, ...outgoing, ...learners]) {
        if (peerOf(replica) === peer) group.step({ type: 'unreachable', replica })
      }
    }
  }

  /** Trouble with the disk that may pass is a restart of the group; everything else is the peer's. */
  #failed(group: number, error: unknown): void {
    const ended = this.#groups.get(group)?.ended()
    this.#groups.delete(group)
    this.#options.changed?.(group)
    const mayPass = ['DISK_FULL', 'DISK_IO', 'BUSY', 'LOG_DAMAGED'].includes(codeOf(error) ?? '')
    if (isOfProgram(error)) {
      this.#unopened.add(group)
      this.#options.halted?.(group, error)
    } else if (mayPass) {
      this.#unopened.add(group)
      void this.#reopen(group, ended)
    } else if (!this.#controller.signal.aborted) {
      this.#options.failed(error)
    }
  }

  async #reopen(group: number, ended: Promise<void> | undefined): Promise<void> {
    const { signal } = this.#controller
    for (;;) {
      try {
        // Nobody else may write to its state.
        await ended
        await sleep(this.#options.environment.timers, REOPEN_MS, signal)
        await this.#open(group)
        return
      } catch (error) {
        if (signal.aborted) return
        const mayPass = ['DISK_FULL', 'DISK_IO', 'BUSY'].includes(codeOf(error) ?? '')
        if (!mayPass) {
          this.#options.failed(error)
          return
        }
      }
    }
  }
}

/** It is the application's program that cannot go on, not this peer. */
const isOfProgram = (error: unknown): boolean =>
  ['MACHINE_DIVERGED', 'MACHINE_OUTDATED'].includes(codeOf(error) ?? '')

function notReady(group: number): HoldfastError {
  const details = { code: 'BUSY', what: 'group' } as const
  return new HoldfastError(`Cannot answer for group ${group}: it is not open yet`, details)
}

function tooMany(): HoldfastError {
  const details = { code: 'BUSY', what: 'groups', limit: GROUPS_MAX } as const
  return new HoldfastError(`Cannot take another group: ${GROUPS_MAX} are here`, details)
}
