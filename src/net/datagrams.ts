import { concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { type Clock, DATAGRAM_BYTES_MAX, type PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { FlowMeter } from './flow-meter.ts'
import { FrameReader } from './frame-reader.ts'
import { DATAGRAM_AGE_MS_MAX, DATAGRAM_KIND_BYTES_MAX, DATAGRAM_KINDS_MAX } from './limits.ts'
import type { Links } from './links.ts'
import type { Pipe } from './pipe.ts'
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

/** One peer: the pipe its datagrams leave on, and the newest of each kind that cannot leave yet. */
interface Lane {
  pipe: Pipe | undefined
  isOpening: boolean
  /** A better way came up while this one was being opened. */
  isOutdated: boolean
  readonly waiting: Map<string, Waiting>
}

/**
 * Small messages on one long-lived pipe per pair of peers. A message that finds the pipe full
 * waits in the slot of its kind, where a newer one replaces it, so a slow peer costs no memory and
 * gets no stale news. Where both opened a pipe at once, the one of the smaller peer id stays.
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
    // No datagram is worth a search for the peer.
    if (!this.#lanes.has(to) && !this.#options.links.isKnown(to)) return
    const lane = this.#laneOf(to)
    if (lane.pipe !== undefined && canTake(lane.pipe)) {
      this.#transmit(lane.pipe, frame)
      return
    }
    if (lane.waiting.size >= DATAGRAM_KINDS_MAX && !lane.waiting.has(kind)) return
    lane.waiting.set(kind, { frame, sinceMs: this.#options.clock.monotonicMs() })
    if (lane.pipe === undefined && !lane.isOpening) void this.#open(to, lane)
  }

  /** There is a better way to this peer now; what follows goes there. */
  renew(peer: PeerId): void {
    const lane = this.#lanes.get(peer)
    if (lane === undefined) return
    lane.isOutdated = lane.isOpening
    const before = lane.pipe
    lane.pipe = undefined
    before?.close()
    if (lane.waiting.size > 0 && !lane.isOpening) void this.#open(peer, lane)
  }

  /** A peer opened its pipe to us. */
  accept(from: PeerId, pipe: Pipe): void {
    this.#listen(from, pipe)
    const lane = this.#laneOf(from)
    const isKept = lane.pipe === undefined || lane.pipe.isOver || from < this.#options.links.self
    if (isKept) this.#use(lane, pipe)
  }

  #laneOf(peer: PeerId): Lane {
    const known = this.#lanes.get(peer)
    if (known !== undefined) return known
    const lane = {
      pipe: undefined,
      isOpening: false,
      isOutdated: false,
      waiting: new Map<string, Waiting>(),
    }
    this.#lanes.set(peer, lane)
    return lane
  }

  async #open(to: PeerId, lane: Lane): Promise<void> {
    lane.isOpening = true
    try {
      const pipe = await this.#options.links.open(to, this.#options.protocol)
      this.#listen(to, pipe)
      const isKept = lane.pipe === undefined || this.#options.links.self < to
      if (isKept) this.#use(lane, pipe)
      else pipe.close()
    } catch {
      // Nobody there: datagrams may be lost.
      lane.waiting.clear()
      if (lane.pipe === undefined) this.#lanes.delete(to)
    } finally {
      lane.isOpening = false
    }
    if (!lane.isOutdated) return
    lane.isOutdated = false
    this.renew(to)
  }

  #use(lane: Lane, pipe: Pipe): void {
    const before = lane.pipe
    lane.pipe = pipe
    const flush = (): void => {
      if (lane.pipe === pipe) this.#flush(lane, pipe)
    }
    pipe.onDrain(flush)
    flush()
    // The other side may still be sending on it; it closes its own end when ours is closed.
    if (before !== undefined) before.close()
  }

  #flush(lane: Lane, pipe: Pipe): void {
    const oldestMs = this.#options.clock.monotonicMs() - DATAGRAM_AGE_MS_MAX
    for (const [kind, { frame, sinceMs }] of lane.waiting) {
      if (!canTake(pipe)) return
      lane.waiting.delete(kind)
      if (sinceMs >= oldestMs) this.#transmit(pipe, frame)
    }
  }

  #transmit(pipe: Pipe, frame: Uint8Array): void {
    this.flow.sentBytes += frame.length
    pipe.send(frame)
  }

  #listen(from: PeerId, pipe: Pipe): void {
    const reader = new FrameReader(DATAGRAM_BYTES_MAX + DATAGRAM_KIND_BYTES_MAX + 1, frame =>
      this.#receive(from, frame),
    )
    pipe.onBytes(chunk => {
      try {
        reader.push(chunk)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        this.#options.refusals.refuse('malformed', from, `datagram: ${error.message}`)
        pipe.abort(error)
      }
    })
    pipe.onEnd(() => pipe.close())
    pipe.onClose(() => {
      const lane = this.#lanes.get(from)
      if (lane?.pipe !== pipe) return
      lane.pipe = undefined
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

const canTake = (pipe: Pipe): boolean => pipe.isWritable && !pipe.isFull

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
