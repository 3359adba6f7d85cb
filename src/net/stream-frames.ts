import { concat } from '../base/bytes.ts'
import { malformed } from './failures.ts'
import { PROTOCOL_BYTES_MAX, STREAM_REASON_BYTES_MAX } from './limits.ts'

/**
 * What travels for one bulk stream, in both directions, over a libp2p stream or over the lane:
 *
 *     u8 kind | u32 value | payload
 *     1 open     value = bytes of the protocol's name, which follows; the first frame of the caller
 *     2 opened   the callee serves it
 *     3 data     value = bytes that follow
 *     4 credit   value = bytes of data the receiver has room for, on top of what it granted before
 *     5 end      no more data this way
 *     6 abort    value = bytes of the reason, which follows; nothing comes after it
 *     7 done     the callee has seen both ends; nothing comes after it
 *
 * Both sides begin with a credit of `STREAM_WINDOW_BYTES`.
 */
export type StreamFrame =
  | { readonly kind: 'open' | 'abort'; readonly text: Uint8Array }
  | { readonly kind: 'opened' | 'end' | 'done' }
  | { readonly kind: 'credit'; readonly bytes: number }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }

const kinds = ['', 'open', 'opened', 'data', 'credit', 'end', 'abort', 'done'] as const
const STREAM_HEADER_BYTES = 5

/** The header of a frame whose payload, if any, follows it. */
export function streamHeader(kind: StreamFrame['kind'], value: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(STREAM_HEADER_BYTES)
  header[0] = kinds.indexOf(kind)
  new DataView(header.buffer).setUint32(1, value, true)
  return header
}

/**
 * Cuts what arrives into frames. Data is passed on as it comes, as views, a frame perhaps in parts;
 * texts are put together, for they are short.
 */
export class StreamFrameReader {
  readonly #onFrame: (frame: StreamFrame) => void
  readonly #header = new Uint8Array(STREAM_HEADER_BYTES)
  #headerBytes = 0
  #kind: (typeof kinds)[number] = ''
  /** Payload bytes that are still to come. */
  #missing = 0
  #text: Uint8Array[] = []

  constructor(onFrame: (frame: StreamFrame) => void) {
    this.#onFrame = onFrame
  }

  /** @throws {HoldfastError} `MALFORMED` for what is no frame; nothing must be pushed after it. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      at += this.#missing > 0 ? this.#payload(chunk, at) : this.#headerPart(chunk, at)
    }
  }

  #headerPart(chunk: Uint8Array, at: number): number {
    const taken = Math.min(STREAM_HEADER_BYTES - this.#headerBytes, chunk.length - at)
    this.#header.set(chunk.subarray(at, at + taken), this.#headerBytes)
    this.#headerBytes += taken
    if (this.#headerBytes === STREAM_HEADER_BYTES) this.#begin()
    return taken
  }

  #begin(): void {
    this.#headerBytes = 0
    this.#kind = kinds[this.#header[0] as number] ?? ''
    const value = new DataView(this.#header.buffer).getUint32(1, true)
    switch (this.#kind) {
      case 'credit':
        this.#onFrame({ kind: 'credit', bytes: value })
        return
      case 'opened':
      case 'end':
      case 'done':
        if (value !== 0) throw malformed(`stream frame: ${this.#kind}`)
        this.#onFrame({ kind: this.#kind })
        return
      case 'open':
      case 'abort':
        if (value > (this.#kind === 'open' ? PROTOCOL_BYTES_MAX : STREAM_REASON_BYTES_MAX)) {
          throw malformed(`stream frame: length of ${this.#kind}`)
        }
        this.#missing = value
        if (value === 0) this.#onFrame({ kind: this.#kind, text: new Uint8Array() })
        return
      case 'data':
        this.#missing = value
        return
      case '':
        throw malformed('stream frame: kind')
    }
  }

  #payload(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.#missing)
    this.#missing -= part.length
    if (this.#kind === 'data') {
      this.#onFrame({ kind: 'data', bytes: part })
      return part.length
    }
    this.#text.push(part)
    if (this.#missing === 0) {
      const text = concat(this.#text)
      this.#text = []
      this.#onFrame({ kind: this.#kind === 'open' ? 'open' : 'abort', text })
    }
    return part.length
  }
}
