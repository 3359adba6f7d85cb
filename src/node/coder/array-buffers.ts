/** Bytes kept for later, at most: what writes have on their way, so that none is made in vain. */
const KEPT_BYTES_MAX = 67_108_864
/** Below this, a new array is as fast as one kept. */
const KEPT_BYTES_MIN = 65_536

/**
 * Buffers for jobs, used again: a new one of a megabyte costs more than what is done with it, for
 * its pages are not there yet. The one given back last goes out first, since it may still be in a
 * cache. A new one takes the place of those of other sizes that were kept for longest, so that
 * whatever sizes are in use, there are never many more than at once. What comes out is not zeroed.
 */
export class ArrayBuffers {
  readonly #kept: ArrayBuffer[] = []
  #keptBytes = 0

  /** An array of this length that is alone in its buffer, and may be moved to another thread. */
  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const index = this.#kept.findLastIndex(({ byteLength }) => byteLength === sizeBytes)
    if (index < 0) {
      if (sizeBytes >= KEPT_BYTES_MIN) this.#shrinkTo(this.#keptBytes - sizeBytes)
      return new Uint8Array(sizeBytes)
    }
    const [buffer] = this.#kept.splice(index, 1)
    this.#keptBytes -= sizeBytes
    return new Uint8Array(buffer as ArrayBuffer)
  }

  /** Gives a buffer back, of which nobody has a view any more. One too many is dropped. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength < KEPT_BYTES_MIN) return
    this.#kept.push(buffer)
    this.#keptBytes += buffer.byteLength
    this.#shrinkTo(KEPT_BYTES_MAX)
  }

  #shrinkTo(bytes: number): void {
    while (this.#keptBytes > bytes) {
      const [dropped] = this.#kept.splice(0, 1)
      if (dropped === undefined) return
      this.#keptBytes -= dropped.byteLength
      // Its memory is free at once, not when somebody looks for garbage.
      dropped.transfer(0)
    }
  }
}
