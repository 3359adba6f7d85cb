import { BinaryReader } from '../../../src/base/binary-reader.ts'
import { BinaryWriter } from '../../../src/base/binary-writer.ts'
import type { Command, StateMachine } from '../../../src/consensus/state-machine.ts'

/** Where a state stands: how many commands made it, and a number that all of them, in order, give. */
export interface Position {
  readonly index: number
  readonly digest: number
}

const PIECE_COMMANDS = 100

/**
 * Numbers in the order in which they were agreed on. Its answers say where in that order they were
 * given, so whether a history is linearizable can be told without searching: the order must be that
 * of real time.
 */
export class NumbersMachine implements StateMachine {
  #position: Position = { index: 0, digest: 0 }
  #numbers: number[] = []

  get position(): Position {
    return this.#position
  }

  apply(commands: readonly Command[]): Uint8Array[] {
    return commands.map(({ index, data }) => {
      const number = new BinaryReader(data).varint()
      this.#numbers.push(number)
      this.#position = { index, digest: mix(this.#position.digest, number) }
      return encodePosition(this.#position)
    })
  }

  query(): Uint8Array {
    return encodePosition(this.#position)
  }

  *#pieces(position: Position, numbers: readonly number[]): Generator<Uint8Array> {
    yield encodePosition(position)
    for (let at = 0; at < numbers.length; at += PIECE_COMMANDS) {
      const writer = new BinaryWriter(PIECE_COMMANDS * 8)
      for (const number of numbers.slice(at, at + PIECE_COMMANDS)) writer.varint(number)
      yield writer.finish()
    }
  }

  snapshot(): Iterable<Uint8Array> {
    return this.#pieces(this.#position, [...this.#numbers])
  }

  restore([head, ...pieces]: readonly Uint8Array[]): void {
    this.#position = head === undefined ? { index: 0, digest: 0 } : decodePosition(head)
    this.#numbers = pieces.flatMap(piece => {
      const reader = new BinaryReader(piece)
      const numbers: number[] = []
      while (reader.remaining > 0) numbers.push(reader.varint())
      return numbers
    })
  }

  /** Everything that was agreed on, for the final reckoning. */
  get numbers(): readonly number[] {
    return this.#numbers
  }
}

const mix = (digest: number, number: number): number =>
  (Math.imul(digest ^ number, 0x0100_0193) + 0x9e37) >>> 0

function encodePosition({ index, digest }: Position): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(index)
  writer.varint(digest)
  return writer.finish()
}

export function decodePosition(bytes: Uint8Array): Position {
  const reader = new BinaryReader(bytes)
  return { index: reader.varint(), digest: reader.varint() }
}

export function encodeNumber(number: number): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(number)
  return writer.finish()
}
