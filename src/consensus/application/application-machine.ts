/**
 * A machine of an application as a group replicates it: its rows, the answers its keys got, timers,
 * files that wait for their command, and a backlog of what it told.
 *
 *  1. The time of the log goes on with each command, and gives it a stamp that no other has.
 *  2. What is due by then happens first: timers, each by itself; stages and keys whose time is over.
 *  3. A command whose key was met before gets the answer of the first time.
 *  4. Any other one runs its reducer. If that throws, or there is no room for what it does, nothing
 *     was changed; rows, timers, files, events and the remembered answer change together, or not.
 *
 * A refusal is an answer, and is remembered; a bug of the reducer and lack of room are not.
 *
 * Equal logs make equal states; their hashes are compared between replicas (`hashes`), because what a
 * reducer does is not in our hands.
 */
import { assert } from '../../base/assert.ts'
import { toUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { Command, StateMachine } from '../state-machine.ts'
import { readApplication, writeApplication } from './application-snapshot.ts'
import {
  type MachineContext,
  type MachineDefinition,
  type MachineLimits,
  machineLimits,
  type MachineMoment,
  type MachineState,
} from './definition.ts'
import {
  encodeMachineResult,
  type Kept,
  type MachineCommand,
  type MachineResult,
  understoodCommand,
} from './machine-command.ts'
import { digest, type Parts, partsFor, readOnly, writable } from './machine-parts.ts'
import { answerMachineQuestion, type MachineFacts } from './machine-question.ts'
import { NoRoom, textOf } from './machine-rows.ts'
import type { Stage } from './stage-book.ts'
import { Refusal, Wishes } from './wishes.ts'

export interface ApplicationOptions {
  readonly definition: MachineDefinition
  /** Runs work of the application, and sees to it that it depends on nothing that it must not. */
  readonly guarded: <Result>(work: () => Result) => Result
}

/** Due timers that one entry fires: the others come with the next. */
const TIMERS_AT_ONCE_MAX = 256
const STAGES_MAX = 4_096
/** States that are remembered by their hash. */
const HASHES_MAX = 1_024

export class ApplicationMachine implements StateMachine {
  readonly #options: ApplicationOptions
  readonly #limits: MachineLimits
  #parts: Parts
  #index = 0
  #stamp = { ms: 0, count: 0 }
  /** 0 until the log says one. */
  #version = 0
  /** By index, of the last commands. */
  #hashes = new Map<number, string>()
  #failures = 0
  #lastFailure = ''

  constructor(options: ApplicationOptions) {
    this.#options = options
    this.#limits = { ...machineLimits, ...options.definition.limits }
    this.#parts = partsFor(this.#limits)
  }

  /** The version in force. */
  get version(): number {
    return this.#version
  }

  /** Hashes of the state behind each of the last commands, ascending. */
  get hashes(): ReadonlyMap<number, string> {
    return this.#hashes
  }

  /** When the first timer is due, or the first stage is over. */
  get nextMs(): number | undefined {
    const ends = this.#parts.stages
      .all()
      .flatMap(({ untilMs, isOver }) => (isOver ? [] : [untilMs]))
    const { nextMs } = this.#parts.timers
    const all = nextMs === undefined ? ends : [...ends, nextMs]
    return all.length === 0 ? undefined : Math.min(...all)
  }

  get facts(): MachineFacts {
    const { rows, keys, timers, stages, events } = this.#parts
    return {
      index: this.#index,
      timeMs: this.#stamp.ms,
      version: this.#version,
      hash: this.hash(),
      rows: rows.size,
      bytes: rows.bytes + keys.bytes,
      keys: keys.size,
      timers: timers.size,
      stages: stages.size,
      oldestEvent: events.oldest,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
    }
  }

  /** Files that are to be deleted. */
  get sweepable(): readonly Stage[] {
    return this.#parts.stages.over(SWEPT_MAX)
  }

  /**
   * @throws {HoldfastError} `MACHINE_OUTDATED`: this program does not know the version that is in force
   */
  apply(commands: readonly Command[]): readonly Uint8Array[] {
    return this.#options.guarded(() =>
      commands.map(command => encodeMachineResult(this.#execute(command))),
    )
  }

  query(question: Uint8Array): Uint8Array {
    const { rows, keys, events } = this.#parts
    const { definition, guarded } = this.#options
    return answerMachineQuestion(toUtf8(question), {
      ask: asked => {
        if (definition.query === undefined) throw new TypeError('this machine answers no questions')
        return guarded(() => definition.query?.(readOnly(rows), asked, this.#moment))
      },
      answerOf: key => keys.get(key),
      events: (after, limit) => events.behind(after, limit),
      facts: this.facts,
    })
  }

  snapshot(): Iterable<Uint8Array> {
    const { rows, keys, timers, stages, events } = this.#parts
    return writeApplication({
      index: this.#index,
      stamp: this.#stamp,
      version: this.#version,
      rows: rows.all(),
      keys: keys.all(),
      timers: timers.all(),
      stages: stages.all(),
      events: events.all(),
      oldest: events.oldest,
      hash: this.hash(),
    })
  }

  /**
   * No pieces at all make an empty machine.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`, `MACHINE_OUTDATED`: the machine is as it was
   */
  restore(pieces: readonly Uint8Array[]): void {
    const parts = partsFor(this.#limits)
    const found = pieces.length === 0 ? undefined : readApplication(pieces)
    if (found !== undefined) {
      if (found.version > 0) this.#checkVersion(found.version)
      parts.rows.load(found.rows)
      for (const [key, answer] of found.keys) parts.keys.keep(key, answer)
      for (const timer of found.timers) parts.timers.set(timer)
      for (const stage of found.stages) parts.stages.add(stage)
      parts.events.load(found.events, found.oldest)
      if (digest(parts.hash, found.version) !== found.hash) throw brokenState()
    }
    this.#parts = parts
    this.#index = found?.index ?? 0
    this.#stamp = found?.stamp ?? { ms: 0, count: 0 }
    this.#version = found?.version ?? 0
    this.#hashes = new Map(found === undefined ? [] : [[found.index, found.hash]])
  }

  /** Equal for equal states. */
  hash(): string {
    return digest(this.#parts.hash, this.#version)
  }

  get #moment(): MachineMoment {
    const stamp = this.#stamp
    return { index: this.#index, timeMs: stamp.ms, stamp, version: this.#version }
  }

  #execute({ index, data, timeMs = 0 }: Command): MachineResult {
    assert(index > this.#index, `command ${index} comes after command ${this.#index}`)
    const command = understoodCommand(data)
    if (command?.type === 'raise') this.#checkVersion(Math.max(command.version, this.#version))
    this.#index = index
    const ms = Math.floor(timeMs)
    const isLater = ms > this.#stamp.ms
    this.#stamp = isLater ? { ms, count: 0 } : { ...this.#stamp, count: this.#stamp.count + 1 }
    this.#parts.keys.advance(this.#stamp.ms)
    this.#parts.stages.advance(this.#stamp.ms)
    this.#fireTimers()
    const result = this.#carryOut(command)
    this.#parts.flush()
    this.#remember()
    return result
  }

  #carryOut(command: MachineCommand | undefined): MachineResult {
    const { stages } = this.#parts
    switch (command?.type) {
      case undefined:
        return { type: 'malformed' }
      case 'command':
        return this.#command(command)
      case 'tick':
        return { type: 'ok' }
      case 'raise':
        this.#version = Math.max(this.#version, command.version)
        return { type: 'ok' }
      case 'stage': {
        if (stages.size >= STAGES_MAX) return { type: 'full', what: 'stages' }
        const { stage: id, files, ttlMs } = command
        stages.add({ id, files, untilMs: this.#stamp.ms + ttlMs, isOver: false })
        return { type: 'ok' }
      }
      case 'swept':
        for (const id of command.stages) stages.remove(id)
        return { type: 'ok' }
    }
  }

  #command(wanted: Wanted): MachineResult {
    const { stages } = this.#parts
    if (this.#version === 0) return { type: 'unready' }
    const { stage } = wanted
    if (stage !== undefined && !stages.isOpen(stage)) {
      return this.#repeated(wanted) ?? { type: 'late' }
    }
    const result = this.#repeated(wanted) ?? this.#apply(wanted)
    const isTaken = result.type === 'done' && result.isRepeat !== true
    if (stage === undefined) return result
    if (isTaken) stages.remove(stage)
    else stages.end(stage)
    return result
  }

  #repeated({ key, print = '' }: Wanted): MachineResult | undefined {
    const kept = key === undefined ? undefined : this.#parts.keys.get(key)
    if (kept === undefined) return undefined
    if (kept.print !== print) return { type: 'reused' }
    const { type, text, index, ms, count } = kept
    return { type, answer: JSON.parse(text) as unknown, index, ms, count, isRepeat: true }
  }

  #apply({ command, key, print = '', files = [] }: Wanted): MachineResult {
    const { definition } = this.#options
    const { keys } = this.#parts
    if (key !== undefined && keys.isFull) return { type: 'full', what: 'keys' }
    const ended = this.#transact({ key, files }, (state, context) =>
      definition.apply(state, command, context),
    )
    if (ended.type === 'failed' || ended.type === 'full') return ended
    const { type, text } = ended
    const { index, stamp } = this.#moment
    if (key !== undefined) keys.keep(key, { print, type, text, index, ...stamp })
    return { type, answer: JSON.parse(text) as unknown, index, ...stamp }
  }

  /** What is due now, each by itself: one that fails is over all the same. */
  #fireTimers(): void {
    const { definition } = this.#options
    for (let fired = 0; fired < TIMERS_AT_ONCE_MAX; fired++) {
      const timer = this.#parts.timers.takeDue(this.#stamp.ms)
      if (timer === undefined) return
      const { name, dueMs } = timer
      const payload = JSON.parse(timer.payload) as unknown
      const ended = this.#transact({ key: undefined, files: [] }, (state, context) => {
        definition.onTimer?.(state, { name, dueMs, payload }, context)
        return null
      })
      if (ended.type !== 'done') this.#note(`timer ${name}: ${reasonOf(ended)}`)
    }
  }

  /** All of it, or nothing. */
  #transact(
    brought: Pick<MachineContext<unknown>, 'key' | 'files'>,
    work: (state: MachineState, context: MachineContext<unknown>) => unknown,
  ): Ended {
    const { rows } = this.#parts
    const wishes = new Wishes({ ...this.#moment, ...brought }, this.#parts.timers, this.#limits)
    try {
      const answer = work(writable(rows), wishes.context)
      if (isPromise(answer)) throw new TypeError('a reducer answers at once, not with a promise')
      const text = textOf(answer ?? null, 'answer')
      rows.commit()
      this.#grant(wishes)
      return { type: 'done', text }
    } catch (error) {
      rows.undo()
      if (error instanceof Refusal) return { type: 'refused', text: textOf(error.reason, 'reason') }
      if (error instanceof NoRoom) return { type: 'full', what: error.what }
      const reason = error instanceof Error ? error.message : String(error)
      this.#note(reason)
      return { type: 'failed', reason }
    } finally {
      wishes.close()
    }
  }

  #grant({ timers, events }: Wishes): void {
    for (const [name, timer] of timers) {
      if (timer === undefined) this.#parts.timers.cancel(name)
      else this.#parts.timers.set(timer)
    }
    const { index, stamp } = this.#moment
    for (const text of events) this.#parts.tell({ index, ...stamp, text })
  }

  #note(failure: string): void {
    this.#failures++
    this.#lastFailure = `at ${this.#index}: ${failure}`.slice(0, 500)
  }

  #remember(): void {
    this.#hashes.set(this.#index, this.hash())
    if (this.#hashes.size <= HASHES_MAX) return
    for (const first of this.#hashes.keys()) {
      this.#hashes.delete(first)
      return
    }
  }

  #checkVersion(version: number): void {
    const { version: known, oldestVersion: oldest = 1 } = this.#options.definition
    if (version <= known && version >= oldest) return
    const details = { code: 'MACHINE_OUTDATED', version, known } as const
    throw new HoldfastError(
      `Cannot apply version ${version} of this machine: the program knows ${oldest} to ${known}`,
      details,
    )
  }
}

const SWEPT_MAX = 32

type Wanted = Extract<MachineCommand, { readonly type: 'command' }>

type Ended =
  | { readonly type: Kept['type']; readonly text: string }
  | Extract<MachineResult, { readonly type: 'failed' | 'full' }>

const isPromise = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

const reasonOf = (ended: Ended): string =>
  ended.type === 'failed'
    ? ended.reason
    : ended.type === 'full'
      ? `no room: ${ended.what}`
      : ended.text

const brokenState = (): HoldfastError =>
  new HoldfastError('Cannot restore a machine: its state is not what its hash says', {
    code: 'MALFORMED',
    what: 'snapshot hash',
    offset: 0,
  })
