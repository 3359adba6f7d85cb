import type { Stream } from '@libp2p/interface'

/**
 * What a channel has of a connection: bytes both ways, in order. A stream of libp2p, or one of the
 * pipes of a wire; the channels above cannot tell.
 */
export interface Pipe {
  /** Whether `send` may be called. */
  readonly isWritable: boolean
  /** Enough waits to be sent for now: what can wait should wait for `onDrain`. */
  readonly isFull: boolean
  /** What is sent in one turn leaves in one piece anyway. */
  readonly gathers: boolean
  /** Nothing comes any more, either way. */
  readonly isOver: boolean
  /** Takes the bytes over. */
  send(bytes: Uint8Array): void
  /** Sends no more; what was sent still leaves, and the other end may go on. */
  close(): void
  /** Breaks it off at both ends. */
  abort(error: Error): void
  /**
   * Hands over what comes in, chunk by chunk. To be called in the turn in which the pipe was got: what
   * comes before that is lost, or held in a small buffer.
   */
  onBytes(listener: (chunk: Uint8Array) => void): void
  onDrain(listener: () => void): void
  /** The other end sends no more. */
  onEnd(listener: () => void): void
  /** Calls back once the pipe is over, at once if it is: a late listener would never hear of it. */
  onClose(listener: () => void): void
}

/** A stream of libp2p. */
export class StreamPipe implements Pipe {
  readonly gathers = false
  readonly #stream: Stream

  constructor(stream: Stream) {
    this.#stream = stream
  }

  /** While a stream is being closed its status is still `open`, but a `send` throws. */
  get isWritable(): boolean {
    const { status, writeStatus } = this.#stream
    return status === 'open' && writeStatus === 'writable'
  }

  get isFull(): boolean {
    return this.#stream.writableNeedsDrain
  }

  get isOver(): boolean {
    const { status } = this.#stream
    return status !== 'open' && status !== 'closing'
  }

  send(bytes: Uint8Array): void {
    this.#stream.send(bytes)
  }

  close(): void {
    if (!this.isOver) this.#stream.close().catch(() => undefined)
  }

  abort(error: Error): void {
    if (!this.isOver) this.#stream.abort(error)
  }

  onBytes(listener: (chunk: Uint8Array) => void): void {
    this.#stream.addEventListener('message', ({ data }) => {
      if (data instanceof Uint8Array) listener(plain(data))
      else for (const chunk of data) listener(plain(chunk))
    })
  }

  onDrain(listener: () => void): void {
    this.#stream.addEventListener('drain', listener)
  }

  onEnd(listener: () => void): void {
    this.#stream.addEventListener('remoteCloseWrite', listener, { once: true })
  }

  onClose(listener: () => void): void {
    if (this.isOver) queueMicrotask(listener)
    else this.#stream.addEventListener('close', listener, { once: true })
  }
}

/** The same bytes, never as a `Buffer`: of that, `slice` would be no copy. */
export const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length)
