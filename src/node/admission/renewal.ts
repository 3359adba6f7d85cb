import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Log } from '../log.ts'
import { CERTIFICATE_MS } from './authority.ts'
import { decodeWelcome, encodeJoinRequest, JOIN_PROTOCOL } from './join-messages.ts'
import type { MemberBook } from './member-book.ts'

/** A certificate is renewed when less than a third of its life is left. */
const RENEW_BEFORE_MS = CERTIFICATE_MS / 3
const RENEW_CHECK_MS = 600_000
const ANSWER_MS = 5000

export interface RenewalOptions {
  readonly book: MemberBook
  /** Who holds the key of the network. */
  readonly holder: PeerId
  readonly network: Network
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly log: Log
  /** Where the key is: renews without asking anybody. */
  readonly renewHere: (() => Promise<Uint8Array>) | undefined
  /** Told of the new certificate. */
  readonly onRenewed: (record: Uint8Array) => void
  /** Closes the connections to a peer, which may come back. */
  readonly disconnect: (peer: PeerId) => Promise<void>
}

/**
 * Keeps this peer's certificate in force: looks now and then whether it ends soon, and asks the
 * holder of the key for another. While the holder is away it tries again at the next look, of which
 * there are thousands in the third of a life that is left.
 */
export class Renewal {
  readonly #options: RenewalOptions

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    const { environment, log } = this.#options
    for (;;) {
      try {
        this.#warnIfExpired()
        if (this.#isDue()) await this.#renew(signal)
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        log.warn('certificate not renewed', { reason: (error as Error).message })
      }
      const pauseMs = RENEW_CHECK_MS * (0.5 + environment.random.float())
      await sleep(environment.timers, pauseMs, signal)
    }
  }

  #isDue(): boolean {
    const { network, environment, book } = this.#options
    const status = book.statusOf(network.self)
    if (status.state !== 'member' && status.state !== 'expired') return false
    return status.certificate.notAfterMs - environment.clock.wallMs() < RENEW_BEFORE_MS
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { network, book, holder, log, renewHere, onRenewed, disconnect } = this.#options
    const wereStrangers = [holder, network.self].some(
      peer => book.statusOf(peer).state !== 'member',
    )
    const answer = renewHere === undefined ? await this.#ask(signal) : await renewHere()
    const { record, others } = decodeWelcome(answer)
    if (book.learn(record) !== undefined) onRenewed(record)
    // Those of the others may have been renewed since, the holder's above all.
    for (const other of others) book.learn(other)
    await book.saved()
    log.info('certificate renewed')
    // What was refused to a stranger is only asked for again on a new connection.
    if (wereStrangers && renewHere === undefined) await disconnect(holder)
  }

  #ask(signal: AbortSignal): Promise<Uint8Array> {
    const { network, holder } = this.#options
    const body = encodeJoinRequest({ type: 'renew' })
    return network.request(holder, JOIN_PROTOCOL, { body, deadlineMs: ANSWER_MS, signal })
  }

  /** Says why nobody speaks to this peer: it was away for long, or its clock is wrong. */
  #warnIfExpired(): void {
    const { network, environment, book, holder, log } = this.#options
    const status = book.statusOf(network.self)
    if (status.state !== 'expired') return
    const [ended, now] = [status.certificate.notAfterMs, environment.clock.wallMs()].map(ms =>
      new Date(ms).toISOString(),
    )
    log.warn('certificate expired', { ended, now, renewedBy: holder })
  }
}
