/**
 * Several commands in one request, and what became of each in its answer.
 *
 *     request  count varint | command bytes*
 *     answer   (isDone u8 | result bytes, or the failure as text)*
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { type PeerId, REQUEST_BYTES_MAX } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { failureFromText, failureToText } from '../../net/failures.ts'
import { unknown } from './waiting-room.ts'

/** What became of one command. */
export type Outcome = { readonly result: Uint8Array } | { readonly error: unknown }

/** Commands of one request. */
export const BATCH_COMMANDS_MAX = 1_024
/** Their bytes, unless one alone is larger. */
export const BATCH_BYTES_MAX = 262_144
const COMMAND_OVERHEAD_BYTES = 8
/** What results may take of an answer; the rest is for saying that one does not fit. */
const ANSWER_BYTES_MAX = 655_360
/** What a small result takes. */
const FIRST_BYTES = 64
const HEAD_BYTES = 40

/** What they take at most, with a head of a few numbers. */
export const batchBytes = (commands: readonly Uint8Array[]): number =>
  commands.reduce((sum, { length }) => sum + COMMAND_OVERHEAD_BYTES + length, HEAD_BYTES)

export function writeCommands(writer: BinaryWriter, commands: readonly Uint8Array[]): void {
  writer.varint(commands.length)
  for (const command of commands) writer.bytes(command)
}

/** Views of what is read. @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readCommands(reader: BinaryReader): Uint8Array[] {
  const { offset } = reader
  const count = reader.varint()
  if (count === 0 || count > BATCH_COMMANDS_MAX) throw malformed('commands', offset)
  return Array.from({ length: count }, () => reader.bytes(reader.remaining))
}

/**
 * What does not fit into an answer is as if it had been lost on its way: who asks again, in the same
 * session, is told.
 * @param self who says so, where a failure has no code of its own
 */
export function encodeOutcomes(
  outcomes: readonly Outcome[],
  group: number,
  self: PeerId,
): Uint8Array {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX, FIRST_BYTES * outcomes.length)
  for (const outcome of outcomes) {
    const part = 'result' in outcome ? outcome.result : fromUtf8(failureToText(outcome.error, self))
    const fits = writer.size + part.length <= ANSWER_BYTES_MAX
    writer.u8(fits && 'result' in outcome ? 1 : 0)
    writer.bytes(fits ? part : fromUtf8(failureToText(tooMuch(group), self)))
  }
  return writer.finish()
}

/**
 * Results are views of the input.
 * @throws {HoldfastError} `MALFORMED` where there are not as many as wanted.
 */
export function decodeOutcomes(bytes: Uint8Array, count: number, from: PeerId): Outcome[] {
  const reader = new BinaryReader(bytes)
  const outcomes: Outcome[] = []
  for (let at = 0; at < count; at++) {
    const { offset } = reader
    const flag = reader.u8()
    if (flag > 1) throw malformed('outcome', offset)
    const body = reader.bytes(reader.remaining)
    outcomes.push(flag === 1 ? { result: body } : { error: failureFromText(toUtf8(body), from) })
  }
  reader.end()
  return outcomes
}

/** Waits for all, whatever becomes of them. */
export const outcomesOf = (promises: readonly Promise<Uint8Array>[]): Promise<Outcome[]> =>
  Promise.all(
    promises.map(promise =>
      promise.then(
        result => ({ result }),
        (error: unknown) => ({ error }),
      ),
    ),
  )

const tooMuch = (group: number): HoldfastError => unknown(group, 'its answer did not fit')

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
