import { HoldfastError } from '../base/errors.ts'
import { addTotals, encodeTotals, metaKey, type Totals } from './fragment-record.ts'
import type { KeyChange, KeyValue } from './key-value.ts'

/** Changes that may wait, and what one batch may hold. */
const WAITING_MAX = 4_096
const BATCH_BYTES_MAX = 4 << 20
/**
 * Of what one batch may hold. Writers who all wait for the same batch would all go on at the same
 * time, and the disk would rest meanwhile; so they are kept in two halves or more.
 */
const BATCH_COMMITS_MAX = 32

/** What happens together or not at all. */
export interface Commit {
  readonly changes: readonly KeyChange[]
  /** What it adds to the totals. */
  readonly delta: Totals
  /** Whether whoever commits waits for durability. */
  readonly sync: boolean
  /** Told, within the turn of the batch, that it happened. */
  readonly applied?: () => void
}

interface Waiting extends Commit {
  readonly sizeBytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Group commit: everything that waits while one batch is being synced goes into the next, so that
 * many writers share a sync. Every batch carries the totals that it leads to, so the store knows at
 * its opening how much it holds without looking at everything; and a batch that the medium lost
 * leaves totals that do not add up, which a census (`fragment-census.ts`) finds.
 */
export class FragmentCommits {
  readonly #keyValue: KeyValue
  #totals: Totals
  readonly #waiting: Waiting[] = []
  readonly #pauses: (() => Promise<void>)[] = []
  #isRunning = false

  /** @param totals as the last batch left them */
  constructor(keyValue: KeyValue, totals: Totals) {
    this.#keyValue = keyValue
    this.#totals = totals
  }

  /** As the last batch left them. */
  get totals(): Totals {
    return this.#totals
  }

  /**
   * Resolves when the changes have happened: durably, if `sync`.
   * @throws {HoldfastError} `BUSY`, `DISK_FULL`: they did not; `DISK_FAILED`: nobody knows
   */
  commit(commit: Commit): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(busy())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...commit, sizeBytes: sizeOf(commit), resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  /** Runs `work` while no batch is under way. It must not commit. */
  between<Result>(work: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#pauses.push(() => work().then(resolve, reject))
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // Whoever commits in this very turn shares the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0 || this.#pauses.length > 0) {
      for (const pause of this.#pauses.splice(0)) await pause()
      if (this.#waiting.length > 0) await this.#write(this.#take())
    }
    this.#isRunning = false
  }

  #take(): Waiting[] {
    let sizeBytes = 0
    const beyond = this.#waiting.findIndex((waiting, at) => {
      sizeBytes += waiting.sizeBytes
      return at > 0 && (sizeBytes > BATCH_BYTES_MAX || at >= BATCH_COMMITS_MAX)
    })
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : beyond)
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const totals = batch.reduce((sum, { delta }) => addTotals(sum, delta), this.#totals)
    const changes = batch.flatMap(waiting => waiting.changes)
    changes.push({ key: metaKey('totals'), value: encodeTotals(totals) })
    try {
      await this.#keyValue.batch(changes, { sync: batch.some(({ sync }) => sync) })
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    this.#totals = totals
    for (const { applied, resolve } of batch) {
      applied?.()
      resolve()
    }
  }
}

function sizeOf({ changes }: Commit): number {
  let size = 0
  for (const { key, value } of changes) size += key.length + (value?.length ?? 0)
  return size
}

const busy = (): HoldfastError =>
  new HoldfastError(`Cannot commit: ${WAITING_MAX} changes wait already`, {
    code: 'BUSY',
    what: 'commits of fragments',
    limit: WAITING_MAX,
  })
