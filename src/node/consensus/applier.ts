import { assert } from '../../base/assert.ts'
import { type Configuration, decodeConfiguration } from '../../consensus/configuration.ts'
import { type Entry, entryBytes, type LogMark } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { ReplicaState, Results } from './replica-state.ts'

export interface ApplierOptions {
  readonly state: ReplicaState
  /** An entry was applied; `result` is undefined for what is not a command. */
  readonly applied: (entry: Entry, result: Uint8Array | undefined) => void
  /** The state jumped to a snapshot: what became of single commands is not known here. */
  readonly jumped: (mark: LogMark) => void
  /** Some work is done. */
  readonly progressed: () => void
  readonly failed: (error: unknown) => void
  /** Begins to time a run; what is returned is called when its entries are applied. */
  readonly timed?: (entries: number) => () => void
}

type Job =
  | { readonly type: 'apply'; readonly entries: readonly Entry[] }
  | { readonly type: 'install'; readonly snapshot: SnapshotMark }

/** Entries that are applied together: what came while others were being applied. */
const RUN_ENTRIES_MAX = 256
const RUN_BYTES_MAX = 4_194_304

/**
 * Feeds the state, one thing after another: entries in order, and between them now and then a
 * snapshot that takes the place of everything. Nothing is applied while something else is on its way,
 * so what comes behind a snapshot cannot get ahead of it (bug class 24).
 *
 * A configuration is the first of its run, so that one holds for all of the run.
 */
export class Applier {
  readonly #options: ApplierOptions
  readonly #jobs: Job[] = []
  /** Of the first job, how many entries are done. */
  #done = 0
  #waitingBytes = 0
  #isBusy = false
  #isStopped = false
  #mark: LogMark
  #configuration: Configuration

  constructor(options: ApplierOptions) {
    this.#options = options
    const { index, term, configuration } = options.state.start
    this.#mark = { index, term }
    this.#configuration = configuration
  }

  /** What the state is made of. */
  get mark(): SnapshotMark {
    return { ...this.#mark, configuration: this.#configuration }
  }

  /** Bytes of entries that were handed over and are not applied. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  do(job: Job): void {
    this.#jobs.push(job)
    if (job.type === 'apply') this.#waitingBytes += bytesOf(job.entries)
    if (!this.#isBusy) this.#work()
  }

  /** Takes up nothing more. */
  stop(): void {
    this.#isStopped = true
    this.#jobs.length = 0
  }

  #work(): void {
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      const pending = job.type === 'apply' ? this.#applyNext() : this.#install(job.snapshot)
      if (pending !== undefined) {
        this.#wait(pending)
        return
      }
    }
  }

  #wait(pending: Promise<void>): void {
    this.#isBusy = true
    pending.then(
      () => {
        this.#isBusy = false
        this.#guarded(() => this.#work())
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.stop()
    this.#options.failed(error)
  }

  /** Undefined if the state answered at once. */
  #applyNext(): Promise<void> | undefined {
    const entries = this.#takeRun()
    const [first] = entries
    const last = entries.at(-1)
    if (first === undefined || last === undefined) return undefined
    const isNew = first.kind === 'configuration'
    const configuration = isNew ? decodeConfiguration(first.data) : this.#configuration
    const mark = { index: last.index, term: last.term, configuration }
    const commands = entries.filter(({ kind }) => kind === 'command')
    const took = this.#options.timed?.(entries.length)
    const results = this.#options.state.apply({ commands, mark })
    if (!(results instanceof Promise)) {
      took?.()
      this.#applied(entries, mark, results)
      return undefined
    }
    return results.then(answers => {
      took?.()
      this.#applied(entries, mark, answers)
    })
  }

  /** As many entries as go together, of as many jobs as it takes. */
  #takeRun(): Entry[] {
    const run: Entry[] = []
    let sizeBytes = 0
    for (let job = this.#jobs[0]; job?.type === 'apply'; job = this.#jobs[0]) {
      for (; this.#done < job.entries.length; this.#done++) {
        const entry = job.entries[this.#done] as Entry
        const isFull = run.length >= RUN_ENTRIES_MAX || sizeBytes >= RUN_BYTES_MAX
        if (isFull || (entry.kind === 'configuration' && run.length > 0)) return run
        const isNext = entry.index === this.#mark.index + run.length + 1
        assert(isNext, 'entries are applied in order, each once')
        run.push(entry)
        sizeBytes += entryBytes(entry)
      }
      this.#jobs.shift()
      this.#done = 0
    }
    return run
  }

  #applied(entries: readonly Entry[], mark: SnapshotMark, results: Results): void {
    this.#waitingBytes -= bytesOf(entries)
    if (this.#isStopped) return
    this.#stand(mark)
    let at = 0
    for (const entry of entries) {
      this.#options.applied(entry, entry.kind === 'command' ? results[at++] : undefined)
    }
    assert(at === results.length, 'the state answers every command')
    this.#options.progressed()
  }

  #stand({ index, term, configuration }: SnapshotMark): void {
    this.#mark = { index, term }
    this.#configuration = configuration
  }

  async #install(mark: SnapshotMark): Promise<void> {
    this.#jobs.shift()
    await this.#options.state.install(mark)
    if (this.#isStopped) return
    this.#stand(mark)
    this.#options.jumped(mark)
    this.#options.progressed()
  }
}

const bytesOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + entryBytes(entry), 0)
