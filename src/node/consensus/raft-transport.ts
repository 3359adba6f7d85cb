import type { Network, PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import {
  decodeMessages,
  encodeMessages,
  type Envelope,
  FRAME_BYTES_MAX,
} from '../../consensus/message-codec.ts'
import type { Message } from '../../consensus/message.ts'
import { LOG_PROTOCOL, PeerLink, readFrames } from './peer-link.ts'
import { peerOf } from './replica-name.ts'

export interface RaftTransportOptions {
  readonly network: Network
  readonly timers: Timers
  readonly signal: AbortSignal
  /** Runs something once this turn's work is done, so that many messages share a frame. */
  readonly afterTurn: (work: () => void) => void
  readonly receive: (envelope: Envelope) => void
  /** Appends to this peer may be lost. */
  readonly lost: (peer: PeerId) => void
}

/** Heartbeats and elections: late they are worth nothing, so they may be lost. */
const BEATS = 'raft/beats'
const VOTES = 'raft/votes'
/** Messages in a datagram, so that it stays far below its largest size. */
const DATAGRAM_MESSAGES_MAX = 100

/**
 * Carries messages between the groups on this peer and those on others: everything for one peer in
 * one turn shares a datagram, or a frame of the one ordered stream between the two.
 */
export class RaftTransport {
  readonly #options: RaftTransportOptions
  readonly #links = new Map<PeerId, PeerLink>()
  readonly #waiting = new Map<PeerId, Envelope[]>()
  #isFlushing = false
  /** Messages sent since the start. */
  sent = 0
  /** Messages that came from somebody who may not send them, or that made no sense. */
  refused = 0

  constructor(options: RaftTransportOptions) {
    this.#options = options
    const { network } = options
    for (const kind of [BEATS, VOTES]) {
      network.onDatagram(kind, (from, bytes) => this.#receive(from, bytes))
    }
    network.onStream(LOG_PROTOCOL, (from, stream) => {
      readFrames(stream, FRAME_BYTES_MAX, frame => this.#receive(from, frame)).catch(
        (error: unknown) => stream.abort(error as Error),
      )
    })
  }

  send(group: number, messages: readonly Message[]): void {
    for (const message of messages) {
      const peer = peerOf(message.to)
      const waiting = this.#waiting.get(peer)
      if (waiting === undefined) this.#waiting.set(peer, [{ group, message }])
      else waiting.push({ group, message })
    }
    if (this.#isFlushing || messages.length === 0) return
    this.#isFlushing = true
    this.#options.afterTurn(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushing = false
    for (const [peer, envelopes] of this.#waiting) this.#sendTo(peer, envelopes)
    this.#waiting.clear()
  }

  #sendTo(peer: PeerId, envelopes: readonly Envelope[]): void {
    this.sent += envelopes.length
    this.#sendDatagrams(peer, BEATS, envelopes.filter(isBeat))
    this.#sendDatagrams(peer, VOTES, envelopes.filter(isVote))
    const others = envelopes.filter(envelope => !isBeat(envelope) && !isVote(envelope))
    if (others.length > 0) this.#linkTo(peer).push(others)
  }

  #sendDatagrams(peer: PeerId, kind: string, envelopes: readonly Envelope[]): void {
    for (let at = 0; at < envelopes.length; at += DATAGRAM_MESSAGES_MAX) {
      const part = envelopes.slice(at, at + DATAGRAM_MESSAGES_MAX)
      this.#options.network.sendDatagram(peer, kind, encodeMessages(part))
    }
  }

  #linkTo(peer: PeerId): PeerLink {
    const { network, timers, signal, lost } = this.#options
    let link = this.#links.get(peer)
    if (link === undefined) {
      link = new PeerLink({ network, timers, signal, peer, lost: () => lost(peer) })
      this.#links.set(peer, link)
    }
    return link
  }

  #receive(from: PeerId, bytes: Uint8Array): void {
    for (const envelope of this.#decode(bytes)) {
      // Nobody speaks for a replica on another peer.
      if (peerOf(envelope.message.from) === from) this.#options.receive(envelope)
      else this.refused++
    }
  }

  #decode(bytes: Uint8Array): readonly Envelope[] {
    try {
      return decodeMessages(bytes)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      this.refused++
      return []
    }
  }
}

const isBeat = ({ message: { type } }: Envelope): boolean =>
  type === 'heartbeat' || type === 'heartbeatAnswer'

const isVote = ({ message: { type } }: Envelope): boolean =>
  type === 'preVote' || type === 'preVoteAnswer' || type === 'vote' || type === 'voteAnswer'
