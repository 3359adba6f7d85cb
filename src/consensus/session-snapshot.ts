import { type Session, SESSION_ANSWER_BYTES_MAX, SESSION_WINDOW, SESSIONS_MAX } from './sessions.ts'
import { brokenSnapshot, type ItemWriter, PieceReader, piecesOf } from './snapshot-pieces.ts'

const VERSION = 1

/**
 * The sessions in the order of their last use, in pieces of whole items:
 *
 *     version u8 | nowMs f64 | sessions varint
 *     for each: id | lastUsedMs f64 | ackedBelow | answers varint, then each: sequence | bytes
 */
export const sessionPieces = (nowMs: number, sessions: readonly Session[]): Iterable<Uint8Array> =>
  piecesOf(itemsOf(nowMs, sessions))

function* itemsOf(nowMs: number, sessions: readonly Session[]): Generator<ItemWriter> {
  yield writer => {
    writer.u8(VERSION)
    writer.f64(nowMs)
    writer.varint(sessions.length)
  }
  for (const { id, lastUsedMs, ackedBelow, answers } of sessions) {
    yield writer => {
      writer.varint(id)
      writer.f64(lastUsedMs)
      writer.varint(ackedBelow)
      writer.varint(answers.size)
    }
    for (const [sequence, answer] of answers) {
      yield writer => {
        writer.varint(sequence)
        writer.bytes(answer)
      }
    }
  }
}

/**
 * What `sessionPieces` wrote, and the pieces behind it. Answers are copies.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
export function readSessions(pieces: readonly Uint8Array[]): {
  readonly nowMs: number
  readonly sessions: readonly Session[]
  readonly rest: readonly Uint8Array[]
} {
  const items = new PieceReader(pieces)
  const head = items.next()
  if (head.u8() !== VERSION) throw brokenSnapshot('version')
  const nowMs = head.f64()
  const count = head.varint()
  if (count > SESSIONS_MAX || !(nowMs >= 0)) throw brokenSnapshot('sessions')
  const sessions: Session[] = []
  const ids = new Set<number>()
  let beforeMs = 0
  for (let at = 0; at < count; at++) {
    const session = readSession(items)
    const { id, lastUsedMs } = session
    if (ids.has(id) || !(lastUsedMs >= beforeMs && lastUsedMs <= nowMs)) {
      throw brokenSnapshot('order of sessions')
    }
    ids.add(id)
    beforeMs = lastUsedMs
    sessions.push(session)
  }
  return { nowMs, sessions, rest: items.rest() }
}

function readSession(items: PieceReader): Session {
  const head = items.next()
  const id = head.varint()
  const lastUsedMs = head.f64()
  const ackedBelow = head.varint()
  const count = head.varint()
  if (count > SESSION_WINDOW) throw brokenSnapshot('answers')
  const answers = new Map<number, Uint8Array>()
  for (let at = 0; at < count; at++) {
    const item = items.next()
    const sequence = item.varint()
    const isInside = sequence >= ackedBelow && sequence < ackedBelow + SESSION_WINDOW
    if (!isInside || answers.has(sequence)) throw brokenSnapshot('answers')
    answers.set(sequence, item.bytes(SESSION_ANSWER_BYTES_MAX).slice())
  }
  return { id, lastUsedMs, ackedBelow, answers }
}
