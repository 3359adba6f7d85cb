/**
 * The replicated map as a peer's own code uses it: each write takes effect at most once, however
 * often it had to be sent, and ends in one of three ways before its deadline.
 *
 *  - done: the answer of the map;
 *  - not done, now or later: an error, of which `NO_QUORUM` and `BUSY` may be tried again;
 *  - unknown: `OUTCOME_UNKNOWN`. A copy may still be on its way. Look, before anything depends on it.
 *
 * All writes of a client share a session (consensus/sessions.ts), which it registers when it needs
 * one and again when it has ended.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
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
import {
  decodeSessionReply,
  encodeSessionRequest,
  type SessionReply,
} from '../../consensus/session-command.ts'
import { SESSION_WINDOW } from '../../consensus/sessions.ts'

/** The group that keeps the map, as this peer reaches it. */
export interface KvGroup {
  /** See `ConsensusNode.propose`. */
  propose(command: Uint8Array, options: KvCallOptions): Promise<Uint8Array>
  /** See `ConsensusNode.query`. */
  query(question: Uint8Array, options: KvCallOptions): Promise<Uint8Array>
  /** Answers from a state, however old. */
  queryStale(question: Uint8Array): Uint8Array | Promise<Uint8Array>
}

export interface KvCallOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

export interface KvClientOptions {
  readonly group: KvGroup
  readonly clock: Clock
  readonly timers: Timers
}

type Options = Partial<KvCallOptions>

const DEADLINE_MS = 5_000
/** One of several attempts. */
const ATTEMPT_MS = 1_500
const AGAIN_MS = 50
/** Writes at once: half of what a session bears, for those given up count until the next. */
const WRITES_MAX: number = SESSION_WINDOW / 2
const WATCH_EVERY_MS = 100
const CHANGES_MAX = 256
const PAGE_MAX = 500
/** Under which there are no keys, as a rule. */
const NO_PREFIX = '\uFFFF'

export class KvClient {
  readonly #group: KvGroup
  readonly #clock: Clock
  readonly #timers: Timers
  #session: KvSession | undefined
  #writes = 0

  constructor({ group, clock, timers }: KvClientOptions) {
    this.#group = group
    this.#clock = clock
    this.#timers = timers
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
  async write(command: KvCommand, options: Options = {}): Promise<KvWriteAnswer> {
    const payload = encodeKvCommand(command)
    if (this.#writes >= WRITES_MAX) throw busy()
    this.#writes++
    try {
      const answer = decodeKvAnswer(await this.#once(payload, options))
      if (answer.type === 'refused') throw refused(answer.reason)
      return answer
    } finally {
      this.#writes--
    }
  }

  /**
   * Tells of each change under a prefix above revision `after`, in order, as a replica learns of it.
   * Ends with the signal's reason.
   * @throws {HoldfastError} `WATCH_TRIMMED` if changes above `after` are no longer known.
   */
  async *watch(prefix: string, after: number, signal?: AbortSignal): AsyncGenerator<KvChange> {
    let through = after
    for (;;) {
      signal?.throwIfAborted()
      const question = { type: 'changes', prefix, after: through, limit: CHANGES_MAX } as const
      const reply = decodeKvReply(await this.#group.queryStale(encodeKvQuestion(question)))
      if (reply.type === 'trimmed') throw trimmed(through, reply.oldest)
      if (reply.type !== 'changes') throw strange(reply.type)
      yield* reply.changes
      through = reply.through
      if (reply.changes.length < CHANGES_MAX) await sleep(this.#timers, WATCH_EVERY_MS, signal)
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

  async #once(
    payload: Uint8Array,
    { deadlineMs = DEADLINE_MS, signal }: Options,
  ): Promise<Uint8Array> {
    const attempts = new Attempts(this.#clock.monotonicMs(), deadlineMs, signal)
    const session = await this.#open(attempts)
    const sequence = session.begin()
    try {
      const reply = await this.#attempt(attempts, timeMs =>
        encodeSessionRequest({
          type: 'command',
          timeMs,
          session: session.id,
          sequence,
          ackedBelow: session.ackedBelow,
          payload,
        }),
      )
      if (reply.type === 'done') return reply.payload
      if (reply.type === 'expired' && this.#session === session) this.#session = undefined
      // Each says that this copy did nothing; an earlier one may have.
      if (attempts.isUnknown) throw unknown(`session ${reply.type}`)
      if (reply.type !== 'expired') throw strange(reply.type)
    } finally {
      session.end(sequence)
    }
    const leftMs = attempts.leftMs(this.#clock.monotonicMs())
    return this.#once(payload, { deadlineMs: leftMs, signal })
  }

  async #open(attempts: Attempts): Promise<KvSession> {
    if (this.#session !== undefined) return this.#session
    const reply = await this.#attempt(attempts, registration)
    if (reply.type !== 'registered') throw strange(reply.type)
    // A registration nobody heard of harms nobody: it ends unused.
    attempts.isUnknown = false
    this.#session ??= new KvSession(reply.session)
    return this.#session
  }

  /** Sends it until there is an answer or no time left. */
  async #attempt(
    attempts: Attempts,
    encode: (timeMs: number) => Uint8Array,
  ): Promise<SessionReply> {
    for (;;) {
      const leftMs = attempts.leftMs(this.#clock.monotonicMs())
      try {
        const deadlineMs = Math.max(1, Math.min(leftMs, ATTEMPT_MS))
        const command = encode(this.#clock.wallMs())
        const { signal } = attempts
        return decodeSessionReply(await this.#group.propose(command, { deadlineMs, signal }))
      } catch (error) {
        const code = codeOf(error)
        if (code === 'OUTCOME_UNKNOWN') attempts.isUnknown = true
        const mayHelp = code === 'OUTCOME_UNKNOWN' || code === 'NO_QUORUM' || code === 'BUSY'
        const isLate = attempts.leftMs(this.#clock.monotonicMs()) <= AGAIN_MS
        if (mayHelp && !isLate) await sleep(this.#timers, AGAIN_MS, attempts.signal)
        else if (attempts.isUnknown) throw unknown('no answer in time', error)
        else throw code === 'NO_QUORUM' ? noQuorum(attempts.deadlineMs, error) : error
      }
    }
  }
}

export interface KvCas {
  readonly key: string
  readonly expected: KvCondition
  /** Deletes where it is undefined. */
  readonly value: Uint8Array | undefined
}

export type KvWriteAnswer = Exclude<KvAnswer, { type: 'refused' }>

/** What was tried for one write. */
class Attempts {
  readonly signal: AbortSignal | undefined
  readonly deadlineMs: number
  readonly #untilMs: number
  /** An earlier copy may take effect. */
  isUnknown = false

  constructor(nowMs: number, deadlineMs: number, signal: AbortSignal | undefined) {
    this.deadlineMs = deadlineMs
    this.#untilMs = nowMs + deadlineMs
    this.signal = signal
  }

  leftMs = (nowMs: number): number => this.#untilMs - nowMs
}

/** The numbers of one session. */
class KvSession {
  readonly id: number
  readonly #open: Set<number> = new Set()
  #last = 0

  constructor(id: number) {
    this.id = id
  }

  begin(): number {
    this.#open.add(++this.#last)
    return this.#last
  }

  end(sequence: number): void {
    this.#open.delete(sequence)
  }

  /** Nobody waits for anything below, so that copies which come late do nothing. */
  get ackedBelow(): number {
    // They were begun in the order of their numbers.
    const [oldest = this.#last + 1] = this.#open
    return oldest
  }
}

const registration = (timeMs: number): Uint8Array =>
  encodeSessionRequest({ type: 'register', timeMs })

function unknown(reason: string, cause?: unknown): HoldfastError {
  const details = { code: 'OUTCOME_UNKNOWN', group: 0, reason } as const
  return new HoldfastError(`Cannot tell whether it was done: ${reason}`, details, { cause })
}

/** As told of the last of several attempts; the caller waited for all of them. */
function noQuorum(deadlineMs: number, cause: unknown): HoldfastError {
  const afterMs = Math.round(deadlineMs)
  const details = { code: 'NO_QUORUM', group: 0, afterMs } as const
  const message = `Cannot reach a majority of group 0 within ${afterMs} ms: nothing was done`
  return new HoldfastError(message, details, { cause })
}

function refused(reason: string): HoldfastError {
  const details = { code: 'MAP_FULL', what: reason } as const
  return new HoldfastError(`Cannot write: too many ${reason} in the map`, details)
}

function busy(): HoldfastError {
  const details = { code: 'BUSY', what: 'writes', limit: WRITES_MAX } as const
  return new HoldfastError(`Cannot write: ${WRITES_MAX} writes are under way`, details)
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
