/**
 * The replicated map as a peer's own code uses it: each write takes effect at most once, and ends in
 * one of three ways before its deadline (consensus/session-client.ts).
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import {
  decodeKvAnswer,
  encodeKvCommand,
  type KvAnswer,
  type KvCommand,
  type KvCondition,
  type KvEntry,
} from '../../consensus/kv-command.ts'
import {
  decodeKvReply,
  encodeKvQuestion,
  type KvChange,
  type KvQuestion,
  type KvReply,
} from '../../consensus/kv-question.ts'
import type { GroupReach, ReachOptions } from '../consensus/group-reach.ts'
import { SessionClient } from '../consensus/session-client.ts'

export type KvCallOptions = ReachOptions

export interface KvClientOptions {
  /** The group that keeps the map, as this peer reaches it. */
  readonly group: GroupReach
  readonly clock: Clock
  readonly timers: Timers
}

type Options = Partial<KvCallOptions>

const DEADLINE_MS = 5_000
const SYSTEM_GROUP = 0
/** A watch looks again after so long; at another peer's replica where nothing changes, it takes its time. */
const WATCH_SOON_MS = 100
const WATCH_IDLE_MS = 1_000
const CHANGES_MAX = 256
const PAGE_MAX = 500
/** Under which there are no keys, as a rule. */
const NO_PREFIX = '\uFFFF'

export class KvClient {
  readonly #group: GroupReach
  readonly #timers: Timers
  readonly #writes: SessionClient

  constructor({ group, clock, timers }: KvClientOptions) {
    this.#group = group
    this.#timers = timers
    this.#writes = new SessionClient({
      group: SYSTEM_GROUP,
      propose: (command, options) => group.propose(command, options),
      clock,
      timers,
    })
  }

  /** What the key holds, no older than the call. @throws {HoldfastError} `NO_QUORUM`, `TIMEOUT`, … */
  async get(key: string, options: Options = {}): Promise<KvEntry | undefined> {
    const reply = await this.#ask({ type: 'get', key }, options)
    if (reply.type !== 'entry') throw strange(reply.type)
    return reply.entry
  }

  /** Returns the revision it was written at. */
  async put(key: string, value: Uint8Array, options: Options = {}): Promise<number> {
    const answer = await this.write({ type: 'put', key, value }, options)
    if (answer.type !== 'written') throw strange(answer.type)
    return answer.revision
  }

  /** False if there was nothing. */
  async delete(key: string, options: Options = {}): Promise<boolean> {
    return (await this.write({ type: 'delete', key }, options)).type === 'written'
  }

  /** Writes if the condition holds: `written`, or `conflict` with what is there instead. */
  cas(change: KvCas, options: Options = {}): Promise<KvWriteAnswer> {
    return this.write({ type: 'cas', ...change }, options)
  }

  /**
   * Has a command done once.
   * @throws {HoldfastError} `NO_QUORUM`, `BUSY`, `MAP_FULL`, `TOO_LARGE`, `GROUP_UNKNOWN`: not done;
   * `OUTCOME_UNKNOWN`
   */
  async write(
    command: KvCommand,
    { deadlineMs = DEADLINE_MS, signal }: Options = {},
  ): Promise<KvWriteAnswer> {
    const payload = encodeKvCommand(command)
    const answer = decodeKvAnswer(await this.#writes.once(payload, { deadlineMs, signal }))
    if (answer.type === 'refused') throw refused(answer.reason)
    return answer
  }

  /**
   * Tells of each change under a prefix above revision `after`, in order, as a replica learns of it.
   * Ends with the signal's reason.
   * @throws {HoldfastError} `WATCH_TRIMMED` if changes above `after` are no longer known.
   */
  async *watch(prefix: string, after: number, signal?: AbortSignal): AsyncGenerator<KvChange> {
    let through = after
    let pauseMs = WATCH_SOON_MS
    for (;;) {
      signal?.throwIfAborted()
      const question = { type: 'changes', prefix, after: through, limit: CHANGES_MAX } as const
      const reply = decodeKvReply(await this.#group.queryStale(encodeKvQuestion(question)))
      if (reply.type === 'trimmed') throw trimmed(through, reply.oldest)
      if (reply.type !== 'changes') throw strange(reply.type)
      yield* reply.changes
      through = reply.through
      const isSoon = reply.changes.length > 0 || this.#group.isHere === true
      pauseMs = isSoon ? WATCH_SOON_MS : Math.min(2 * pauseMs, WATCH_IDLE_MS)
      if (reply.changes.length < CHANGES_MAX) await sleep(this.#timers, pauseMs, signal)
    }
  }

  /** One page of the keys under a prefix that come behind `after`, in order. */
  async list(
    prefix: string,
    { after = '', ...options }: Options & { readonly after?: string } = {},
  ): Promise<{ readonly entries: readonly KvEntry[]; readonly isMore: boolean }> {
    const reply = await this.#ask({ type: 'list', prefix, after, limit: PAGE_MAX }, options)
    if (reply.type !== 'entries') throw strange(reply.type)
    return reply
  }

  /**
   * What changed under a prefix above revision `after`, as the map is now.
   * @throws {HoldfastError} `WATCH_TRIMMED`, `NO_QUORUM`, …
   */
  async changes(
    prefix: string,
    after: number,
    options: Options = {},
  ): Promise<{ readonly changes: readonly KvChange[]; readonly through: number }> {
    const question = { type: 'changes', prefix, after, limit: CHANGES_MAX } as const
    const reply = await this.#ask(question, options)
    if (reply.type === 'trimmed') throw trimmed(after, reply.oldest)
    if (reply.type !== 'changes') throw strange(reply.type)
    return reply
  }

  /** The revision up to which the map is, no older than the call. */
  async revision(options: Options = {}): Promise<number> {
    const question = { type: 'changes', prefix: NO_PREFIX, after: 0, limit: 1 } as const
    const reply = await this.#ask(question, options)
    if (reply.type === 'changes') return reply.through
    if (reply.type !== 'trimmed') throw strange(reply.type)
    return (await this.changes(NO_PREFIX, reply.oldest, options)).through
  }

  async #ask(
    question: KvQuestion,
    { deadlineMs = DEADLINE_MS, signal }: Options,
  ): Promise<KvReply> {
    return decodeKvReply(
      await this.#group.query(encodeKvQuestion(question), { deadlineMs, signal }),
    )
  }
}

export interface KvCas {
  readonly key: string
  readonly expected: KvCondition
  /** Deletes where it is undefined. */
  readonly value: Uint8Array | undefined
}

export type KvWriteAnswer = Exclude<KvAnswer, { type: 'refused' }>

function refused(reason: string): HoldfastError {
  const details = { code: 'MAP_FULL', what: reason } as const
  return new HoldfastError(`Cannot write: too many ${reason} in the map`, details)
}

function trimmed(after: number, oldest: number): HoldfastError {
  const details = { code: 'WATCH_TRIMMED', after, oldest } as const
  return new HoldfastError(`Cannot watch from ${after}: known are changes above ${oldest}`, details)
}

const strange = (type: string): HoldfastError =>
  new HoldfastError(`Cannot understand the answer: ${type}`, {
    code: 'MALFORMED',
    what: 'answer',
    offset: 0,
  })
