import type { Stream } from '@libp2p/interface'

import { concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { type Clock, DATAGRAM_BYTES_MAX, type PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { FlowMeter } from './flow-meter.ts'
import { FrameReader } from './frame-reader.ts'
import { DATAGRAM_AGE_MS_MAX, DATAGRAM_KIND_BYTES_MAX, DATAGRAM_KINDS_MAX } from './limits.ts'
import { isOver, isWritable, type Links, onBytes, onClose } from './links.ts'
import type { Refusals } from './refusals.ts'

export interface DatagramsOptions {
  readonly links: Links
  readonly protocol: string
  readonly clock: Clock
  readonly refusals: Refusals
  readonly mayReceive: (from: PeerId, kind: string) => boolean
}

interface Waiting {
  readonly frame: Uint8Array
  readonly sinceMs: number
}

/** One peer: the stream its datagrams leave on, and the newest of each kind that cannot leave yet. */
interface Lane {
  stream: Stream | undefined
  isOpening: boolean
  readonly waiting: Map<string, Waiting>
}

/**
 * Small messages on one long-lived stream per pair of peers. A message that finds the stream full
 * waits in the slot of its kind, where a newer one replaces it, so a slow peer costs no memory and
 * gets no stale news. Where both opened a stream at once, the one of the smaller peer id stays.
 *
 * A frame is `u32 length | u8 length of the kind | kind | bytes`.
 */
export class Datagrams {
  readonly flow: FlowMeter = new FlowMeter()
  readonly #options: DatagramsOptions
  readonly #lanes = new Map<PeerId, Lane>()
  readonly #handlers = new Map<string, (from: PeerId, bytes: Uint8Array) => void>()

  constructor(options: DatagramsOptions) {
    this.#options = options
  }

  on(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#handlers.set(kind, handler)
  }

  send(to: PeerId, kind: string, bytes: Uint8Array): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) {
      throw new RangeError(`a datagram has at most ${DATAGRAM_BYTES_MAX} bytes`)
    }
    const frame = encode(kind, bytes)
    const lane = this.#laneOf(to)
    if (lane.stream !== undefined && canTake(lane.stream)) {
      this.#transmit(lane.stream, frame)
      return
    }
    if (lane.waiting.size >= DATAGRAM_KINDS_MAX && !lane.waiting.has(kind)) return
    lane.waiting.set(kind, { frame, sinceMs: this.#options.clock.monotonicMs() })
    if (lane.stream === undefined && !lane.isOpening) void this.#open(to, lane)
  }

  /** A peer opened its stream to us. */
  accept(from: PeerId, stream: Stream): void {
    this.#listen(from, stream)
    const lane = this.#laneOf(from)
    const isKept =
      lane.stream === undefined || isOver(lane.stream) || from < this.#options.links.self
    if (isKept) this.#use(lane, stream)
  }

  #laneOf(peer: PeerId): Lane {
    const known = this.#lanes.get(peer)
    if (known !== undefined) return known
    const lane = { stream: undefined, isOpening: false, waiting: new Map<string, Waiting>() }
    this.#lanes.set(peer, lane)
    return lane
  }

  async #open(to: PeerId, lane: Lane): Promise<void> {
    lane.isOpening = true
    try {
      const stream = await this.#options.links.open(to, this.#options.protocol)
      this.#listen(to, stream)
      const isKept = lane.stream === undefined || this.#options.links.self < to
      if (isKept) this.#use(lane, stream)
      else closeQuietly(stream)
    } catch {
      // Nobody there: datagrams may be lost.
      lane.waiting.clear()
      if (lane.stream === undefined) this.#lanes.delete(to)
    } finally {
      lane.isOpening = false
    }
  }

  #use(lane: Lane, stream: Stream): void {
    const before = lane.stream
    lane.stream = stream
    const flush = (): void => {
      if (lane.stream === stream) this.#flush(lane, stream)
    }
    stream.addEventListener('drain', flush)
    flush()
    // The other side may still be sending on it; it closes its own end when ours is closed.
    if (before !== undefined) closeQuietly(before)
  }

  #flush(lane: Lane, stream: Stream): void {
    const oldestMs = this.#options.clock.monotonicMs() - DATAGRAM_AGE_MS_MAX
    for (const [kind, { frame, sinceMs }] of lane.waiting) {
      if (!canTake(stream)) return
      lane.waiting.delete(kind)
      if (sinceMs >= oldestMs) this.#transmit(stream, frame)
    }
  }

  #transmit(stream: Stream, frame: Uint8Array): void {
    this.flow.sentBytes += frame.length
    stream.send(frame)
  }

  #listen(from: PeerId, stream: Stream): void {
    const reader = new FrameReader(DATAGRAM_BYTES_MAX + DATAGRAM_KIND_BYTES_MAX + 1, frame =>
      this.#receive(from, frame),
    )
    onBytes(stream, chunk => {
      try {
        reader.push(chunk)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        this.#options.refusals.refuse('malformed', from, `datagram: ${error.message}`)
        stream.abort(error)
      }
    })
    stream.addEventListener('remoteCloseWrite', () => closeQuietly(stream))
    onClose(stream, () => {
      const lane = this.#lanes.get(from)
      if (lane?.stream !== stream) return
      lane.stream = undefined
      if (!lane.isOpening) this.#lanes.delete(from)
    })
  }

  #receive(from: PeerId, frame: Uint8Array): void {
    const kindBytes = frame[0] ?? 0
    if (frame.length <= kindBytes || kindBytes > DATAGRAM_KIND_BYTES_MAX) {
      const details = { code: 'MALFORMED', what: 'datagram', offset: 0 } as const
      throw new HoldfastError('Cannot read datagram: its kind is longer than it', details)
    }
    this.flow.receivedBytes += frame.length
    const kind = toUtf8(frame.subarray(1, 1 + kindBytes))
    const handler = this.#handlers.get(kind)
    if (handler !== undefined && this.#options.mayReceive(from, kind)) {
      handler(from, frame.slice(1 + kindBytes))
    }
  }
}

function closeQuietly(stream: Stream): void {
  if (!isOver(stream)) stream.close().catch(() => undefined)
}

const canTake = (stream: Stream): boolean => isWritable(stream) && !stream.writableNeedsDrain

function encode(kind: string, bytes: Uint8Array): Uint8Array {
  const name = fromUtf8(kind)
  if (name.length > DATAGRAM_KIND_BYTES_MAX) {
    throw new RangeError(`the kind of a datagram has at most ${DATAGRAM_KIND_BYTES_MAX} bytes`)
  }
  const header = new Uint8Array(5)
  new DataView(header.buffer).setUint32(0, 1 + name.length + bytes.length, true)
  header[4] = name.length
  return concat([header, name, bytes])
}
