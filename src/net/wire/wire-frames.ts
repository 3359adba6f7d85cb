import { malformed } from '../failures.ts'
import { PROTOCOL_BYTES_MAX } from '../limits.ts'

/**
 * What travels on a wire, in both directions, for all its pipes:
 *
 *     u8 kind | u32 pipe | u32 length | payload
 *     1 open    the protocol's name; the first frame of a pipe, from whoever opens it
 *     2 data    bytes of the pipe
 *     3 end     no more data this way; no payload
 *     4 reset   the pipe is broken off, both ways; no payload
 *
 * The pipes that the caller of the socket opens have odd numbers, those of the other side even ones,
 * and each is used once.
 */
export type WireFrameKind = 'open' | 'data' | 'end' | 'reset'

const kinds: readonly ('' | WireFrameKind)[] = ['', 'open', 'data', 'end', 'reset']
export const WIRE_HEADER_BYTES = 9
const nothing = new Uint8Array()

/** Puts a header in front of `length` bytes; returns where those begin. */
export function putWireHeader(
  into: DataView,
  at: number,
  { kind, pipe, length }: { kind: WireFrameKind; pipe: number; length: number },
): number {
  into.setUint8(at, kinds.indexOf(kind))
  into.setUint32(at + 1, pipe, true)
  into.setUint32(at + 5, length, true)
  return at + WIRE_HEADER_BYTES
}

export interface WireFrameEvents {
  readonly onOpen: (pipe: number, protocol: Uint8Array) => void
  /** Part of a data frame, or all of it: a view of what was pushed. */
  readonly onData: (pipe: number, bytes: Uint8Array) => void
  readonly onEnd: (pipe: number) => void
  readonly onReset: (pipe: number) => void
}

/** Cuts what a socket brings into frames. Data is passed on as it comes, so nothing is set aside. */
export class WireFrameReader {
  readonly #events: WireFrameEvents
  /** The start of a frame that is not whole yet: its header, and the name it opens with. */
  #held: Uint8Array = nothing
  /** The data frame under way: its pipe, and how much of it is still to come. */
  #pipe = 0
  #missing = 0

  constructor(events: WireFrameEvents) {
    this.#events = events
  }

  /** @throws {HoldfastError} `MALFORMED` for what is no frame; nothing must be pushed after it. */
  push(chunk: Uint8Array): void {
    let rest = this.#held.length === 0 ? chunk : joined(this.#held, chunk)
    while (rest.length > 0) {
      const taken = this.#missing > 0 ? this.#data(rest) : this.#frame(rest)
      if (taken === 0) break
      rest = rest.subarray(taken)
    }
    // A view would keep the whole chunk.
    this.#held = rest.length === 0 ? nothing : rest.slice()
  }

  #data(bytes: Uint8Array): number {
    const part = bytes.length <= this.#missing ? bytes : bytes.subarray(0, this.#missing)
    this.#missing -= part.length
    this.#events.onData(this.#pipe, part)
    return part.length
  }

  /** Returns how many bytes were used; none if the frame's start is not whole. */
  #frame(bytes: Uint8Array): number {
    if (bytes.length < WIRE_HEADER_BYTES) return 0
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const kind = kinds[view.getUint8(0)]
    const pipe = view.getUint32(1, true)
    const length = view.getUint32(5, true)
    switch (kind) {
      case 'open': {
        if (length > PROTOCOL_BYTES_MAX) throw malformed('wire frame: protocol')
        const end = WIRE_HEADER_BYTES + length
        if (bytes.length < end) return 0
        this.#events.onOpen(pipe, bytes.slice(WIRE_HEADER_BYTES, end))
        return end
      }
      case 'data':
        this.#pipe = pipe
        this.#missing = length
        return WIRE_HEADER_BYTES
      case 'end':
      case 'reset':
        if (length !== 0) throw malformed(`wire frame: ${kind}`)
        if (kind === 'end') this.#events.onEnd(pipe)
        else this.#events.onReset(pipe)
        return WIRE_HEADER_BYTES
      case '':
      case undefined:
      default:
        throw malformed('wire frame: kind')
    }
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
