import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from './state-machine.ts'

/** Writes one item of a snapshot. */
export type ItemWriter = (writer: BinaryWriter) => void

/** The largest item, and how full a piece gets before it goes out: the next item still fits. */
const SNAPSHOT_ITEM_BYTES_MAX: number = SNAPSHOT_PIECE_BYTES_MAX / 2

/** Items, one after the other, in pieces of whole items, made as they are asked for. */
export function* piecesOf(items: Iterable<ItemWriter>): Generator<Uint8Array> {
  let writer = new BinaryWriter(SNAPSHOT_PIECE_BYTES_MAX)
  for (const write of items) {
    if (writer.size > SNAPSHOT_ITEM_BYTES_MAX) {
      yield writer.finish()
      writer = new BinaryWriter(SNAPSHOT_PIECE_BYTES_MAX)
    }
    write(writer)
  }
  if (writer.size > 0) yield writer.finish()
}

/** Finds the items in the pieces again. */
export class PieceReader {
  readonly #pieces: readonly Uint8Array[]
  #at = 0
  #reader: BinaryReader = new BinaryReader(new Uint8Array())

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces
  }

  /** Stands at the next item. @throws {HoldfastError} `MALFORMED` if there is none. */
  next(): BinaryReader {
    if (this.#reader.remaining > 0) return this.#reader
    const piece = this.#pieces[this.#at++]
    if (piece === undefined || piece.length === 0) throw brokenSnapshot('end')
    this.#reader = new BinaryReader(piece)
    return this.#reader
  }

  /** The pieces behind the one at hand, which must be read to its end. */
  rest(): readonly Uint8Array[] {
    this.#reader.end()
    return this.#pieces.slice(this.#at)
  }
}

export const brokenSnapshot = (what: string): HoldfastError =>
  new HoldfastError(`Cannot restore a snapshot: its ${what} is wrong`, {
    code: 'MALFORMED',
    what: `snapshot ${what}`,
    offset: 0,
  })
