import type { Stream } from '@libp2p/interface'

import type { PeerId } from '../base/environment.ts'

/** What the channels need of the host: streams to peers, however those are reached. */
export interface Links {
  readonly self: PeerId
  /**
   * Opens a stream of a protocol, over a connection that is made if there is none.
   * @throws {HoldfastError} `PEER_UNREACHABLE`, `PROTOCOL_UNKNOWN`; or the signal's reason.
   */
  open(peer: PeerId, protocol: string, signal?: AbortSignal): Promise<Stream>
  /** As last measured; undefined before that. */
  rttMs(peer: PeerId): number | undefined
}

/**
 * Hands over what comes in, chunk by chunk. To be called in the turn in which the stream was got: what
 * comes before that waits in a small buffer, and past it the stream is reset.
 */
export function onBytes(stream: Stream, listener: (chunk: Uint8Array) => void): void {
  stream.addEventListener('message', ({ data }) => {
    if (data instanceof Uint8Array) listener(plain(data))
    else for (const chunk of data) listener(plain(chunk))
  })
}

/** The same bytes, never as a `Buffer`: of that, `slice` would be no copy. */
const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, length)

/** Calls back once the stream is over, at once if it is: a late listener would never hear of it. */
export function onClose(stream: Stream, listener: () => void): void {
  if (isOver(stream)) queueMicrotask(listener)
  else stream.addEventListener('close', listener, { once: true })
}

export const isOver = ({ status }: Stream): boolean => status !== 'open' && status !== 'closing'

/**
 * Whether `send` may be called: while a stream is being closed its status is still `open`, but a
 * `send` throws.
 */
export const isWritable = ({ status, writeStatus }: Stream): boolean =>
  status === 'open' && writeStatus === 'writable'
