import {
  type ByteStream,
  STREAM_PATIENCE_MS,
  STREAM_WINDOW_BYTES,
  type Timer,
} from '../../src/base/environment.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import type { Connection } from './sim-fabric.ts'
import type { Packet } from './sim-network.ts'

type Unaddressed<P> = P extends { id: number } ? Omit<P, 'id'> & { id?: number } : never

export interface StreamSide {
  readonly post: (packet: Packet & { id: number }) => void
  readonly closed: () => void
  readonly after: (delayMs: number, callback: () => void) => Timer
}

interface Writer {
  readonly bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** One end of a simulated stream: credit for what may be sent, a queue of what was not yet read. */
export class SimStream implements ByteStream {
  readonly connection: Connection
  /** Resolves when the other side has accepted. */
  readonly opened: Promise<void>
  readonly #side: StreamSide
  readonly #opening: { resolve: () => void; reject: (error: Error) => void }
  readonly #unread: Uint8Array[] = []
  readonly #writers: Writer[] = []
  #reader:
    | { resolve: (bytes: Uint8Array | undefined) => void; reject: (e: Error) => void }
    | undefined
  #credit = STREAM_WINDOW_BYTES
  #hasEnded = false
  #otherHasEnded = false
  #failure: Error | undefined
  /** Runs out while a write has no room. */
  #patience: Timer | undefined

  constructor(connection: Connection, direction: 'inbound' | 'outbound', side: StreamSide) {
    this.connection = connection
    this.#side = side
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.opened = promise
    this.#opening = { resolve, reject }
    promise.catch(() => undefined)
    if (direction === 'inbound') resolve()
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
      this.#send({ type: 'credit', bytes: bytes.length })
      return Promise.resolve(bytes)
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#otherHasEnded) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  abort(reason: Error): void {
    if (this.#failure !== undefined) return
    this.#send({ type: 'abort', reason: reason.message })
    this.breakOff(reason)
  }

  receive(packet: Packet): void {
    switch (packet.type) {
      case 'opened':
        this.#opening.resolve()
        return
      case 'credit':
        this.#credit += packet.bytes
        this.#stopWaiting()
        this.#pump()
        return
      case 'data':
        this.#take(packet.bytes)
        return
      case 'end':
        this.#otherHasEnded = true
        this.#reader?.resolve(undefined)
        this.#reader = undefined
        this.#closeIfDone()
        return
      case 'abort':
        this.breakOff(aborted(packet.reason))
        return
      case 'request':
      case 'answer':
      case 'failure':
      case 'cancel':
      case 'open':
        throw new RangeError(`a stream does not take ${packet.type}`)
    }
  }

  /** Ends both directions with an error. */
  breakOff(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#opening.reject(error)
    this.#reader?.reject(error)
    for (const writer of this.#writers.splice(0)) writer.reject(error)
    this.#unread.length = 0
    this.#stopWaiting()
    this.#side.closed()
  }

  #take(bytes: Uint8Array): void {
    if (this.#reader === undefined) {
      this.#unread.push(bytes)
      return
    }
    this.#send({ type: 'credit', bytes: bytes.length })
    this.#reader.resolve(bytes)
    this.#reader = undefined
  }

  /** Sends what the credit allows; a write resolves when its last byte has left. */
  #pump(): void {
    for (let [writer] = this.#writers; writer !== undefined; [writer] = this.#writers) {
      if (writer.bytes.length > this.#credit) {
        if (this.#credit === 0) {
          this.#waitForCredit()
          return
        }
        const part = writer.bytes.slice(0, this.#credit)
        this.#writers[0] = { ...writer, bytes: writer.bytes.slice(this.#credit) }
        this.#credit = 0
        this.#send({ type: 'data', bytes: part })
        continue
      }
      this.#writers.shift()
      this.#credit -= writer.bytes.length
      if (writer.bytes.length > 0) this.#send({ type: 'data', bytes: writer.bytes.slice() })
      writer.resolve()
    }
    if (this.#hasEnded && this.#writers.length === 0) {
      this.#send({ type: 'end' })
      this.#closeIfDone()
    }
  }

  #waitForCredit(): void {
    this.#patience ??= this.#side.after(STREAM_PATIENCE_MS, () => this.abort(noRoom()))
  }

  #stopWaiting(): void {
    this.#patience?.cancel()
    this.#patience = undefined
  }

  #closeIfDone(): void {
    const isDone = this.#hasEnded && this.#otherHasEnded && this.#writers.length === 0
    if (isDone) this.#side.closed()
  }

  #send(packet: Unaddressed<Packet>): void {
    this.#side.post({ ...packet, id: 0 })
  }
}

function aborted(reason: string): HoldfastError {
  const details = { code: 'CLOSED', what: 'stream' } as const
  return new HoldfastError(`The other side aborted the stream: ${reason}`, details)
}

function noRoom(): HoldfastError {
  const details = {
    code: 'TIMEOUT',
    what: 'room in a stream',
    afterMs: STREAM_PATIENCE_MS,
  } as const
  return new HoldfastError('The other side stopped reading', details)
}
