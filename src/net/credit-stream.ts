import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import {
  type ByteStream,
  type PeerId,
  STREAM_PATIENCE_MS,
  STREAM_WINDOW_BYTES,
  type Timer,
  type Timers,
} from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { closed, malformed, timedOut } from './failures.ts'
import { CHUNK_BYTES_MAX, STREAM_REASON_BYTES_MAX } from './limits.ts'
import type { Refusals } from './refusals.ts'
import { type StreamFrame, type StreamFrameReader, streamHeader } from './stream-frames.ts'

/** What carries the frames of one stream: a libp2p stream, or a socket of the lane. */
export interface Carrier {
  /** Sends a header and what belongs to it; takes both over. Never blocks: credit bounds what waits. */
  send(header: Uint8Array<ArrayBuffer>, payload?: Uint8Array): void
  /** Both directions have ended in order, and no frame of this stream will come any more. */
  done(): void
  /** Something went wrong: what was sent still leaves, and nothing more will be read. */
  breakOff(error: Error): void
}

export interface CreditStreamOptions {
  readonly peer: PeerId
  readonly carrier: Carrier
  /** What the other side may have on its way to us, unread; at least `STREAM_WINDOW_BYTES`. */
  readonly windowBytes: number
  readonly timers: Timers
  readonly refusals: Refusals
  /**
   * At the end that is asked: told once what for, to answer with `accept` or `abort`. The other end
   * calls `open`.
   */
  readonly onOpen?: (protocol: string) => void
}

interface Writer {
  bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Reader {
  readonly resolve: (bytes: Uint8Array | undefined) => void
  readonly reject: (error: Error) => void
}

/**
 * One end of a bulk stream. What may be sent is what the reader at the other end has granted, so
 * that neither side ever holds more than a window, however slow the reader; who sends more is broken
 * off. Credit goes back once a quarter of the window was read.
 *
 * Invariants: received ≤ granted; granted - read ≤ window.
 */
export class CreditStream implements ByteStream {
  readonly #options: CreditStreamOptions
  readonly #opening = Promise.withResolvers<void>()
  readonly #writers: Writer[] = []
  readonly #unread: Uint8Array[] = []
  #reader: Reader | undefined
  /** What we may send. */
  #credit = STREAM_WINDOW_BYTES
  /** What the other side may still send. */
  #granted = STREAM_WINDOW_BYTES
  /** Read, and not yet granted anew. */
  #ungranted = 0
  #hasEnded = false
  #hasSentEnd = false
  #otherHasEnded = false
  #wasOpened = false
  /** The other side serves what was asked for. */
  #isAgreed = false
  /** No frame will be sent or taken any more. */
  #isOver = false
  #failure: Error | undefined
  #patience: Timer | undefined

  constructor(options: CreditStreamOptions) {
    this.#options = options
    this.#opening.promise.catch(() => undefined)
    this.#ungranted = options.windowBytes - STREAM_WINDOW_BYTES
  }

  /** Broken off by either side: nothing that still comes means anything. */
  get isBroken(): boolean {
    return this.#failure !== undefined
  }

  /** Asks the other side for a protocol; resolves when it has agreed. */
  open(protocol: string): Promise<void> {
    this.#wasOpened = true
    const name = fromUtf8(protocol)
    this.#send('open', name.length, name)
    return this.#opening.promise
  }

  /** Agrees to what the other side asked for. */
  accept(): void {
    this.#send('opened', 0)
    this.#grant()
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#hasEnded) return Promise.reject(new RangeError('the stream was ended'))
    return new Promise((resolve, reject) => {
      this.#writers.push({ bytes, resolve, reject })
      this.#pump()
    })
  }

  end(): void {
    if (this.#hasEnded || this.#failure !== undefined) return
    this.#hasEnded = true
    this.#pump()
  }

  read(): Promise<Uint8Array | undefined> {
    const bytes = this.#unread.shift()
    if (bytes !== undefined) {
      this.#hasRead(bytes)
      return Promise.resolve(bytes)
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#otherHasEnded) return Promise.resolve(undefined)
    if (this.#reader !== undefined) return Promise.reject(new RangeError('a read is under way'))
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  abort(reason: Error): void {
    if (this.#isOver || (this.#hasSentEnd && this.#otherHasEnded)) return
    const text = fromUtf8(reason.message.toWellFormed()).subarray(0, STREAM_REASON_BYTES_MAX)
    this.#send('abort', text.length, text)
    this.#fail(reason)
  }

  /** The other side sent what is no frame, or one that it may not send now. */
  misused(error: HoldfastError): void {
    this.#options.refusals.refuse('malformed', this.#options.peer, `stream: ${error.message}`)
    this.abort(error)
  }

  /** The carrier is gone. */
  lost(error: Error): void {
    if (!this.#isOver) this.#fail(error)
  }

  /** What the carrier brought for this stream; its bytes nobody else will change. */
  take(frame: StreamFrame): void {
    if (this.#isOver) return
    switch (frame.kind) {
      case 'opened':
        if (this.#options.onOpen !== undefined || this.#isAgreed)
          throw malformed('stream frame: opened')
        this.#isAgreed = true
        this.#opening.resolve()
        this.#grant()
        return
      case 'data':
        this.#deliver(frame.bytes)
        return
      case 'credit':
        // For the stream that this carrier carried before.
        if (!this.#wasOpened) return
        this.#credit += frame.bytes
        if (this.#credit > 2 ** 32) throw malformed('stream frame: credit')
        this.#stopWaiting()
        this.#pump()
        return
      case 'end':
        this.#otherHasEnded = true
        this.#reader?.resolve(undefined)
        this.#reader = undefined
        this.#finishIfDone()
        return
      case 'abort':
        this.#fail(closed(`the stream, by the other side: ${toUtf8(frame.text)}`))
        return
      case 'done':
        if (!this.#hasSentEnd || !this.#otherHasEnded)
          throw malformed('stream frame: done too early')
        this.#finish()
        return
      case 'open':
        if (this.#wasOpened || this.#options.onOpen === undefined) {
          throw malformed('stream frame: open')
        }
        this.#wasOpened = true
        this.#options.onOpen(toUtf8(frame.text))
    }
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#otherHasEnded || !this.#wasOpened) throw malformed('stream frame: data out of turn')
    this.#granted -= bytes.length
    if (this.#granted < 0) {
      const { peer, refusals } = this.#options
      refusals.refuse('past-credit', peer, `${-this.#granted} bytes more than granted`)
      this.abort(malformed('stream frame: data past the credit'))
      return
    }
    const reader = this.#reader
    if (reader === undefined) {
      this.#unread.push(bytes)
      return
    }
    this.#reader = undefined
    this.#hasRead(bytes)
    reader.resolve(bytes)
  }

  #hasRead({ length }: Uint8Array): void {
    this.#ungranted += length
    if (this.#ungranted >= this.#options.windowBytes / 4) this.#grant()
  }

  #grant(): void {
    if (this.#ungranted === 0 || this.#isOver || this.#otherHasEnded) return
    this.#granted += this.#ungranted
    this.#send('credit', this.#ungranted)
    this.#ungranted = 0
  }

  /** Sends what the credit allows; a write resolves when its last byte was handed over. */
  #pump(): void {
    for (let [writer] = this.#writers; writer !== undefined; [writer] = this.#writers) {
      const { bytes } = writer
      const size = Math.min(bytes.length, this.#credit, CHUNK_BYTES_MAX)
      if (size === 0 && bytes.length > 0) {
        this.#waitForCredit()
        return
      }
      this.#credit -= size
      const isWhole = size === bytes.length
      if (size > 0) this.#send('data', size, isWhole ? bytes : bytes.subarray(0, size))
      if (isWhole) {
        this.#writers.shift()
        writer.resolve()
      } else writer.bytes = bytes.subarray(size)
    }
    if (!this.#hasEnded || this.#hasSentEnd || this.#isOver) return
    this.#hasSentEnd = true
    this.#send('end', 0)
    this.#finishIfDone()
  }

  #waitForCredit(): void {
    this.#patience ??= this.#options.timers.after(STREAM_PATIENCE_MS, () => {
      const { peer, refusals } = this.#options
      refusals.refuse('slow-reader', peer, `no room for ${STREAM_PATIENCE_MS} ms`)
      this.abort(timedOut('room in a stream', STREAM_PATIENCE_MS))
    })
  }

  #stopWaiting(): void {
    this.#patience?.cancel()
    this.#patience = undefined
  }

  /**
   * Credit may still be on its way after both have ended. So the end that was asked says when it has
   * seen everything, and the other waits for that before the carrier may carry another stream.
   */
  #finishIfDone(): void {
    if (!this.#hasSentEnd || !this.#otherHasEnded || this.#isOver) return
    if (this.#options.onOpen === undefined) return
    this.#send('done', 0)
    this.#finish()
  }

  #finish(): void {
    this.#over()
    this.#options.carrier.done()
  }

  #fail(error: Error): void {
    this.#failure = error
    this.#opening.reject(error)
    this.#reader?.reject(error)
    this.#reader = undefined
    for (const writer of this.#writers.splice(0)) writer.reject(error)
    this.#unread.length = 0
    this.#over()
    this.#options.carrier.breakOff(error)
  }

  #over(): void {
    this.#isOver = true
    this.#stopWaiting()
  }

  #send(kind: StreamFrame['kind'], value: number, payload?: Uint8Array): void {
    this.#options.carrier.send(streamHeader(kind, value), payload)
  }
}

/** Hands a chunk to the reader of a carrier; what it does not like ends the stream. */
export function feed(reader: StreamFrameReader, chunk: Uint8Array, stream: CreditStream): void {
  if (stream.isBroken) return
  try {
    reader.push(chunk)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    stream.misused(error)
  }
}
