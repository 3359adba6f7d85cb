import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../consensus/state-machine.ts'

/**
 * Parts of a state, of any size, in the pieces of a snapshot file:
 *
 *     | kind u8 | size u32 | bytes … |   one after another, cut wherever a piece is full
 */
export interface Frame {
  readonly kind: number
  readonly bytes: Uint8Array
}

const HEADER_BYTES = 5
/** A session with all its answers; a chunk of rows is smaller. */
const FRAME_BYTES_MAX = 67_108_864

/** The pieces of a file that hold these frames. */
export async function* piecesOfFrames(frames: AsyncIterable<Frame>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const { kind, bytes } of frames) {
    held.push(headerOf(kind, bytes.length), bytes)
    heldBytes += HEADER_BYTES + bytes.length
    if (heldBytes < SNAPSHOT_PIECE_BYTES_MAX) continue
    const joined = concat(held)
    let at = 0
    for (; heldBytes - at >= SNAPSHOT_PIECE_BYTES_MAX; at += SNAPSHOT_PIECE_BYTES_MAX) {
      yield joined.slice(at, at + SNAPSHOT_PIECE_BYTES_MAX)
    }
    held = [joined.slice(at)]
    heldBytes -= at
  }
  if (heldBytes > 0) yield concat(held)
}

function headerOf(kind: number, sizeBytes: number): Uint8Array {
  const writer = new BinaryWriter(HEADER_BYTES, HEADER_BYTES)
  writer.u8(kind)
  writer.u32(sizeBytes)
  return writer.finish()
}

/** Finds the frames in the pieces again. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array(0)

  /** The frames that are complete with this piece. @throws {HoldfastError} `MALFORMED` */
  take(piece: Uint8Array): Frame[] {
    this.#held = this.#held.length === 0 ? piece : concat([this.#held, piece])
    const frames: Frame[] = []
    while (this.#held.length >= HEADER_BYTES) {
      const reader = new BinaryReader(this.#held)
      const kind = reader.u8()
      const sizeBytes = reader.u32()
      if (sizeBytes > FRAME_BYTES_MAX) throw malformed('frame')
      if (reader.remaining < sizeBytes) break
      frames.push({ kind, bytes: reader.fixed(sizeBytes).slice() })
      this.#held = this.#held.subarray(reader.offset)
    }
    return frames
  }

  /** @throws {HoldfastError} `MALFORMED` if the last frame is cut short */
  end(): void {
    if (this.#held.length > 0) throw malformed('end of frames')
  }
}

const malformed = (what: string): HoldfastError =>
  new HoldfastError(`Cannot restore a state: its ${what} is wrong`, {
    code: 'MALFORMED',
    what,
    offset: 0,
  })
