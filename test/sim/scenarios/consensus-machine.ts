import { BinaryReader } from '../../../src/base/binary-reader.ts'
import { BinaryWriter } from '../../../src/base/binary-writer.ts'
import type { Command, StateMachine } from '../../../src/consensus/state-machine.ts'

/** Where a state stands: how many commands made it, and a number that all of them, in order, give. */
export interface Position {
  readonly index: number
  readonly digest: number
}

const PIECE_COMMANDS = 100
/** Numbers written to one register before the next one takes over: a short history to judge. */
const REGISTER_NUMBERS = 8

/** The register that a number is written to. */
export const registerOf = (number: number): number => Math.floor(number / REGISTER_NUMBERS)

/**
 * Numbers in the order in which they were agreed on, each also written to a register. Its answers say where in that order they were
 * given, so whether a history is linearizable can be told without searching: the order must be that
 * of real time.
 */
export class NumbersMachine implements StateMachine {
  #position: Position = { index: 0, digest: 0 }
  #numbers: number[] = []
  readonly #registers = new Map<number, number>()

  get position(): Position {
    return this.#position
  }

  apply(commands: readonly Command[]): Uint8Array[] {
    return commands.map(({ index, data }) => {
      const number = new BinaryReader(data).varint()
      this.#take(number)
      this.#position = { index, digest: mix(this.#position.digest, number) }
      return encodePosition(this.#position)
    })
  }

  /** Where the state stands, and what the register that is asked for holds: 0 for nothing. */
  query(question: Uint8Array): Uint8Array {
    const register = new BinaryReader(question).varint()
    return encodePosition(this.#position, this.#registers.get(register) ?? 0)
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
    this.#numbers = []
    this.#registers.clear()
    for (const piece of pieces) {
      const reader = new BinaryReader(piece)
      while (reader.remaining > 0) this.#take(reader.varint())
    }
  }

  #take(number: number): void {
    this.#numbers.push(number)
    this.#registers.set(registerOf(number), number)
  }

  /** Everything that was agreed on, for the final reckoning. */
  get numbers(): readonly number[] {
    return this.#numbers
  }
}

const mix = (digest: number, number: number): number =>
  (Math.imul(digest ^ number, 0x0100_0193) + 0x9e37) >>> 0

function encodePosition({ index, digest }: Position, value = 0): Uint8Array {
  const writer = new BinaryWriter(32)
  writer.varint(index)
  writer.varint(digest)
  writer.varint(value)
  return writer.finish()
}

/** Where a state stands, and the value of the register that was asked for. */
export function decodePosition(bytes: Uint8Array): Position & { readonly value: number } {
  const reader = new BinaryReader(bytes)
  return { index: reader.varint(), digest: reader.varint(), value: reader.varint() }
}

export function encodeNumber(number: number): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(number)
  return writer.finish()
}
