import { assert } from '../base/assert.ts'
import { codeOf } from '../base/errors.ts'
import {
  decodeSessionRequest,
  encodeSessionReply,
  type SessionReply,
  type SessionRequest,
} from './session-command.ts'
import { readSessions, sessionPieces } from './session-snapshot.ts'
import { type Session, type SessionLimits, Sessions } from './sessions.ts'
import type { Command, StateMachine } from './state-machine.ts'

/**
 * A state machine whose commands take effect once, however often they are sent. The sessions are
 * part of its state and stand before the inner machine's in a snapshot.
 */
export class SessionMachine implements StateMachine {
  readonly #inner: StateMachine
  readonly #limits: Partial<SessionLimits>
  #sessions: Sessions

  constructor(inner: StateMachine, limits: Partial<SessionLimits> = {}) {
    this.#inner = inner
    this.#limits = limits
    this.#sessions = new Sessions(limits)
  }

  /** Sessions that are open, and the bytes of the answers they keep. */
  get size(): { readonly sessions: number; readonly bytes: number } {
    return { sessions: this.#sessions.size, bytes: this.#sessions.bytes }
  }

  apply(commands: readonly Command[]): readonly Uint8Array[] {
    return commands.map(({ index, data }) => encodeSessionReply(this.#execute(index, data)))
  }

  /** Answered by the inner machine; changes no session. */
  query(question: Uint8Array): Uint8Array {
    return this.#inner.query(question)
  }

  snapshot(): Iterable<Uint8Array> {
    // Both are taken now, while the pieces may be asked for later.
    const sessions = sessionPieces(this.#sessions.nowMs, [...this.#sessions.all()].map(frozen))
    return chained(sessions, this.#inner.snapshot())
  }

  /**
   * No pieces at all make an empty state.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`: the sessions are as they were.
   */
  restore(pieces: readonly Uint8Array[]): void {
    const { nowMs, sessions, rest } = pieces.length === 0 ? NOTHING : readSessions(pieces)
    this.#inner.restore(rest)
    this.#sessions = new Sessions(this.#limits)
    this.#sessions.load(nowMs, sessions)
  }

  #execute(index: number, data: Uint8Array): SessionReply {
    const request = understood(data)
    if (request === undefined) return { type: 'malformed' }
    this.#sessions.advance(request.timeMs)
    switch (request.type) {
      case 'plain':
        return { type: 'done', payload: this.#run(index, request.payload) }
      case 'register':
        this.#sessions.register(index)
        return { type: 'registered', session: index }
      case 'touch':
        return {
          type: this.#sessions.touch(request.session, request.ackedBelow) ? 'ok' : 'expired',
        }
      case 'close':
        this.#sessions.close(request.session)
        return { type: 'ok' }
      case 'command':
        return this.#runOnce(index, request)
    }
  }

  #runOnce(index: number, request: SessionRequest & { type: 'command' }): SessionReply {
    const { session, sequence, ackedBelow, payload } = request
    const admission = this.#sessions.admit(session, sequence, ackedBelow)
    if (admission.type === 'repeat') return { type: 'done', payload: admission.answer }
    if (admission.type !== 'execute') return { type: admission.type }
    const answer = this.#run(index, payload)
    this.#sessions.record(session, sequence, answer)
    return { type: 'done', payload: answer }
  }

  #run(index: number, data: Uint8Array): Uint8Array {
    const [answer] = this.#inner.apply([{ index, data }])
    assert(answer !== undefined, 'a command has an answer')
    return answer
  }
}

const NOTHING = { nowMs: 0, sessions: [], rest: [] }

/** The session as it is now. */
const frozen = (session: Session): Session => ({ ...session, answers: new Map(session.answers) })

function* chained<Item>(first: Iterable<Item>, second: Iterable<Item>): Generator<Item> {
  yield* first
  yield* second
}

function understood(data: Uint8Array): SessionRequest | undefined {
  try {
    return decodeSessionRequest(data)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}
