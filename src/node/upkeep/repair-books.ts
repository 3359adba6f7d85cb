import type { Clock } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import type { RepairRecord } from '../store/upkeep.ts'
import type { Delivery, Proof } from './fragment-mover.ts'
import type { RepairLedger } from './repair-ledger.ts'

/** What became of a piece of work. */
export interface Work {
  readonly kind: RepairRecord['kind']
  readonly placed: PlacedSegment
  /** Those whose fragments were proven. */
  readonly proven: readonly Delivery[]
  readonly proofs: readonly Proof[]
  readonly deliveries: readonly Delivery[]
  readonly bytesRead: number
  readonly tookMs: number
  readonly outcome: RepairRecord['outcome']
  readonly reason: string
}

/** Counts what is done, and writes it into the ledger, which nobody waits for. */
export class Books {
  readonly #ledger: RepairLedger
  readonly #clock: Clock
  readonly #onFailure: (error: unknown) => void
  #segments = 0
  #bytes = 0
  #failures = 0

  /** @param onFailure told of what is no failure of the disk */
  constructor(ledger: RepairLedger, clock: Clock, onFailure: (error: unknown) => void) {
    this.#ledger = ledger
    this.#clock = clock
    this.#onFailure = onFailure
  }

  /** Segments that work was done on, bytes that it wrote, and work that failed. */
  get totals(): { readonly segments: number; readonly bytes: number; readonly failures: number } {
    return { segments: this.#segments, bytes: this.#bytes, failures: this.#failures }
  }

  note(work: Work): void {
    const { placed, proven, deliveries, proofs, kind, outcome, reason, bytesRead } = work
    const bytesWritten = deliveries.reduce((sum, { fragment }) => sum + fragment.bytes.length, 0)
    if (outcome === 'done') {
      this.#segments++
      this.#bytes += bytesWritten
    }
    if (outcome === 'failed') this.#failures++
    const { bucket, key, segment } = placed
    const record = {
      at: new Date(this.#clock.wallMs()),
      kind,
      bucket,
      key,
      segment,
      fragments: proven.map(({ fragment, peer }) => ({ index: fragment.index, peer })),
      bytesRead,
      bytesWritten,
      tookMs: Math.round(work.tookMs),
      outcome,
      reason,
      proofs: [...proofs],
    }
    this.#ledger.add(record).catch((error: unknown) => {
      // A full disk takes the line later; one that failed ends the peer by other means.
      if (codeOf(error) === undefined) this.#onFailure(error)
    })
  }
}
