import { createHash } from 'node:crypto'

import { HoldfastError } from '../../base/errors.ts'
import { abortable } from '../../base/waiting.ts'
import type { Progress, WrittenFacts } from './store.ts'

/** What a caller hands in as the bytes of an object. */
export type BodySource = Uint8Array | AsyncIterable<Uint8Array>

/** Bytes looked at before anything else: a body that ends within them has a known size. */
const HEAD_BYTES = 1_048_576
/** Of a body that is at hand, passed on at once: nothing is held up for longer than it takes. */
const PIECE_BYTES = 1_048_576

export interface MeteredOptions {
  readonly sizeBytes: number | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
}

/** A body on its way through: counted, hashed, and held to the size that was promised. */
export class MeteredBody {
  readonly #options: MeteredOptions
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #head: Uint8Array[] = []
  readonly #md5 = createHash('md5')
  #sizeBytes = 0
  #headBytes = 0
  #hasEnded = false

  constructor(source: BodySource, options: MeteredOptions) {
    this.#options = options
    const chunks = source instanceof Uint8Array ? piecesOf(source) : source
    this.#iterator = chunks[Symbol.asyncIterator]()
  }

  /** Bytes in all, as far as that is known. */
  get knownBytes(): number | undefined {
    return this.#hasEnded ? this.#headBytes : this.#options.sizeBytes
  }

  /** Looks at the first bytes; what is small has then been seen whole. */
  async peek(signal: AbortSignal | undefined): Promise<void> {
    const wantedBytes = this.#options.sizeBytes === undefined ? HEAD_BYTES : 1
    while (!this.#hasEnded && this.#headBytes < wantedBytes) {
      const { value, done } = await abortable(this.#iterator.next(), signal)
      if (done === true) this.#hasEnded = true
      else {
        this.#head.push(value)
        this.#headBytes += value.length
      }
    }
  }

  /** All of it; once. @throws {HoldfastError} `MALFORMED` if it is not as long as was promised */
  async *chunks(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of this.#head) yield this.#count(chunk)
      while (!this.#hasEnded) {
        const { value, done } = await this.#iterator.next()
        if (done === true) this.#hasEnded = true
        else yield this.#count(value)
      }
      const { sizeBytes } = this.#options
      if (sizeBytes !== undefined && this.#sizeBytes < sizeBytes) throw this.#wrongSize()
    } finally {
      this.cancel()
    }
  }

  /** All of it in one piece. */
  async whole(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.chunks()) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  /** Of what has passed; once, at the end. */
  facts(): WrittenFacts {
    return { sizeBytes: this.#sizeBytes, md5: this.#md5.digest('hex') }
  }

  /** Tells the source that no more is wanted. */
  cancel(): void {
    this.#iterator.return?.().catch(() => undefined)
  }

  #count(chunk: Uint8Array): Uint8Array {
    const { sizeBytes, onProgress } = this.#options
    this.#sizeBytes += chunk.length
    if (sizeBytes !== undefined && this.#sizeBytes > sizeBytes) throw this.#wrongSize()
    this.#md5.update(chunk)
    onProgress?.({ bytes: this.#sizeBytes, totalBytes: this.knownBytes })
    return chunk
  }

  #wrongSize(): HoldfastError {
    const told = `${this.#options.sizeBytes} bytes were announced`
    return new HoldfastError(`Cannot store a body of ${this.#sizeBytes} bytes or more: ${told}`, {
      code: 'MALFORMED',
      what: 'body',
      offset: this.#sizeBytes,
    })
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
