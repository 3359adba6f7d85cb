/**
 * The state of one group of the catalog on this peer: rows in a key-value store, and the sessions of
 * those who change them.
 *
 *  - A run of commands is one synced batch: rows, sessions, and the mark of what the state is made
 *    of. So a state on the disk is always that of some entry, and no entry is applied twice.
 *  - Nothing more is needed to let entries of the log go. A file is made only for a replica that lags
 *    too far, from a view of the store, and is removed once it was sent.
 *  - A file that came is put into a space of its own; one batch then makes that the group's. Whatever
 *    is left half way is in a space that nobody has, and is removed at the next start.
 *
 * Commands carry the time of the leader that appended them. What the catalog is told rises with every
 * command, whatever the leaders' clocks say: a lease that was over once stays over.
 *
 * A command that splits the range makes the other half a group of its own, in the same batch: the
 * same space, sessions and voters, with a log that begins where the split stands in this one. Until
 * the child has agreed on something, and so is on a majority, this log is kept from the split on: who
 * missed that gets the child by applying it.
 */
import { assert } from '../../base/assert.ts'
import { proposals } from '../../catalog/command-codec.ts'
import { type Result, results } from '../../catalog/results.ts'
import type { Program } from '../../catalog/rows.ts'
import { after, type Stamp } from '../../catalog/stamp.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import {
  encodeSessionReply,
  type SessionReply,
  type SessionRequest,
  understoodRequest,
  withTime,
} from '../../consensus/session-command.ts'
import { StateHash } from '../../consensus/state-hash.ts'
import type { Command } from '../../consensus/state-machine.ts'
import type { KeyChange } from '../../storage/key-value.ts'
import type { HeldSnapshot, ReplicaState, Results, Run } from '../consensus/replica-state.ts'
import type { CatalogStates } from './catalog-states.ts'
import { CatalogStore, type Turn } from './catalog-store.ts'
import type { Child, Standing } from './group-row.ts'
import { answerInBytes, sentQuestions } from './questions.ts'
import type { RowSpace } from './row-space.ts'
import { sessionRowsOf, SessionRows } from './session-rows.ts'
import { HeldFile } from './state-file.ts'

/** 48 bits, as stamps have them. */
const STAMP_MS_MAX = 2 ** 48 - 1
/** In which a child's log begins, on every replica. */
const CHILD_TERM = 1

/** A range that a command has split off, with its sessions as they were then. */
interface Birth extends Child {
  readonly stamp: Stamp
  readonly sessionsMs: number
  readonly sessions: readonly KeyChange[]
}

export class CatalogState implements ReplicaState {
  readonly start: SnapshotMark
  readonly #group: number
  readonly #states: CatalogStates
  #standing: Standing
  #space: RowSpace
  #store: CatalogStore
  #sessions: SessionRows
  /** What the standing on the disk says. */
  #durableIndex: number
  #births: Birth[] = []
  #underWay: Promise<unknown> | undefined
  #held: HeldFile | undefined

  /** Opens what the standing says is there. */
  static async open(
    states: CatalogStates,
    group: number,
    standing: Standing,
  ): Promise<CatalogState> {
    const space = states.spaceAt(standing.space)
    const sessions = await loadSessions(states, space, group, standing)
    return new CatalogState({ states, group, standing, space, sessions })
  }

  private constructor({ states, group, standing, space, sessions }: Parts) {
    this.#states = states
    this.#group = group
    this.#standing = standing
    this.#space = space
    this.#store = new CatalogStore(space)
    this.#sessions = sessions
    this.#durableIndex = standing.mark.index
    this.start = standing.mark
  }

  prepare(command: Uint8Array): Uint8Array {
    return withTime(command, this.#states.stampMs())
  }

  apply(run: Run): Results | Promise<Results> {
    if (run.commands.length > 0) return this.#doing(this.#applyRun(run))
    this.#standing = { ...this.#standing, mark: run.mark }
    return []
  }

  async query(question: Uint8Array): Promise<Uint8Array> {
    return answerInBytes(sentQuestions.decode(question), program => this.ask(program))
  }

  /** Answers from the state as it is. */
  ask<Value>(program: Program<Value>): Promise<Value> {
    return this.#store.ask(program)
  }

  /** What its sessions are, in a few words: equal on replicas that applied the same. */
  async sessionsDigest(): Promise<string> {
    const hash = new StateHash()
    for await (const { key, value } of sessionRowsOf(this.#space, this.#group)) {
      hash.add([key, value])
    }
    return hash.digest()
  }

  async secure({ index }: SnapshotMark): Promise<number> {
    await this.#secureMark()
    await this.#removeOldFiles()
    const open = this.#standing.children.map(child => child.index - 1)
    return Math.min(index, ...open)
  }

  async snapshot(index: number): Promise<HeldSnapshot> {
    if (this.#held === undefined || !this.#held.isUsable(index)) {
      while (this.#underWay !== undefined) await this.#underWay.catch(() => undefined)
      await this.#secureMark()
      this.#held = new HeldFile(this.#states, this.#group, this.#space)
    }
    return this.#held.hold(index)
  }

  install(mark: SnapshotMark): Promise<void> {
    return this.#doing(this.#install(mark))
  }

  async close(): Promise<void> {
    await this.#underWay?.catch(() => undefined)
  }

  async #doing<Value>(work: Promise<Value>): Promise<Value> {
    assert(this.#underWay === undefined, 'a state does one thing at a time')
    this.#underWay = work
    try {
      return await work
    } finally {
      this.#underWay = undefined
    }
  }

  async #applyRun({ commands, mark }: Run): Promise<Results> {
    const turn = this.#store.turn()
    const answers: Uint8Array[] = []
    for (const command of commands) {
      answers.push(encodeSessionReply(await this.#execute(command, turn)))
    }
    const births = this.#takeBirths()
    const children = [...this.#openChildren(), ...births].map(({ group, index }) => ({
      group,
      index,
    }))
    const sessionsMs = this.#sessions.sessions.nowMs
    this.#standing = { ...this.#standing, mark, sessionsMs, parent: undefined, children }
    const rows = [...turn.changes, ...this.#sessions.takeChanges()]
    const born = births.map(birth => this.#standingOf(birth, mark))
    const copies = births.flatMap(({ sessions }) => sessions)
    const changes = this.#space.placed([...rows, ...copies])
    await this.#states.write(this.#group, this.#standing, { changes, born })
    this.#durableIndex = mark.index
    for (const { group } of born) this.#states.born(group)
    return answers
  }

  async #execute({ index, data }: Command, turn: Turn): Promise<SessionReply> {
    const request = understoodRequest(data)
    if (request === undefined) return { type: 'malformed' }
    const rows = this.#sessions
    rows.begin(index, request.timeMs)
    const taken = rows.sessions.take(request, this.#states.sessionId(this.#group, index))
    if (taken.type !== 'execute') return taken
    const result = await this.#run(taken.payload, index, { request, turn })
    const payload = results.encode(result)
    if (request.type === 'command') {
      rows.sessions.record(request.session, request.sequence, payload)
    }
    if (result.type === 'range' && result.child !== undefined) this.#split(taken.payload, index)
    return { type: 'done', payload }
  }

  #run(
    bytes: Uint8Array,
    index: number,
    { request, turn }: { readonly request: SessionRequest; readonly turn: Turn },
  ): Promise<Result> {
    const wanted = { ms: Math.min(Math.floor(request.timeMs), STAMP_MS_MAX), count: 0 }
    const stamp = after(this.#standing.stamp, wanted)
    this.#standing = { ...this.#standing, stamp }
    return turn.apply({ bytes, context: { group: this.#group, index, stamp } })
  }

  #split(payload: Uint8Array, index: number): void {
    const { command } = proposals.decode(payload)
    assert(command.type === 'splitRange', 'only a split has a child')
    const { nowMs } = this.#sessions.sessions
    this.#births.push({
      group: command.child,
      index,
      stamp: this.#standing.stamp,
      sessionsMs: nowMs,
      sessions: this.#sessions.copyFor(command.child),
    })
  }

  #takeBirths(): Birth[] {
    const births = this.#births
    this.#births = []
    return births
  }

  #standingOf(
    { group, index, stamp, sessionsMs }: Birth,
    { configuration }: SnapshotMark,
  ): { readonly group: number; readonly standing: Standing } {
    const mark = { index, term: CHILD_TERM, configuration }
    const { space } = this.#standing
    const parent = this.#group
    return { group, standing: { space, mark, stamp, sessionsMs, parent, children: [] } }
  }

  /** Those that may not be on a majority of their voters yet. */
  #openChildren(): readonly Child[] {
    return this.#standing.children.filter(child => !this.#states.isEstablished(child))
  }

  /** Entries that are no commands change nothing but the mark. */
  async #secureMark(): Promise<void> {
    const children = this.#openChildren()
    const isSame = children.length === this.#standing.children.length
    if (isSame && this.#durableIndex === this.#standing.mark.index) return
    this.#standing = { ...this.#standing, children }
    const { index } = this.#standing.mark
    await this.#states.write(this.#group, this.#standing, {})
    this.#durableIndex = Math.max(this.#durableIndex, index)
  }

  async #install(mark: SnapshotMark): Promise<void> {
    const standing = await this.#states.restore(this.#group, mark)
    this.#space = this.#states.spaceAt(standing.space)
    this.#store = new CatalogStore(this.#space)
    this.#sessions = await loadSessions(this.#states, this.#space, this.#group, standing)
    this.#standing = standing
    this.#durableIndex = mark.index
  }

  /** A file that came and was not needed, for the log came as well. */
  async #removeOldFiles(): Promise<void> {
    const { snapshots } = this.#states
    const newest = snapshots.newestPath(this.#group)
    if (newest === undefined || newest.mark.index > this.#durableIndex) return
    if (this.#held?.isOpen !== true) await snapshots.remove(this.#group, newest.mark)
  }
}

interface Parts {
  readonly states: CatalogStates
  readonly group: number
  readonly standing: Standing
  readonly space: RowSpace
  readonly sessions: SessionRows
}

const loadSessions = (
  states: CatalogStates,
  space: RowSpace,
  group: number,
  { sessionsMs }: Standing,
): Promise<SessionRows> =>
  SessionRows.load(space, group, { nowMs: sessionsMs, limits: states.limits })
