/**
 * Exactly once (thesis §6.3): a client that heard nothing sends its command again, and gets the
 * answer of the first time.
 *
 *  1. A client registers through the log; the index of that entry is its session.
 *  2. It numbers its commands. The first copy of each to be applied is executed, and its answer is
 *     kept. Every further copy gets that answer.
 *  3. With each command it says below which number it has all answers. Those are forgotten.
 *  4. A session nobody used for `SESSION_TTL_MS` ends, as does the one unused for longest when there
 *     are too many. Time is what the leaders stamped their entries with, and never goes back: all
 *     replicas end a session at the same entry, whatever their own clocks say.
 *
 * Invariants, for each session: `ackedBelow` rises; every answer kept has a number from `ackedBelow`
 * up to, but without, `ackedBelow + SESSION_WINDOW`; sessions stand in the order of their last use.
 */
import { assert } from '../base/assert.ts'
import type { SessionReply, SessionRequest } from './session-command.ts'

export const SESSION_TTL_MS: number = 60 * 60_000
export const SESSIONS_MAX = 4_096
/** Commands of one session that may be without acknowledged answer. */
export const SESSION_WINDOW = 256
export const SESSION_ANSWER_BYTES_MAX = 130_048
/** Of all sessions' answers; one session alone cannot reach it. */
const SESSIONS_BYTES_MAX = 33_554_432

export interface Session {
  readonly id: number
  lastUsedMs: number
  ackedBelow: number
  readonly answers: Map<number, Uint8Array>
}

export interface SessionLimits {
  readonly ttlMs: number
  readonly sessionsMax: number
  readonly bytesMax: number
}

/** What becomes of a command. */
export type Admission =
  | { readonly type: 'execute' }
  | { readonly type: 'repeat'; readonly answer: Uint8Array }
  | { readonly type: 'expired' | 'acked' | 'ahead' }

/** A command is to be executed; the answer of one that is in a session must be `record`ed. */
export interface Execute {
  readonly type: 'execute'
  readonly payload: Uint8Array
}

export class Sessions {
  readonly #limits: SessionLimits
  /** The one unused for longest first. */
  readonly #sessions: Map<number, Session> = new Map()
  readonly #touched: (id: number) => void
  #nowMs = 0
  #bytes = 0

  /** @param touched is told of every session that changes or ends */
  constructor(
    limits: Partial<SessionLimits> = {},
    touched: (id: number) => void = () => undefined,
  ) {
    this.#touched = touched
    this.#limits = {
      ttlMs: SESSION_TTL_MS,
      sessionsMax: SESSIONS_MAX,
      bytesMax: SESSIONS_BYTES_MAX,
      ...limits,
    }
  }

  /** The latest time any entry was stamped with. */
  get nowMs(): number {
    return this.#nowMs
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Bytes of all answers kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Read only. */
  get(id: number): Readonly<Session> | undefined {
    return this.#sessions.get(id)
  }

  /** In the order of their last use. Read only. */
  all(): IterableIterator<Session> {
    return this.#sessions.values()
  }

  /** Time goes on to that of an entry; ends what nobody used. */
  advance(timeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, timeMs)
    for (const session of this.#sessions.values()) {
      if (session.lastUsedMs + this.#limits.ttlMs >= this.#nowMs) return
      this.#end(session)
    }
  }

  /** Does what a request asks of the sessions; `id` names the session that it may begin. */
  take(request: SessionRequest, id: number): SessionReply | Execute {
    switch (request.type) {
      case 'plain':
        return { type: 'execute', payload: request.payload }
      case 'register':
        this.register(id)
        return { type: 'registered', session: id }
      case 'touch':
        return { type: this.touch(request.session, request.ackedBelow) ? 'ok' : 'expired' }
      case 'close':
        this.close(request.session)
        return { type: 'ok' }
      case 'command': {
        const { session, sequence, ackedBelow } = request
        const admission = this.admit(session, sequence, ackedBelow)
        if (admission.type === 'repeat') return { type: 'done', payload: admission.answer }
        if (admission.type === 'execute') return { type: 'execute', payload: request.payload }
        return { type: admission.type }
      }
    }
  }

  /** Begins a session; `id` is the index of its entry. */
  register(id: number): void {
    this.#insert({ id, lastUsedMs: this.#nowMs, ackedBelow: 1, answers: new Map() })
    this.#makeRoom()
  }

  /** False if there is none. */
  touch(id: number, ackedBelow: number): boolean {
    const session = this.#sessions.get(id)
    if (session === undefined) return false
    this.#use(session, ackedBelow)
    return true
  }

  close(id: number): void {
    const session = this.#sessions.get(id)
    if (session !== undefined) this.#end(session)
  }

  /** Whether to execute a command; if so, its answer must be `record`ed. */
  admit(id: number, sequence: number, ackedBelow: number): Admission {
    const session = this.#sessions.get(id)
    if (session === undefined) return { type: 'expired' }
    this.#use(session, Math.min(ackedBelow, sequence))
    const answer = session.answers.get(sequence)
    if (answer !== undefined) return { type: 'repeat', answer }
    if (sequence < session.ackedBelow) return { type: 'acked' }
    if (sequence >= session.ackedBelow + SESSION_WINDOW) return { type: 'ahead' }
    return { type: 'execute' }
  }

  /** Keeps an answer, which nobody may change any more. */
  record(id: number, sequence: number, answer: Uint8Array): void {
    const session = this.#sessions.get(id)
    assert(session !== undefined, 'an answer belongs to a session')
    assert(!session.answers.has(sequence), 'a command is executed once')
    assert(answer.length <= SESSION_ANSWER_BYTES_MAX, 'an answer is within its bound')
    session.answers.set(sequence, answer)
    this.#touched(id)
    this.#bytes += answer.length
    this.#makeRoom()
  }

  /** Takes over what a snapshot holds; for an empty table. */
  load(nowMs: number, sessions: readonly Session[]): void {
    assert(this.#sessions.size === 0, 'sessions are loaded into an empty table')
    this.#nowMs = nowMs
    for (const session of sessions) {
      this.#insert(session)
      for (const { length } of session.answers.values()) this.#bytes += length
    }
  }

  #insert(session: Session): void {
    this.#sessions.set(session.id, session)
    this.#touched(session.id)
  }

  /** Moves the session to the end of the line and forgets what its client knows. */
  #use(session: Session, ackedBelow: number): void {
    this.#sessions.delete(session.id)
    this.#insert(session)
    session.lastUsedMs = this.#nowMs
    if (ackedBelow <= session.ackedBelow) return
    session.ackedBelow = ackedBelow
    for (const [sequence, { length }] of session.answers) {
      if (sequence >= session.ackedBelow) continue
      session.answers.delete(sequence)
      this.#bytes -= length
    }
  }

  #makeRoom(): void {
    const { sessionsMax, bytesMax } = this.#limits
    for (const session of this.#sessions.values()) {
      if (this.#sessions.size <= sessionsMax && this.#bytes <= bytesMax) return
      this.#end(session)
    }
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id)
    this.#touched(session.id)
    for (const { length } of session.answers.values()) this.#bytes -= length
  }
}
