import type { Clock, Network, PeerId } from '../../base/environment.ts'
import {
  ASK_KIND,
  decodeAsk,
  decodeTelling,
  encodeAsk,
  encodeTelling,
  type PeerTelling,
  TELL_KIND,
} from '../../clock/peer-exchange.ts'
import type { Exchange } from '../../clock/sample.ts'
import type { Standing } from '../../clock/source.ts'
import { Outstanding } from './outstanding.ts'

export interface PeerClientOptions {
  readonly network: Network
  readonly clock: Clock
  /** What the virtual clock shows. */
  readonly virtualMs: () => number
  /** What to say of oneself. */
  readonly standing: () => Standing & { readonly boundMs: number }
  readonly onAnswer: (peer: PeerId, exchange: Exchange, standing: Standing) => void
}

/** Asks peers for the time, and tells them when they ask. */
export class PeerClient {
  readonly #options: PeerClientOptions
  readonly #outstanding = new Outstanding<number>()
  #lastId = 0

  constructor(options: PeerClientOptions) {
    this.#options = options
    options.network.onDatagram(ASK_KIND, (from, bytes) => this.#tell(from, bytes))
    options.network.onDatagram(TELL_KIND, (from, bytes) => this.#receive(from, bytes))
  }

  ask(peer: PeerId): void {
    const { network, clock } = this.#options
    const id = ++this.#lastId
    const bytes = encodeAsk(id)
    this.#outstanding.add(id, peer, clock.monotonicMs())
    network.sendDatagram(peer, ASK_KIND, bytes)
  }

  #tell(from: PeerId, bytes: Uint8Array): void {
    const { network, virtualMs, standing } = this.#options
    const receivedMs = virtualMs()
    const id = decodeAsk(bytes)
    if (id === undefined) return
    const telling = { id, receivedMs, ...standing() }
    network.sendDatagram(from, TELL_KIND, encodeTelling({ ...telling, sentMs: virtualMs() }))
  }

  #receive(from: PeerId, bytes: Uint8Array): void {
    const receivedMs = this.#options.clock.monotonicMs()
    const telling = decodeTelling(bytes)
    if (telling === undefined) return
    const question = this.#outstanding.take(telling.id)
    if (question?.to !== from) return
    this.#options.onAnswer(from, exchangeOf(telling, question.sentMs, receivedMs), telling)
  }
}

/** A bound that is not known makes the claim worthless, not wrong: only its clock is of interest. */
const exchangeOf = (telling: PeerTelling, sentMs: number, receivedMs: number): Exchange => ({
  sentMs,
  receivedMs,
  remoteReceivedMs: telling.receivedMs,
  remoteSentMs: telling.sentMs,
  boundMs: Number.isFinite(telling.boundMs) ? telling.boundMs : BOUND_UNKNOWN_MS,
})

/** Wider than any that is of use. */
const BOUND_UNKNOWN_MS = 1e9
