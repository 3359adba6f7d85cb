import { SEND_BYTES_MAX } from './limits.ts'
import type { Pipe } from './pipe.ts'

const HEADER_BYTES = 4

/**
 * Frames that wait for their turn on a pipe. What is pushed in one turn of the event loop leaves
 * in one piece, which is an order of magnitude cheaper than a send each; while the pipe is full,
 * everything waits for its drain.
 */
export class Outbox {
  readonly #pipe: Pipe
  #frames: Uint8Array[] = []
  #bytes = 0
  #isScheduled = false

  constructor(pipe: Pipe) {
    this.#pipe = pipe
    pipe.onDrain(this.#flush)
  }

  /** Bytes not yet handed to the pipe. */
  get waitingBytes(): number {
    return this.#bytes
  }

  /** Takes a frame over; it has no length yet. */
  push(frame: Uint8Array): void {
    this.#frames.push(frame)
    this.#bytes += HEADER_BYTES + frame.length
    if (this.#isScheduled) return
    this.#isScheduled = true
    // A pipe that gathers by itself need not wait for the others.
    if (this.#pipe.gathers) queueMicrotask(this.#flush)
    else setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    this.#isScheduled = false
    while (this.#bytes > 0 && this.#pipe.isWritable && !this.#pipe.isFull) {
      this.#pipe.send(this.#takeBatch())
    }
  }

  /** The pipe keeps what it is given, hence a buffer of its own each time. */
  #takeBatch(): Uint8Array {
    let count = 0
    let size = 0
    while (count < this.#frames.length && (count === 0 || size < SEND_BYTES_MAX)) {
      size += HEADER_BYTES + (this.#frames[count] as Uint8Array).length
      count++
    }
    const batch = Buffer.allocUnsafeSlow(size)
    let at = 0
    for (const frame of this.#frames.splice(0, count)) {
      batch.writeUInt32LE(frame.length, at)
      batch.set(frame, at + HEADER_BYTES)
      at += HEADER_BYTES + frame.length
    }
    this.#bytes -= size
    return batch
  }
}
