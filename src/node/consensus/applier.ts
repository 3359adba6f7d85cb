import { assert } from '../../base/assert.ts'
import { type Configuration, decodeConfiguration } from '../../consensus/configuration.ts'
import type { Entry, LogMark } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { StateMachine } from '../../consensus/state-machine.ts'
import type { Snapshot } from './snapshot-file.ts'

export interface ApplierOptions {
  readonly machine: StateMachine
  /** What the machine was restored from. */
  readonly start: SnapshotMark
  /** Reads a snapshot that was received. */
  readonly read: (mark: SnapshotMark) => Promise<Snapshot>
  /** An entry was applied; `result` is undefined for what is not a command. */
  readonly applied: (entry: Entry, result: Uint8Array | undefined) => void
  /** The state jumped to a snapshot: what became of single commands is not known here. */
  readonly jumped: (mark: LogMark) => void
  /** Some work is done. */
  readonly rested: () => void
  readonly failed: (error: unknown) => void
}

type Job =
  | { readonly type: 'apply'; readonly entries: readonly Entry[] }
  | { readonly type: 'install'; readonly snapshot: SnapshotMark }

/**
 * Feeds the state machine, one thing after another: entries in order, and between them now and then
 * a snapshot that takes the place of everything. Nothing is applied while a snapshot is being read,
 * so what comes behind it cannot get ahead of it (bug class 24).
 */
export class Applier {
  readonly #options: ApplierOptions
  readonly #jobs: Job[] = []
  #isInstalling = false
  #mark: LogMark
  #configuration: Configuration

  constructor(options: ApplierOptions) {
    this.#options = options
    const { index, term, configuration } = options.start
    this.#mark = { index, term }
    this.#configuration = configuration
  }

  /** What the state is made of. */
  get mark(): SnapshotMark {
    return { ...this.#mark, configuration: this.#configuration }
  }

  /** Whether the state is as new as everything that was handed over. */
  get isIdle(): boolean {
    return !this.#isInstalling && this.#jobs.length === 0
  }

  do(job: Job): void {
    this.#jobs.push(job)
    if (!this.#isInstalling) this.#work()
  }

  #work(): void {
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      if (job.type === 'install') {
        this.#isInstalling = true
        this.#install(job.snapshot).catch(this.#options.failed)
        return
      }
      this.#apply(job.entries)
    }
    this.#options.rested()
  }

  #apply(entries: readonly Entry[]): void {
    const { machine, applied } = this.#options
    const results = machine.apply(entries.filter(({ kind }) => kind === 'command'))
    let at = 0
    for (const entry of entries) {
      assert(entry.index === this.#mark.index + 1, 'entries are applied in order, each once')
      this.#mark = { index: entry.index, term: entry.term }
      if (entry.kind === 'configuration') this.#configuration = decodeConfiguration(entry.data)
      applied(entry, entry.kind === 'command' ? results[at++] : undefined)
    }
    assert(at === results.length, 'the state machine answers every command')
  }

  async #install(mark: SnapshotMark): Promise<void> {
    const { pieces } = await this.#options.read(mark)
    this.#options.machine.restore(pieces)
    this.#mark = { index: mark.index, term: mark.term }
    this.#configuration = mark.configuration
    this.#isInstalling = false
    this.#options.jumped(mark)
    this.#work()
  }
}
