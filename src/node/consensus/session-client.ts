/**
 * Has commands of one group done at most once, however often they had to be sent. Each ends in one of
 * three ways before its deadline.
 *
 *  - done: the answer of the state machine;
 *  - not done, now or later: an error, of which `NO_QUORUM` and `BUSY` may be tried again;
 *  - unknown: `OUTCOME_UNKNOWN`. A copy may still be on its way. Look, before anything depends on it.
 *
 * All commands of a client share a session (consensus/sessions.ts), which it registers when it needs
 * one and again when it has ended. Every copy of a command is the same bytes.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { sleep, withDeadline } from '../../base/waiting.ts'
import {
  decodeSessionReply,
  encodeSessionRequest,
  type SessionReply,
} from '../../consensus/session-command.ts'
import { SESSION_WINDOW } from '../../consensus/sessions.ts'
import type { GroupReach, ReachOptions } from './group-reach.ts'

export interface SessionClientOptions {
  readonly group: number
  readonly propose: GroupReach['propose']
  readonly clock: Clock
  readonly timers: Timers
}

export interface OnceOptions extends ReachOptions {
  /** Where copies are sent, if not to the group itself: whoever has its sessions now. */
  readonly propose?: GroupReach['propose']
}

/** One of several attempts. */
const ATTEMPT_MS = 1_500
const AGAIN_MS = 50
/** Commands at once: half of what a session bears, for those given up count until the next. */
const COMMANDS_MAX: number = SESSION_WINDOW / 2
/** Commands that may wait for others to be done. */
const WAITING_MAX = 4_096

export class SessionClient {
  readonly #options: SessionClientOptions
  #session: ClientSession | undefined
  #registering: Promise<ClientSession> | undefined
  #commands = 0
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>()

  constructor(options: SessionClientOptions) {
    this.#options = options
  }

  /**
   * The answer to a command.
   * @throws {HoldfastError} `NO_QUORUM`, `BUSY`, `TOO_LARGE`, `GROUP_UNKNOWN`: not done;
   *   `OUTCOME_UNKNOWN`
   */
  async once(payload: Uint8Array, options: OnceOptions): Promise<Uint8Array> {
    const { clock } = this.#options
    const startMs = clock.monotonicMs()
    await this.#enter(options)
    try {
      const deadlineMs = Math.max(1, options.deadlineMs - (clock.monotonicMs() - startMs))
      return await this.#once(payload, { ...options, deadlineMs })
    } finally {
      this.#leave()
    }
  }

  /** Waits in line where a session bears no more. */
  async #enter({ deadlineMs, signal }: OnceOptions): Promise<void> {
    if (this.#commands < COMMANDS_MAX) {
      this.#commands++
      return
    }
    if (this.#waiting.size >= WAITING_MAX) throw busy()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    try {
      const turn = { ms: deadlineMs, what: 'a turn', signal }
      await withDeadline(this.#options.timers, turn, () => promise)
    } catch (error) {
      // Its turn may have come in the same moment: then it is the next one's.
      if (!this.#waiting.delete(resolve)) this.#leave()
      throw codeOf(error) === 'TIMEOUT' ? busy() : error
    }
  }

  /** Gives its place to whoever waited longest. */
  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#commands--
      return
    }
    this.#waiting.delete(next)
    next()
  }

  async #once(payload: Uint8Array, options: OnceOptions): Promise<Uint8Array> {
    const { clock, propose } = this.#options
    const { deadlineMs, signal } = options
    const attempts = new Attempts(clock.monotonicMs(), options)
    const session = await this.#open(attempts)
    const sequence = session.begin()
    try {
      const command = { type: 'command', session: session.id, sequence, payload } as const
      const { ackedBelow } = session
      const reply = await this.#attempt(attempts, options.propose ?? propose, timeMs =>
        encodeSessionRequest({ ...command, ackedBelow, timeMs }),
      )
      if (reply.type === 'done') return reply.payload
      if (reply.type === 'expired' && this.#session === session) this.#session = undefined
      // Each says that this copy did nothing; an earlier one may have.
      if (attempts.isUnknown) throw this.#unknown(`session ${reply.type}`)
      if (reply.type !== 'expired') throw strange(reply.type)
    } finally {
      session.end(sequence)
    }
    const leftMs = attempts.leftMs(clock.monotonicMs())
    if (leftMs <= 0) throw this.#noQuorum(deadlineMs, undefined)
    return this.#once(payload, { ...options, deadlineMs: leftMs, signal })
  }

  /** Whoever comes while one is being registered shares it. */
  async #open(attempts: Attempts): Promise<ClientSession> {
    if (this.#session !== undefined) return this.#session
    if (this.#registering !== undefined) {
      const shared = await this.#registering.catch(() => undefined)
      if (shared !== undefined) return shared
      if (this.#session !== undefined) return this.#session
    }
    const registering = this.#register(attempts)
    this.#registering = registering
    try {
      return await registering
    } finally {
      if (this.#registering === registering) this.#registering = undefined
    }
  }

  async #register(attempts: Attempts): Promise<ClientSession> {
    const reply = await this.#attempt(attempts, this.#options.propose, registration)
    if (reply.type !== 'registered') throw strange(reply.type)
    // A registration nobody heard of harms nobody: it ends unused.
    attempts.isUnknown = false
    this.#session ??= new ClientSession(reply.session)
    return this.#session
  }

  /** Sends it until there is an answer or no time left. */
  async #attempt(
    attempts: Attempts,
    propose: GroupReach['propose'],
    encode: (timeMs: number) => Uint8Array,
  ): Promise<SessionReply> {
    const { clock, timers } = this.#options
    for (;;) {
      const leftMs = attempts.leftMs(clock.monotonicMs())
      try {
        const deadlineMs = Math.max(1, Math.min(leftMs, ATTEMPT_MS))
        const command = encode(clock.wallMs())
        const { signal } = attempts
        return decodeSessionReply(await propose(command, { deadlineMs, signal }))
      } catch (error) {
        const code = codeOf(error)
        if (code === 'OUTCOME_UNKNOWN') attempts.isUnknown = true
        const mayHelp = code === 'OUTCOME_UNKNOWN' || code === 'NO_QUORUM' || code === 'BUSY'
        const isLate = attempts.leftMs(clock.monotonicMs()) <= AGAIN_MS
        if (mayHelp && !isLate) await sleep(timers, AGAIN_MS, attempts.signal)
        else if (attempts.isUnknown) throw this.#unknown('no answer in time', error)
        else throw code === 'NO_QUORUM' ? this.#noQuorum(attempts.deadlineMs, error) : error
      }
    }
  }

  #unknown(reason: string, cause?: unknown): HoldfastError {
    const details = { code: 'OUTCOME_UNKNOWN', group: this.#options.group, reason } as const
    return new HoldfastError(`Cannot tell whether it was done: ${reason}`, details, { cause })
  }

  /** As told of the last of several attempts; the caller waited for all of them. */
  #noQuorum(deadlineMs: number, cause: unknown): HoldfastError {
    const { group } = this.#options
    const afterMs = Math.round(deadlineMs)
    const details = { code: 'NO_QUORUM', group, afterMs } as const
    const message = `Cannot reach a majority of group ${group} within ${afterMs} ms: nothing was done`
    return new HoldfastError(message, details, { cause })
  }
}

/** What was tried for one command. */
class Attempts {
  readonly signal: AbortSignal | undefined
  readonly deadlineMs: number
  readonly #untilMs: number
  /** An earlier copy may take effect. */
  isUnknown = false

  constructor(nowMs: number, { deadlineMs, signal }: ReachOptions) {
    this.deadlineMs = deadlineMs
    this.#untilMs = nowMs + deadlineMs
    this.signal = signal
  }

  leftMs = (nowMs: number): number => this.#untilMs - nowMs
}

/** The numbers of one session. */
class ClientSession {
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

function busy(): HoldfastError {
  const details = { code: 'BUSY', what: 'commands', limit: WAITING_MAX } as const
  return new HoldfastError('Cannot write: too many commands wait for their turn', details)
}

const strange = (type: string): HoldfastError =>
  new HoldfastError(`Cannot understand the answer: ${type}`, {
    code: 'MALFORMED',
    what: 'answer',
    offset: 0,
  })
