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

interface BooksOptions {
  /** Told of every segment that work was done on. */
  readonly onDone: (work: Work) => void
  /** Told of what is no failure of the disk. */
  readonly onFailure: (error: unknown) => void
}

const MINUTE_MS = 60_000
/** Pieces of work whose times are remembered. */
const DONE_MAX = 4_096

/** Counts what is done, and writes it into the ledger, which nobody waits for. */
export class Books {
  readonly #ledger: RepairLedger
  readonly #clock: Clock
  readonly #options: BooksOptions
  #segments = 0
  #bytes = 0
  #failures = 0
  /** When the last pieces of work were done. */
  readonly #doneMs: number[] = []

  constructor(ledger: RepairLedger, clock: Clock, options: BooksOptions) {
    this.#ledger = ledger
    this.#clock = clock
    this.#options = options
  }

  /** Segments that work was done on, bytes that it wrote, and work that failed. */
  get totals(): { readonly segments: number; readonly bytes: number; readonly failures: number } {
    return { segments: this.#segments, bytes: this.#bytes, failures: this.#failures }
  }

  /** How many segments work was done on within the last minute, and since the first of them. */
  get lastMinute(): { readonly segments: number; readonly overMs: number } {
    const nowMs = this.#clock.monotonicMs()
    const recent = this.#doneMs.filter(atMs => atMs >= nowMs - MINUTE_MS)
    return { segments: recent.length, overMs: nowMs - (recent[0] ?? nowMs) }
  }

  note(work: Work): void {
    const { placed, proven, deliveries, proofs, kind, outcome, reason, bytesRead } = work
    const bytesWritten = deliveries.reduce((sum, { fragment }) => sum + fragment.bytes.length, 0)
    if (outcome === 'done') {
      this.#segments++
      this.#doneMs.push(this.#clock.monotonicMs())
      if (this.#doneMs.length > DONE_MAX) this.#doneMs.shift()
      this.#bytes += bytesWritten
      this.#options.onDone(work)
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
      if (codeOf(error) === undefined) this.#options.onFailure(error)
    })
  }
}
