import type { Environment, PeerId } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { sleep } from '../base/waiting.ts'
import type { PeerHost } from './machine.ts'

/** How often Kademlia is asked for one member of whom no address is known. */
const ASK_INTERVAL_MS = 10_000

/**
 * Keeps the host connected with the members it can reach. Whose address is not known yet is not
 * dialled: as a rule the membership protocol tells it within a moment, while asking Kademlia for
 * twenty newcomers at once costs all twenty more than they have.
 */
export class MemberReach {
  readonly #host: PeerHost
  readonly #environment: Pick<Environment, 'timers' | 'random'>
  #wanted: readonly PeerId[] = []

  constructor(host: PeerHost, environment: Pick<Environment, 'timers' | 'random'>) {
    this.#host = host
    this.#environment = environment
  }

  /** The members to be connected with from now on. */
  keep(peers: readonly PeerId[]): void {
    this.#wanted = peers
    this.#apply()
  }

  /** Somebody told where a member can be reached. */
  learn(peer: PeerId, addresses: readonly string[]): void {
    this.#host.learn(peer, addresses)
    this.#apply()
  }

  /** Asks, now and then, for one of those of whom nobody told. */
  async run(signal: AbortSignal): Promise<void> {
    const { timers, random } = this.#environment
    for (;;) {
      await sleep(timers, ASK_INTERVAL_MS * (0.5 + random.float()), signal)
      const lost = this.#wanted.filter(peer => !this.#isKnown(peer))
      if (lost.length === 0) continue
      await this.#ask(random.pick(lost), signal)
      this.#apply()
    }
  }

  async #ask(peer: PeerId, signal: AbortSignal): Promise<void> {
    try {
      await this.#host.findAddresses(peer, signal)
    } catch (error) {
      // Nobody may be there to ask.
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }

  #apply(): void {
    this.#host.keep(this.#wanted.filter(peer => this.#isKnown(peer)))
  }

  #isKnown(peer: PeerId): boolean {
    return this.#host.addressesOf(peer).length > 0
  }
}
