/** Bytes kept for later, at most. */
const KEPT_BYTES_MAX = 33_554_432
/** Below this, a new array is as fast as one kept. */
const KEPT_BYTES_MIN = 65_536

/**
 * Buffers for jobs, used again: a new one of a megabyte costs more than what is done with it, for
 * its pages are not there yet. The one given back last goes out first, since it may still be in a
 * cache. What comes out is not zeroed.
 */
export class ArrayBuffers {
  readonly #kept: ArrayBuffer[] = []
  #keptBytes = 0

  /** An array of this length that is alone in its buffer, and may be moved to another thread. */
  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const index = this.#kept.findLastIndex(({ byteLength }) => byteLength === sizeBytes)
    if (index < 0) return new Uint8Array(sizeBytes)
    const [buffer] = this.#kept.splice(index, 1)
    this.#keptBytes -= sizeBytes
    return new Uint8Array(buffer as ArrayBuffer)
  }

  /** Gives a buffer back, of which nobody has a view any more. One too many is dropped. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength < KEPT_BYTES_MIN) return
    this.#kept.push(buffer)
    this.#keptBytes += buffer.byteLength
    while (this.#keptBytes > KEPT_BYTES_MAX) this.#keptBytes -= this.#kept.shift()?.byteLength ?? 0
  }
}
