import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { malformed } from '../failures.ts'
import { WIRE_BACKLOG_BYTES, WIRE_PIPES_MAX } from '../limits.ts'
import { type Pipe, plain } from '../pipe.ts'
import {
  putWireHeader,
  WIRE_HEADER_BYTES,
  type WireFrameKind,
  WireFrameReader,
} from './wire-frames.ts'

/** The socket of a wire: a TLS socket as it is, or a stand-in of a test. */
export interface WireSocket {
  write(bytes: Uint8Array): boolean
  end(): void
  destroy(): void
  readonly writableLength: number
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'drain' | 'close' | 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
}

export interface WireOptions {
  readonly peer: PeerId
  readonly socket: WireSocket
  /** Whether this side called; else it was called. */
  readonly isOurs: boolean
  /** The other side opened a pipe. Whoever does not want it aborts it. */
  readonly onPipe: (pipe: Pipe, protocol: string) => void
  /** Bytes that no correct peer sends; the wire is closed then. */
  readonly onMisuse: (error: HoldfastError) => void
  readonly onClosed: () => void
}

interface Waiting {
  readonly kind: WireFrameKind
  readonly pipe: number
  readonly bytes: Uint8Array
}

const nothing = new Uint8Array()

/**
 * Many pipes over one socket. What all of them send in one turn of the event loop leaves in one
 * piece, so a message costs a system call or less, and one cipher. There is no flow control of a pipe
 * alone: who sends much has its own above it (credit, or a bounded number of requests), and waits
 * while the socket is full.
 */
export class Wire {
  readonly peer: PeerId
  readonly #options: WireOptions
  readonly #pipes = new Map<number, WirePipe>()
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #isScheduled = false
  #lastPipe: number
  #isClosed = false

  constructor(options: WireOptions) {
    const { peer, socket, isOurs } = options
    this.peer = peer
    this.#options = options
    this.#lastPipe = isOurs ? -1 : 0
    const reader = new WireFrameReader({
      onOpen: (pipe, protocol) => this.#opened(pipe, toUtf8(protocol)),
      onData: (pipe, bytes) => this.#pipes.get(pipe)?.take(bytes),
      onEnd: pipe => this.#pipes.get(pipe)?.ended(),
      onReset: pipe => this.#pipes.get(pipe)?.over(),
    })
    socket.on('data', chunk => this.#take(reader, chunk))
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.close())
    // What the error says the close that follows it makes known.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#over())
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** What waits to be sent is enough for now. */
  get isFull(): boolean {
    return this.#waitingBytes + this.#options.socket.writableLength > WIRE_BACKLOG_BYTES
  }

  open(protocol: string): Pipe {
    this.#lastPipe += 2
    const pipe = this.#add(this.#lastPipe)
    this.send('open', this.#lastPipe, fromUtf8(protocol))
    return pipe
  }

  /** What was sent still leaves. */
  close(): void {
    if (this.#isClosed) return
    this.#flush()
    this.#options.socket.end()
    this.#over()
  }

  /** At once, whatever waits. */
  destroy(): void {
    this.#options.socket.destroy()
    this.#over()
  }

  /** For its pipes. */
  send(kind: WireFrameKind, pipe: number, bytes: Uint8Array = nothing): void {
    if (this.#isClosed) return
    this.#waiting.push({ kind, pipe, bytes })
    this.#waitingBytes += WIRE_HEADER_BYTES + bytes.length
    if (this.#isScheduled) return
    this.#isScheduled = true
    // Behind whatever else this turn does, promises included.
    queueMicrotask(() => process.nextTick(() => this.#flush()))
  }

  /** For its pipes: this one is over. */
  forget(pipe: number): void {
    this.#pipes.delete(pipe)
  }

  #flush(): void {
    this.#isScheduled = false
    if (this.#isClosed || this.#waitingBytes === 0) return
    const wasFull = this.isFull
    const piece = Buffer.allocUnsafe(this.#waitingBytes)
    const view = new DataView(piece.buffer, piece.byteOffset, piece.length)
    let at = 0
    for (const { kind, pipe, bytes } of this.#waiting) {
      at = putWireHeader(view, at, { kind, pipe, length: bytes.length })
      piece.set(bytes, at)
      at += bytes.length
    }
    this.#waiting = []
    this.#waitingBytes = 0
    this.#options.socket.write(piece)
    // The socket tells of its own room only.
    if (wasFull && !this.isFull) this.#drained()
  }

  #take(reader: WireFrameReader, chunk: Uint8Array): void {
    if (this.#isClosed) return
    try {
      reader.push(plain(chunk))
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      this.#options.onMisuse(error)
      this.destroy()
    }
  }

  #opened(number: number, protocol: string): void {
    const isTheirs = number % 2 === (this.#options.isOurs ? 0 : 1)
    if (!isTheirs || this.#pipes.has(number)) throw malformed('wire frame: open')
    if (this.#pipes.size >= WIRE_PIPES_MAX) this.send('reset', number)
    else this.#options.onPipe(this.#add(number), protocol)
  }

  #add(number: number): WirePipe {
    const pipe = new WirePipe(this, number)
    this.#pipes.set(number, pipe)
    return pipe
  }

  #drained(): void {
    for (const pipe of this.#pipes.values()) pipe.drained()
  }

  #over(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#waitingBytes = 0
    for (const pipe of this.#pipes.values()) pipe.over()
    this.#options.onClosed()
  }
}

type Listener = () => void

class WirePipe implements Pipe {
  readonly gathers = true
  readonly #wire: Wire
  readonly #number: number
  #take: ((chunk: Uint8Array) => void) | undefined
  readonly #drainListeners: Listener[] = []
  readonly #endListeners: Listener[] = []
  readonly #closeListeners: Listener[] = []
  #hasEnded = false
  #otherHasEnded = false
  #isOver = false

  constructor(wire: Wire, number: number) {
    this.#wire = wire
    this.#number = number
  }

  get isWritable(): boolean {
    return !this.#hasEnded && !this.#isOver
  }

  get isFull(): boolean {
    return this.#wire.isFull
  }

  get isOver(): boolean {
    return this.#isOver
  }

  send(bytes: Uint8Array): void {
    if (this.isWritable) this.#wire.send('data', this.#number, bytes)
  }

  close(): void {
    if (!this.isWritable) return
    this.#hasEnded = true
    this.#wire.send('end', this.#number)
    if (this.#otherHasEnded) this.over()
  }

  abort(): void {
    if (this.#isOver) return
    this.#wire.send('reset', this.#number)
    this.over()
  }

  onBytes(listener: (chunk: Uint8Array) => void): void {
    this.#take = listener
  }

  onDrain(listener: Listener): void {
    this.#drainListeners.push(listener)
  }

  onEnd(listener: Listener): void {
    this.#endListeners.push(listener)
  }

  onClose(listener: Listener): void {
    if (this.#isOver) queueMicrotask(listener)
    else this.#closeListeners.push(listener)
  }

  /** From here on for the wire. */
  take(bytes: Uint8Array): void {
    if (this.#otherHasEnded) throw malformed('wire frame: data behind the end')
    this.#take?.(bytes)
  }

  drained(): void {
    if (!this.#isOver) for (const listener of this.#drainListeners) listener()
  }

  ended(): void {
    if (this.#otherHasEnded) throw malformed('wire frame: end')
    this.#otherHasEnded = true
    for (const listener of this.#endListeners) listener()
    if (this.#hasEnded) this.over()
  }

  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wire.forget(this.#number)
    for (const listener of this.#closeListeners) listener()
  }
}
