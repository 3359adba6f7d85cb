import { compare } from '../base/bytes.ts'
import type { FragmentCommits } from './fragment-commits.ts'
import {
  addTotals,
  decodeRecord,
  NO_TOTALS,
  recordsAfter,
  type Totals,
  totalsOf,
} from './fragment-record.ts'
import type { KeyValue } from './key-value.ts'

const PAGE = 1_000

/**
 * Counts the records while others change them: each page between two batches, and from then on it
 * takes part in every change of what it has counted. What it finds must be what the totals say, or
 * the medium lost whole batches: LevelDB skips damaged records of its log in silence. Which
 * fragments are gone nobody here can know; the catalog does (`reconcile`).
 */
export class FragmentCensus {
  readonly #keyValue: KeyValue
  readonly #commits: FragmentCommits
  /** Everything up to this id has been counted. */
  #cursor = new Uint8Array(0)
  #counted: Totals = NO_TOTALS

  constructor(keyValue: KeyValue, commits: FragmentCommits) {
    this.#keyValue = keyValue
    this.#commits = commits
  }

  /** A change of one fragment's record has just happened. */
  note(id: Uint8Array, delta: Totals): void {
    if (compare(id, this.#cursor) <= 0) this.#counted = addTotals(this.#counted, delta)
  }

  /** Returns what the totals say and is not there: all zeros if nothing was lost. */
  async run(): Promise<Totals> {
    for (;;) {
      const lost = await this.#commits.between(async () => {
        const isDone = await this.#countPage()
        return isDone ? addTotals(this.#commits.totals, this.#counted, -1) : undefined
      })
      if (lost !== undefined) return lost
    }
  }

  async #countPage(): Promise<boolean> {
    const page = await this.#keyValue.page(recordsAfter(this.#cursor, PAGE))
    for (const { key, value } of page) {
      this.#counted = addTotals(this.#counted, totalsOf(key, decodeRecord(key, value)))
    }
    const last = page.at(-1)
    if (last !== undefined) this.#cursor = last.key.slice(1)
    return last === undefined
  }
}
