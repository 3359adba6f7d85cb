import type { ByteStream, Network, PeerId, Timers } from '../../base/environment.ts'
import { sleep } from '../../base/waiting.ts'
import { entryBytes } from '../../consensus/entry.ts'
import { encodeMessages, type Envelope } from '../../consensus/message-codec.ts'

/** The ordered way: appends, their answers, and what must not be lost silently. */
export const LOG_PROTOCOL = 'raft/1'
/** What may wait for one peer; above it all is dropped and sent again later. */
const QUEUE_BYTES_MAX = 16_777_216
/** What one frame gathers, unless a single message is larger. */
const FRAME_BYTES_AIM = 262_144
/** What one write puts into a stream. */
const CHUNK_BYTES_MAX = 65_536
const ENVELOPE_BYTES = 160
const RETRY_MS = 100
const SIZE_BYTES = 4

export interface PeerLinkOptions {
  readonly network: Network
  readonly timers: Timers
  readonly peer: PeerId
  readonly signal: AbortSignal
  /** What was given to the link may not have arrived. */
  readonly lost: () => void
}

/**
 * Messages to one peer, in order, of all groups: while one frame is on its way the others gather in
 * the next. What cannot be sent is dropped and told; the core knows how to find out what is missing.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions
  #queue: Envelope[] = []
  #queueBytes = 0
  #stream: ByteStream | undefined
  #isRunning = false

  constructor(options: PeerLinkOptions) {
    this.#options = options
  }

  push(envelopes: readonly Envelope[]): void {
    for (const envelope of envelopes) {
      this.#queue.push(envelope)
      this.#queueBytes += sizeOf(envelope)
    }
    if (this.#queueBytes > QUEUE_BYTES_MAX) this.#drop()
    else if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { timers, signal } = this.#options
    while (this.#queue.length > 0 && !signal.aborted) {
      try {
        await this.#sendFrame()
      } catch {
        // Whatever broke, the remedy is the same: another connection, and the core's own repetition.
        this.#stream = undefined
        this.#drop()
        await sleep(timers, RETRY_MS, signal).catch(() => undefined)
      }
    }
    this.#isRunning = false
  }

  async #sendFrame(): Promise<void> {
    const { network, peer, signal } = this.#options
    this.#stream ??= await network.openStream(peer, LOG_PROTOCOL, signal)
    const frame = withSize(encodeMessages(this.#take()))
    for (let at = 0; at < frame.length; at += CHUNK_BYTES_MAX) {
      await this.#stream.write(frame.slice(at, at + CHUNK_BYTES_MAX))
    }
  }

  #take(): Envelope[] {
    let sizeBytes = 0
    let count = 0
    for (const envelope of this.#queue) {
      sizeBytes += sizeOf(envelope)
      if (count > 0 && sizeBytes > FRAME_BYTES_AIM) break
      count++
    }
    const taken = this.#queue.splice(0, count)
    for (const envelope of taken) this.#queueBytes -= sizeOf(envelope)
    return taken
  }

  #drop(): void {
    this.#queue = []
    this.#queueBytes = 0
    this.#options.lost()
  }
}

/** Reads frames from a stream until it ends, and hands on each. */
export async function readFrames(
  stream: ByteStream,
  limitBytes: number,
  receive: (frame: Uint8Array) => void,
): Promise<void> {
  let held: Uint8Array = new Uint8Array(0)
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) {
    held = held.length === 0 ? chunk : joined(held, chunk)
    for (;;) {
      if (held.length < SIZE_BYTES) break
      const sizeBytes = new DataView(held.buffer, held.byteOffset).getUint32(0, true)
      if (sizeBytes > limitBytes) throw new RangeError(`a frame of ${sizeBytes} bytes is too large`)
      if (held.length < SIZE_BYTES + sizeBytes) break
      receive(held.subarray(SIZE_BYTES, SIZE_BYTES + sizeBytes))
      held = held.subarray(SIZE_BYTES + sizeBytes)
    }
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function withSize(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(SIZE_BYTES + body.length)
  new DataView(frame.buffer).setUint32(0, body.length, true)
  frame.set(body, SIZE_BYTES)
  return frame
}

function sizeOf({ message }: Envelope): number {
  if (message.type !== 'append') return ENVELOPE_BYTES
  return message.entries.reduce((sum, entry) => sum + entryBytes(entry), ENVELOPE_BYTES)
}
