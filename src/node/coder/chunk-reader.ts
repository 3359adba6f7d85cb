import { abortable } from '../../base/waiting.ts'

/** Cuts a stream of chunks of any size to measure. */
export class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #rest: Uint8Array = new Uint8Array()

  constructor(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /** Fills `target` as far as the stream reaches; returns how far. */
  async readInto(target: Uint8Array): Promise<number> {
    let filled = 0
    while (filled < target.length && (await this.hasMore())) {
      const part = this.#rest.subarray(0, target.length - filled)
      target.set(part, filled)
      filled += part.length
      this.#rest = this.#rest.subarray(part.length)
    }
    return filled
  }

  /** Waits for the next byte; false once the stream has ended. */
  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await abortable(this.#chunks.next(), this.#signal)
      if (next.done === true) return false
      this.#rest = next.value
    }
    return true
  }

  /** Lets the stream clean up when it is not read to its end. Does not wait for it. */
  cancel(): void {
    this.#chunks.return?.().catch(() => {})
  }
}
