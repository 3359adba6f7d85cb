/**
 * The seam between Holdfast and everything that is not deterministic. Production code reaches time,
 * chance, disks and other peers through these interfaces only; the same code then runs on real
 * machines and in the simulated world (`test/sim/`). Each real implementation and its simulated
 * twin pass one acceptance suite.
 */
export interface Environment {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
}

/** Two clocks that must not be mixed: one to measure with, one to tell people. */
export interface Clock {
  /** Milliseconds since some fixed moment of this process, with fractions; never goes back. */
  monotonicMs(): number
  /** Milliseconds since 1970 as the operating system believes; jumps, drifts, may be wrong. */
  wallMs(): number
}

export interface Timers {
  /** Calls `callback` once, not before `delayMs` have passed. May be late, is never lost. */
  after(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  /** Prevents the call if it has not happened yet. */
  cancel(): void
}

/** A seeded source of chance. Not for secrets. */
export interface Random {
  /** 0 … 2^32 - 1 */
  u32(): number
  /** 0 ≤ x < 1, 53 bits */
  float(): number
  /** An integer, 0 ≤ x < limit */
  below(limit: number): number
  chance(probability: number): boolean
  /** Exponentially distributed with this mean. */
  exponential(mean: number): number
  bytes(size: number): Uint8Array<ArrayBuffer>
  pick<Item>(items: readonly Item[]): Item
  /** A shuffled copy. */
  shuffle<Item>(items: readonly Item[]): Item[]
  /** An independent source that depends on the seed and the label only. */
  fork(label: string): Random
}

/**
 * The file operations of one store. Paths are relative to its root, with `/` and without `..`.
 *
 * What is durable when: written bytes after `datasync`, a new or renamed name after
 * `syncDirectory` of its directory, a new directory after `syncDirectory` of its parent. Failures
 * are `HoldfastError`s. After `DISK_FAILED` every further call fails with it until the store is
 * opened anew: what the kernel could not write it has forgotten, and asking again would get a lie.
 */
export interface Disk {
  /**
   * Opens a file: to `read`, to `write` in place, or to `create` it (`FILE_EXISTS` if it is there;
   * mode 0600).
   */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>
  /** Replaces `to` if it exists. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Creates one directory, mode 0700. */
  makeDirectory(path: string): Promise<void>
  /** Names of the files and directories in a directory, in byte order. */
  list(directory: string): Promise<DirectoryEntry[]>
  syncDirectory(directory: string): Promise<void>
  /** Puts a whole file in place, durably and atomically: after a crash it is the old or the new. */
  replace(path: string, bytes: Uint8Array): Promise<void>
  /** Bytes this store may still write. */
  freeBytes(): Promise<number>
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

export interface DiskFile {
  readonly path: string
  /** A new array of up to `length` bytes; shorter only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  /** Writes all bytes or fails. Takes the array over: the caller must not touch it again. */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** `write` and `datasync` in one go. */
  writeDurable(position: number, bytes: Uint8Array): Promise<void>
  /**
   * `writeDurable` of the first `sizeBytes` of `memory`, which changes hands until then and is given
   * back: what is written again and again needs neither copies nor new memory. Lost if it fails.
   */
  writeLent(position: number, sizeBytes: number, memory: ArrayBuffer): Promise<ArrayBuffer>
  datasync(): Promise<void>
  /** Extends the file with durable zeros to `sizeBytes`; `DISK_FULL` leaves the size as it was. */
  preallocate(sizeBytes: number): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}

/** A peer's identity as text; opaque here. */
export type PeerId = string

/**
 * The ways to talk to other peers. All are authenticated: `from` is who sent it. Handlers are
 * registered once per kind or protocol.
 */
export interface Network {
  readonly self: PeerId

  /**
   * Sends a small message that may be lost, doubled, or overtaken. While it waits for a slow
   * connection a newer one of the same kind to the same peer replaces it.
   * @throws {RangeError} above `DATAGRAM_BYTES_MAX`
   */
  sendDatagram(to: PeerId, kind: string, bytes: Uint8Array): void
  onDatagram(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void

  /**
   * One question, one answer. Fails with `TIMEOUT` after `deadlineMs`, with the signal's reason
   * when aborted (the peer's handler is told), with the handler's own code, or with
   * `PEER_UNREACHABLE`; but for `PROTOCOL_UNKNOWN`, whether the handler ran is unknown.
   */
  request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array>
  onRequest(protocol: string, handler: RequestHandler, limits?: RequestLimits): void

  /** Opens an ordered, back-pressured, two-way stream. */
  openStream(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream>
  onStream(protocol: string, handler: (from: PeerId, stream: ByteStream) => void): void

  /** Peers with a live connection, sorted. */
  connected(): readonly PeerId[]
  /** Told whenever a peer's first connection opens or its last one closes. */
  onPeer(listener: (change: { peer: PeerId; state: 'up' | 'down' }) => void): void
}

export interface OutgoingRequest {
  readonly body: Uint8Array
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** Bounds of one protocol, within those of all; a peer that asks for more is answered `BUSY`. */
export interface RequestLimits {
  /** Requests from one peer in progress at once. @default REQUESTS_PER_PEER_MAX */
  readonly concurrentMax?: number
  /** A larger body is answered `TOO_LARGE`. @default REQUEST_BYTES_MAX */
  readonly bodyBytesMax?: number
}

/** Answers one request. The signal aborts when the caller gave up or went away. */
export type RequestHandler = (
  from: PeerId,
  body: Uint8Array,
  signal: AbortSignal,
) => Promise<Uint8Array>

/** One end of a stream. */
export interface ByteStream {
  /**
   * Resolves once the receiver has granted room for these bytes. Takes the array over, and with it
   * the memory it is all of; breaks the stream off with `TIMEOUT` after `STREAM_PATIENCE_MS`.
   */
  write(bytes: Uint8Array): Promise<void>
  /** No more writes from this end; the other end may go on. */
  end(): void
  /** The next bytes; undefined once the other end has ended. */
  read(): Promise<Uint8Array | undefined>
  /** Breaks the stream off at both ends. */
  abort(reason: Error): void
}

/** The largest datagram. */
export const DATAGRAM_BYTES_MAX = 65_536
/** The largest body of a request or an answer. */
export const REQUEST_BYTES_MAX = 1_048_576
/** Requests from one peer that may be in progress at once; more are answered `BUSY`. */
export const REQUESTS_PER_PEER_MAX = 256
/** Bytes of a stream that may be on their way or unread, at least at first. */
export const STREAM_WINDOW_BYTES = 262_144
/** The same where a connection is long, or its bulk streams do not share it. */
export const STREAM_WINDOW_BYTES_MAX = 2_097_152
/** A write that gets no room for this long fails with `TIMEOUT`: its reader has stopped reading. */
export const STREAM_PATIENCE_MS = 60_000
