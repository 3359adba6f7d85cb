/**
 * The catalog as this peer reaches it: finds the group that has a place, asks it under the epoch that
 * it is believed to be in, and where that was wrong reads the shard map anew and asks again.
 *
 * A command is sent in the session of its group. A copy of it is the same bytes wherever it goes, with
 * the same epoch: so a group that has split or was absorbed meanwhile gives the answer of the first
 * time, or refuses it for good; only then it is sent anew, as another command.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Command } from '../../catalog/commands.ts'
import { type Place, type Position, positionOf } from '../../catalog/position.ts'
import { type Answered, rangeOf } from '../../catalog/queries.ts'
import { errorOf, type Refusal } from '../../catalog/refusals.ts'
import { type Result, results } from '../../catalog/results.ts'
import type { Shard } from '../../catalog/shard-map.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { ReachOptions } from '../consensus/group-reach.ts'
import { SessionClient } from '../consensus/session-client.ts'
import type { CatalogReach } from './catalog-reach.ts'
import type { CatalogStates } from './catalog-states.ts'
import type { Applied, CatalogAsk, CatalogCall, GroupQuestion, GroupQuestions } from './catalog.ts'
import { proposalBytes } from './places.ts'
import {
  type AnswerOf,
  answersTo,
  type AskedOf,
  programOf,
  type QuestionType,
  sentQuestions,
} from './questions.ts'
import type { ShardBook } from './shard-book.ts'

export interface CatalogClientOptions {
  readonly node: ConsensusNode
  readonly states: CatalogStates
  readonly reach: CatalogReach
  readonly book: ShardBook
  readonly clock: Clock
  readonly timers: Timers
}

const DEADLINE_MS = 10_000
/** One of several attempts to reach a group. */
const ATTEMPT_MS = 2_000
/** How long to wait before a map that led astray is read again. */
const AGAIN_MS = 20

/** The range has changed, or the sender was wrong about it. Nothing was done. */
const isMoved = ({ code }: Refusal): boolean =>
  code === 'STALE_EPOCH' || code === 'OUT_OF_RANGE' || code === 'RANGE_FROZEN'

const moved = ({ group, epoch }: Shard): Refusal => ({ code: 'STALE_EPOCH', group, epoch })

/** What may be over in a moment. */
const passing: ReadonlySet<string> = new Set([
  'BUSY',
  'GROUP_UNKNOWN',
  'NO_QUORUM',
  'OUTCOME_UNKNOWN',
  'PEER_UNREACHABLE',
  'TIMEOUT',
])

/** An answer, and the range that gave it. */
export interface Ranged<Value> {
  readonly value: Value
  readonly shard: Shard
}

export class CatalogClient {
  readonly #options: CatalogClientOptions
  readonly #sessions = new Map<number, SessionClient>()

  constructor(options: CatalogClientOptions) {
    this.#options = options
  }

  /** Has a command done by the group whose range a place is in. */
  propose(place: Place, command: Command, call: CatalogCall = {}): Promise<Applied> {
    return this.proposeAt(positionOf(place), command, call)
  }

  proposeAt(position: Position, command: Command, call: CatalogCall = {}): Promise<Applied> {
    return this.#untilSettled(call, position, async (shard, options) => {
      const payload = proposalBytes(shard.epoch, command)
      // Whoever has the place now knows the sessions of whoever had it before.
      const group = (): number => this.#options.book.find(position)?.group ?? shard.group
      const result = await this.#once(shard.group, payload, { ...options, group })
      return result.type === 'refused' ? result : { type: 'answer', value: result }
    })
  }

  async ask<Type extends QuestionType>(
    position: Position,
    type: Type,
    asked: AskedOf<Type>,
    call: CatalogAsk = {},
  ): Promise<AnswerOf<Type>> {
    return (await this.askRange(position, type, asked, call)).value
  }

  /** The same, with the range that it was asked of. */
  askRange<Type extends QuestionType>(
    position: Position,
    type: Type,
    asked: AskedOf<Type>,
    call: CatalogAsk = {},
  ): Promise<Ranged<AnswerOf<Type>>> {
    const isStale = call.consistency === 'stale'
    return this.#untilSettled(call, position, async (shard, options) => {
      const answered = await this.#askOnce(shard, type, asked, { ...options, isStale })
      if (answered === undefined) return { type: 'refused', refusal: moved(shard) }
      if (answered.type === 'refused') return answered
      return { type: 'answer', value: { value: answered.value, shard } }
    })
  }

  /** The range that a place is in. */
  async shardOf(position: Position, call: CatalogCall = {}): Promise<Shard> {
    const end = this.#endOf(call)
    for (;;) {
      const shard = await this.#find(position, end)
      if (shard !== undefined) return shard
    }
  }

  /** To a group that is led here. @throws {HoldfastError} `NOT_LEADER` */
  async proposeTo(group: number, command: Command, call: CatalogCall = {}): Promise<Applied> {
    const { deadlineMs = DEADLINE_MS, signal } = call
    const { epoch } = await this.#rangeHere(group)
    const payload = proposalBytes(epoch, command)
    const result = await this.#session(group).once(payload, {
      deadlineMs,
      signal,
      propose: async bytes => this.#ledHere(group).propose(bytes),
    })
    return appliedOf(results.decode(result))
  }

  /** The same for questions, which see everything that was done before. */
  async askOf<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    { deadlineMs = DEADLINE_MS, signal }: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    this.#ledHere(group)
    await this.#options.node.current(group, { deadlineMs, signal })
    const { epoch } = await this.#rangeHere(group)
    const answered = await this.#stateHere(group).ask(
      programOf<GroupQuestion>({ group, epoch }, type, asked as never),
    )
    if (answered.type === 'refused') throw errorOf(answered.refusal)
    return answered.value
  }

  /** To a group wherever it is; a question that a split overtakes is refused, and may be asked again. */
  async askGroup<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    { deadlineMs = DEADLINE_MS, signal }: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    const shard = this.#options.book.shards.find(each => each.group === group)
    if (shard === undefined) throw noQuorum(deadlineMs)
    const options = { deadlineMs, signal, isStale: false }
    const answered = await this.#askShard(shard, type, asked, options)
    if (answered.type === 'refused') throw errorOf(answered.refusal)
    return answered.value
  }

  /** Forgets what it knows of groups that are no more. */
  keep(groups: ReadonlySet<number>): void {
    for (const group of this.#sessions.keys()) if (!groups.has(group)) this.#sessions.delete(group)
    this.#options.reach.keep(groups)
  }

  /** Tries again wherever the range has gone, until there is an answer or no time left. */
  async #untilSettled<Value>(
    call: CatalogCall,
    position: Position,
    attempt: (shard: Shard, options: ReachOptions) => Promise<Answered<Value>>,
  ): Promise<Value> {
    const end = this.#endOf(call)
    for (;;) {
      const shard = await this.#find(position, end)
      if (shard === undefined) continue
      const leftMs = end.atMs - this.#options.clock.monotonicMs()
      const options = { deadlineMs: Math.max(1, leftMs), signal: call.signal }
      const answered = await attempt(shard, options)
      if (answered.type === 'answer') return answered.value
      if (!isMoved(answered.refusal)) throw errorOf(answered.refusal)
      const isSame = await this.#findAnew(shard, end)
      // Another of its places is in another range, then, which nobody can mend here.
      if (isSame && answered.refusal.code === 'OUT_OF_RANGE') throw errorOf(answered.refusal)
      if (isSame) await this.#pause(end)
    }
  }

  /** Undefined after a pause in which the map may have become whole. */
  async #find(position: Position, end: End): Promise<Shard | undefined> {
    const { book } = this.#options
    const known = book.find(position)
    if (known !== undefined) return known
    await this.#fetch(end)
    const found = book.find(position)
    if (found === undefined) await this.#pause(end)
    return found
  }

  /** After `shard` led astray; whether it is in the map still. */
  async #findAnew(shard: Shard, end: End): Promise<boolean> {
    const { book } = this.#options
    const isKnown = (): boolean =>
      book.shards.some(({ group, epoch }) => group === shard.group && epoch === shard.epoch)
    // Somebody else may have been led astray before, and found the way.
    if (!isKnown()) return false
    await this.#fetch(end)
    return isKnown()
  }

  async #fetch({ atMs, signal, deadlineMs }: End): Promise<void> {
    const leftMs = atMs - this.#options.clock.monotonicMs()
    if (leftMs <= 0) throw noQuorum(deadlineMs)
    try {
      await this.#options.book.fetch({ deadlineMs: Math.min(leftMs, ATTEMPT_MS) })
    } catch (error) {
      if (!passing.has(codeOf(error) ?? '')) throw error
    }
    signal?.throwIfAborted()
  }

  async #pause({ atMs, signal, deadlineMs }: End): Promise<void> {
    const { clock, timers } = this.#options
    if (clock.monotonicMs() + AGAIN_MS >= atMs) throw noQuorum(deadlineMs)
    await sleep(timers, AGAIN_MS, signal)
  }

  #endOf({ deadlineMs = DEADLINE_MS, signal }: CatalogCall): End {
    return { atMs: this.#options.clock.monotonicMs() + deadlineMs, signal, deadlineMs }
  }

  async #once(
    group: number,
    payload: Uint8Array,
    { group: target, ...options }: ReachOptions & { readonly group: () => number },
  ): Promise<Result> {
    const { reach } = this.#options
    const answer = await this.#session(group).once(payload, {
      ...options,
      propose: (command, each) => reach.propose(target(), command, each),
    })
    return results.decode(answer)
  }

  #session(group: number): SessionClient {
    const known = this.#sessions.get(group)
    if (known !== undefined) return known
    const { reach, clock, timers } = this.#options
    const session = new SessionClient({
      group,
      clock,
      timers,
      propose: (command, options) => reach.propose(group, command, options),
    })
    this.#sessions.set(group, session)
    return session
  }

  /** A question may be asked again; undefined if it should be, of whoever has the range then. */
  async #askOnce<Type extends QuestionType>(
    shard: Shard,
    type: Type,
    asked: AskedOf<Type>,
    options: ReachOptions & { readonly isStale: boolean },
  ): Promise<Answered<AnswerOf<Type>> | undefined> {
    try {
      const deadlineMs = Math.min(options.deadlineMs, ATTEMPT_MS)
      return await this.#askShard(shard, type, asked, { ...options, deadlineMs })
    } catch (error) {
      const mayHelp = passing.has(codeOf(error) ?? '') && options.signal?.aborted !== true
      if (!mayHelp || options.deadlineMs <= AGAIN_MS) throw error
      return undefined
    }
  }

  async #askShard<Type extends QuestionType>(
    { group, epoch }: Shard,
    type: Type,
    asked: AskedOf<Type>,
    { isStale, ...options }: ReachOptions & { readonly isStale: boolean },
  ): Promise<Answered<AnswerOf<Type>>> {
    const { node, states, reach } = this.#options
    const state = states.state(group)
    if (state !== undefined && reach.isHere(group)) {
      if (!isStale) await node.current(group, options)
      return state.ask(programOf({ group, epoch }, type, asked))
    }
    const question = sentQuestions.encode({ group, epoch, question: { type, asked } })
    if (!isStale) return answersTo(type).decode(await reach.query(group, question, options))
    try {
      return answersTo(type).decode(await reach.queryStale(group, question, options))
    } catch (error) {
      // Nobody else can be asked: then what is here is as new as it gets.
      if (state === undefined || !passing.has(codeOf(error) ?? '')) throw error
      return state.ask(programOf({ group, epoch }, type, asked))
    }
  }

  #ledHere(group: number): { propose: (bytes: Uint8Array) => Promise<Uint8Array> } {
    const replica = this.#options.node.group(group)
    if (replica?.role === 'leader') return replica
    const details = { code: 'NOT_LEADER', group } as const
    throw new HoldfastError(`Cannot lead group ${group}: another peer does`, details)
  }

  #stateHere(group: number) {
    const state = this.#options.states.state(group)
    if (state === undefined) {
      throw new HoldfastError(`Cannot lead group ${group}: it is not here`, {
        code: 'NOT_LEADER',
        group,
      })
    }
    return state
  }

  async #rangeHere(group: number): Promise<{ readonly epoch: number }> {
    this.#ledHere(group)
    const range = await this.#stateHere(group).ask(rangeOf(group))
    return range ?? { epoch: 0 }
  }
}

interface End {
  readonly atMs: number
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

function appliedOf(result: Result): Applied {
  if (result.type === 'refused') throw errorOf(result.refusal)
  return result
}

const noQuorum = (deadlineMs: number): HoldfastError => {
  const afterMs = Math.round(deadlineMs)
  const details = { code: 'NO_QUORUM', group: 0, afterMs } as const
  return new HoldfastError(`Cannot find the range within ${afterMs} ms: nothing was done`, details)
}
