import { type ByteStream, STREAM_PATIENCE_MS, type Timers } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { malformed } from './fragment-messages.ts'

/**
 * Cuts what a stream brings to measure. A sender that is silent for too long is broken off, so
 * nobody waits for ever; what is shorter than it says is `MALFORMED`.
 */
export class StreamReader {
  readonly #stream: ByteStream
  readonly #timers: Timers
  readonly #silenceMs: number
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(stream: ByteStream, timers: Timers, silenceMs: number = STREAM_PATIENCE_MS) {
    this.#stream = stream
    this.#timers = timers
    this.#silenceMs = silenceMs
  }

  /** The body of the next frame. @throws {HoldfastError} `TOO_LARGE`, `MALFORMED`, `TIMEOUT`, … */
  async frame(limitBytes: number): Promise<Uint8Array> {
    const head = await this.take(4)
    const size = new DataView(head.buffer, head.byteOffset).getUint32(0, true)
    if (size <= limitBytes) return this.take(size)
    throw new HoldfastError(`Cannot read a frame: ${size} bytes, limit ${limitBytes}`, {
      code: 'TOO_LARGE',
      what: 'frame of a fragment',
      size,
      limit: limitBytes,
    })
  }

  /** Exactly so many bytes: where one chunk holds them, a part of it. */
  async take(size: number): Promise<Uint8Array> {
    if (this.#chunk.length === 0 && size > 0) await this.#load()
    if (this.#chunk.length >= size) return this.#cut(size)
    const gathered = new Uint8Array(size)
    await this.readInto(gathered)
    return gathered
  }

  async readInto(target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length;) {
      if (this.#chunk.length === 0) await this.#load()
      const part = this.#cut(Math.min(this.#chunk.length, target.length - at))
      target.set(part, at)
      at += part.length
    }
  }

  /** `sizeBytes` in pieces of `pieceBytes`; the last has what is left. */
  async *pieces(sizeBytes: number, pieceBytes: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += pieceBytes)
      yield await this.take(Math.min(pieceBytes, sizeBytes - at))
  }

  #cut(size: number): Uint8Array {
    const part = this.#chunk.subarray(0, size)
    this.#chunk = this.#chunk.subarray(size)
    return part
  }

  async #load(): Promise<void> {
    const timer = this.#timers.after(this.#silenceMs, () => this.#stream.abort(this.#silent()))
    try {
      const chunk = await this.#stream.read()
      if (chunk === undefined) throw malformed('end', 0)
      this.#chunk = chunk
    } finally {
      timer.cancel()
    }
  }

  #silent(): HoldfastError {
    return new HoldfastError(`Cannot read a stream: silent for ${this.#silenceMs} ms`, {
      code: 'TIMEOUT',
      what: 'bytes of a fragment',
      afterMs: this.#silenceMs,
    })
  }
}
