import { assert } from '../base/assert.ts'
import { encodeSessionReply, type SessionReply, understoodRequest } from './session-command.ts'
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
    const request = understoodRequest(data)
    if (request === undefined) return { type: 'malformed' }
    this.#sessions.advance(request.timeMs)
    const taken = this.#sessions.take(request, index)
    if (taken.type !== 'execute') return taken
    const payload = this.#run(index, taken.payload)
    if (request.type === 'command') {
      this.#sessions.record(request.session, request.sequence, payload)
    }
    return { type: 'done', payload }
  }

  #run(index: number, data: Uint8Array): Uint8Array {
    const timeMs = this.#sessions.nowMs
    const [answer] = this.#inner.apply([{ index, data, timeMs }])
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
