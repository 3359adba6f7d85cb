import type { Clock, PeerId, Random, Timer, Timers } from '../base/environment.ts'
import {
  DIALS_MAX,
  LINK_PACE_MS,
  LINKS_AT_ONCE,
  REDIAL_FIRST_MS,
  REDIAL_LAST_MS,
  REDIAL_RESET_MS,
  REDIAL_YIELD_MS,
  REDIAL_YIELD_MS_MAX,
  REDIAL_YIELD_PER_PEER_MS,
} from './limits.ts'

export interface RediallerOptions {
  readonly self: PeerId
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly isConnected: (peer: PeerId) => boolean
  /** Makes one attempt; rejects if it fails. `attempt` counts from 0 since the last success. */
  readonly dial: (peer: PeerId, attempt: number) => Promise<void>
}

/** A peer that is wanted. */
interface Wanted {
  /** One of the few that are dialled without delay. */
  isLink: boolean
  /** Failed attempts, or connections that did not last, one after another. */
  attempts: number
  connectedAtMs: number | undefined
  timer: Timer | undefined
  atMs: number
  isDialling: boolean
}

/**
 * Keeps a set of peers connected, for ever: whoever is lost is dialled again after a pause that
 * doubles up to a minute, with chance in it so that a thousand peers do not knock at once. At most one
 * attempt per peer is under way, and `DIALS_MAX` in all; one that finds no room comes back soon. Many
 * that are new are not hurried: who needs one of them at once dials it on demand.
 */
export class Redialler {
  readonly #options: RediallerOptions
  readonly #wanted = new Map<PeerId, Wanted>()
  #dialling = 0

  constructor(options: RediallerOptions) {
    this.#options = options
  }

  /** The peers to be connected with from now on. */
  keep(peers: ReadonlySet<PeerId>): void {
    for (const peer of this.#wanted.keys()) if (!peers.has(peer)) this.forget(peer)
    const added = [...peers]
      .filter(peer => peer !== this.#options.self && !this.#wanted.has(peer))
      .map(peer => ({ peer, wanted: this.#newlyWanted(peer) }))
    for (const { peer, wanted } of added) this.#wanted.set(peer, wanted)
    // Only now, for how long to wait depends on how many there are.
    let links = [...this.#wanted.values()].filter(isLinked).length
    for (const { peer, wanted } of added) {
      if (wanted.connectedAtMs !== undefined) continue
      wanted.isLink = links++ < LINKS_AT_ONCE
      this.#schedule(peer, wanted, this.#firstMs(peer, wanted))
    }
  }

  has(peer: PeerId): boolean {
    return this.#wanted.has(peer)
  }

  up(peer: PeerId): void {
    const wanted = this.#wanted.get(peer)
    if (wanted === undefined) return
    wanted.connectedAtMs = this.#nowMs()
    wanted.timer?.cancel()
    wanted.timer = undefined
  }

  down(peer: PeerId): void {
    const wanted = this.#wanted.get(peer)
    if (wanted === undefined || wanted.isDialling) return
    const lastedMs = this.#nowMs() - (wanted.connectedAtMs ?? this.#nowMs())
    wanted.connectedAtMs = undefined
    if (lastedMs >= REDIAL_RESET_MS) wanted.attempts = 0
    this.#again(peer, wanted)
  }

  /** Where a peer that was dialled in vain can be reached has changed: no need to wait. */
  hurry(peer: PeerId): void {
    const wanted = this.#wanted.get(peer)
    if (wanted?.timer === undefined || wanted.attempts === 0) return
    wanted.attempts = 0
    this.#schedule(peer, wanted, this.#yieldMs(peer))
  }

  forget(peer: PeerId): void {
    this.#wanted.get(peer)?.timer?.cancel()
    this.#wanted.delete(peer)
  }

  waiting(): { peer: PeerId; attempts: number; nextInMs: number }[] {
    return [...this.#wanted]
      .filter(([, { timer }]) => timer !== undefined)
      .map(([peer, { attempts, atMs }]) => ({
        peer,
        attempts,
        nextInMs: Math.max(0, atMs - this.#nowMs()),
      }))
  }

  stop(): void {
    this.keep(new Set())
  }

  #newlyWanted(peer: PeerId): Wanted {
    return {
      isLink: false,
      attempts: 0,
      connectedAtMs: this.#options.isConnected(peer) ? this.#nowMs() : undefined,
      timer: undefined,
      atMs: 0,
      isDialling: false,
    }
  }

  #again(peer: PeerId, wanted: Wanted): void {
    const pauseMs = Math.min(REDIAL_LAST_MS, REDIAL_FIRST_MS * 2 ** Math.min(wanted.attempts, 20))
    wanted.attempts++
    this.#schedule(
      peer,
      wanted,
      pauseMs * (0.5 + this.#options.random.float()) + this.#yieldMs(peer),
    )
  }

  #schedule(peer: PeerId, wanted: Wanted, delayMs: number): void {
    wanted.timer?.cancel()
    wanted.atMs = this.#nowMs() + delayMs
    wanted.timer = this.#options.timers.after(delayMs, () => {
      wanted.timer = undefined
      void this.#attempt(peer, wanted)
    })
  }

  async #attempt(peer: PeerId, wanted: Wanted): Promise<void> {
    if (this.#options.isConnected(peer)) return
    if (this.#dialling >= DIALS_MAX) {
      this.#schedule(peer, wanted, REDIAL_FIRST_MS * this.#options.random.float())
      return
    }
    this.#dialling++
    wanted.isDialling = true
    try {
      await this.#options.dial(peer, wanted.attempts)
    } catch {
      // Whatever it was, there is another attempt.
    } finally {
      this.#dialling--
      wanted.isDialling = false
    }
    const isStillWanted = this.#wanted.get(peer) === wanted
    if (isStillWanted && !this.#options.isConnected(peer)) this.#again(peer, wanted)
  }

  /** The first few peers are dialled at once, the others one by one. */
  #firstMs(peer: PeerId, { isLink }: Wanted): number {
    const paceMs = isLink ? 0 : LINK_PACE_MS * this.#wanted.size * this.#options.random.float()
    return paceMs + this.#yieldMs(peer)
  }

  /** Of two peers that lost each other one begins. */
  #yieldMs(peer: PeerId): number {
    if (this.#options.self < peer) return 0
    const ms = REDIAL_YIELD_MS + REDIAL_YIELD_PER_PEER_MS * this.#wanted.size
    return Math.min(ms, REDIAL_YIELD_MS_MAX)
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }
}

const isLinked = ({ isLink, connectedAtMs }: Wanted): boolean =>
  isLink || connectedAtMs !== undefined
