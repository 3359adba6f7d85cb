import type { Clock, PeerId } from '../base/environment.ts'
import type { NetEvent, RefusalReason } from './net-events.ts'
import { TokenBucket } from './token-bucket.ts'

/** Events of one reason that are told at once, and how many per second after that. */
const RATE = { burst: 10, perSecond: 1 }

interface Account {
  readonly bucket: TokenBucket
  total: number
  leftOut: number
}

/** Counts what was refused, and tells of it no faster than a log can take it. */
export class Refusals {
  readonly #clock: Clock
  readonly #tell: (event: NetEvent) => void
  readonly #accounts = new Map<RefusalReason, Account>()

  constructor(clock: Clock, tell: (event: NetEvent) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  refuse(reason: RefusalReason, peer: PeerId | undefined, detail: string): void {
    const account = this.#accountOf(reason)
    account.total++
    if (!account.bucket.take()) {
      account.leftOut++
      return
    }
    const { leftOut } = account
    account.leftOut = 0
    this.#tell({ type: 'refused', reason, peer, detail, leftOut })
  }

  /** How many there were since the start, by reason. */
  totals(): Record<string, number> {
    return Object.fromEntries([...this.#accounts].map(([reason, { total }]) => [reason, total]))
  }

  #accountOf(reason: RefusalReason): Account {
    const known = this.#accounts.get(reason)
    if (known !== undefined) return known
    const account = { bucket: new TokenBucket(this.#clock, RATE), total: 0, leftOut: 0 }
    this.#accounts.set(reason, account)
    return account
  }
}
