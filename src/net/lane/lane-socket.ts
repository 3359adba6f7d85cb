import type { TLSSocket } from 'node:tls'

import { free } from '../../base/bytes.ts'
import { LANE_UNTAKEN_BYTES_MAX } from '../limits.ts'

const BLOCK_BYTES = 262_144
/** A block that is less full is copied out: moved, it would hold memory that carries nothing. */
const MOVED_BYTES_MIN = 65_536

export interface LaneSocketEvents {
  readonly onData: (bytes: Uint8Array<ArrayBuffer>) => void
  readonly onClosed: (error: string | undefined) => void
}

/**
 * A socket in the lane's thread. TLS hands over 16 KiB at a time; sent on one by one they would
 * cost more than the cipher, so they are gathered into blocks, each on its way once it is full or the
 * socket has no more for now. If the main thread falls behind, the socket is not read.
 */
export class LaneSocket {
  readonly #socket: TLSSocket
  readonly #events: LaneSocketEvents
  #block = new Uint8Array(BLOCK_BYTES)
  #filled = 0
  #untaken = 0
  #isFlushDue = false
  #isClosing = false
  #error: string | undefined

  constructor(socket: TLSSocket, events: LaneSocketEvents) {
    this.#socket = socket
    this.#events = events
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#gather(chunk))
    socket.on('error', error => {
      this.#error = error.message
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#flush()
      events.onClosed(this.#error)
    })
  }

  /** The payload is free once it has left. */
  send(header: Uint8Array, payload: Uint8Array<ArrayBuffer> | undefined): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return
    this.#socket.cork()
    this.#socket.write(header)
    if (payload !== undefined) this.#socket.write(payload, () => free(payload))
    this.#socket.uncork()
  }

  taken(bytes: number): void {
    this.#untaken -= bytes
    if (this.#untaken < LANE_UNTAKEN_BYTES_MAX / 2 && this.#socket.isPaused()) this.#socket.resume()
  }

  /** What was sent still leaves; the rest of what comes is of no interest. */
  close(): void {
    this.#isClosing = true
    this.#socket.resume()
    this.#socket.end()
    this.#socket.setTimeout(1_000, () => this.#socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #gather(chunk: Uint8Array): void {
    if (this.#isClosing) return
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#filled)
      this.#block.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === BLOCK_BYTES) this.#flush()
    }
    if (this.#filled === 0 || this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#filled === 0) return
    this.#untaken += this.#filled
    if (this.#untaken > LANE_UNTAKEN_BYTES_MAX) this.#socket.pause()
    const isMoved = this.#filled >= MOVED_BYTES_MIN
    const bytes = isMoved
      ? this.#block.subarray(0, this.#filled)
      : this.#block.slice(0, this.#filled)
    this.#filled = 0
    if (isMoved) this.#block = new Uint8Array(BLOCK_BYTES)
    this.#events.onData(bytes)
  }
}
