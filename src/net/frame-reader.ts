import { concat } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'

const HEADER_BYTES = 4

/**
 * Cuts what a stream brings into frames, `u32 length | body`. A frame that lies wholly in what was
 * pushed is a view of it; one in parts is held until its last part, never more than the limit, and
 * nothing is set aside for what was only announced.
 */
export class FrameReader {
  readonly #limitBytes: number
  readonly #onFrame: (frame: Uint8Array) => void
  #parts: Uint8Array[] = []
  #heldBytes = 0

  constructor(limitBytes: number, onFrame: (frame: Uint8Array) => void) {
    this.#limitBytes = limitBytes
    this.#onFrame = onFrame
  }

  /** @throws {HoldfastError} `TOO_LARGE` when a frame announces itself as larger than the limit. */
  push(chunk: Uint8Array): void {
    this.#parts.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < HEADER_BYTES) return
    // Joined only when a frame is complete: else many small parts would be copied many times.
    if (this.#parts.length > 1 && this.#heldBytes < HEADER_BYTES + this.#announced()) return
    let rest = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : concat(this.#parts)
    for (let size = sizeAt(rest); size !== undefined; size = sizeAt(rest)) {
      this.#check(size)
      const end = HEADER_BYTES + size
      if (rest.length < end) break
      const frame = rest.subarray(HEADER_BYTES, end)
      rest = rest.subarray(end)
      this.#onFrame(frame)
    }
    this.#parts = rest.length > 0 ? [rest] : []
    this.#heldBytes = rest.length
  }

  #announced(): number {
    const [first = new Uint8Array()] = this.#parts
    if (first.length < HEADER_BYTES) this.#parts = [concat(this.#parts)]
    const size = sizeAt(this.#parts[0] as Uint8Array) ?? 0
    this.#check(size)
    return size
  }

  #check(size: number): void {
    if (size <= this.#limitBytes) return
    throw new HoldfastError(`Cannot read frame: ${size} bytes, limit ${this.#limitBytes}`, {
      code: 'TOO_LARGE',
      what: 'frame',
      size,
      limit: this.#limitBytes,
    })
  }
}

function sizeAt(bytes: Uint8Array): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = bytes
  return (a | (b << 8) | (c << 16)) + d * 0x100_0000
}
