import type { PeerId } from '../../base/environment.ts'
import type { AdmissionFiles } from './admission-files.ts'
import type { MemberRecord } from './member-record.ts'
import { type MemberStatus, MemberTable } from './member-table.ts'
import type { Trust } from './trust.ts'

/**
 * Who belongs to the network, for whoever needs to know: the seam behind which the member table is
 * kept, here as a copy on every peer.
 */
export interface Members {
  /** As of now. */
  statusOf(peer: PeerId): MemberStatus
  /** What there is about every peer, in order of their ids. */
  records(): readonly MemberRecord[]
  /** Told of each record that is news, once it counts. */
  onChange(listener: (record: MemberRecord) => void): void
}

/** A member table that is on disk. */
export class MemberBook implements Members {
  readonly table: MemberTable
  readonly #files: AdmissionFiles
  readonly #wallMs: () => number
  readonly #listeners: ((record: MemberRecord) => void)[] = []
  /** The write under way, and the one that will take up all that came meanwhile. */
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined
  /** Something was learnt that no write under way has. */
  #isChanged = false

  constructor(files: AdmissionFiles, trust: Trust, wallMs: () => number) {
    this.#files = files
    this.#wallMs = wallMs
    this.table = new MemberTable(trust)
  }

  /** Reads what was there before. */
  async load(): Promise<void> {
    for (const record of await this.#files.readRecords()) this.table.offer(record)
  }

  statusOf(peer: PeerId): MemberStatus {
    return this.table.statusOf(peer, this.#wallMs())
  }

  records(): readonly MemberRecord[] {
    return this.table.records()
  }

  onChange(listener: (record: MemberRecord) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Takes a record in and returns it if it was news. It counts at once, a ban above all; it is
   * durable when `saved` says so.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`, `UNTRUSTED`, `BUSY`: nothing has changed
   */
  learn(bytes: Uint8Array): MemberRecord | undefined {
    const record = this.table.offer(bytes)
    if (record === undefined) return undefined
    this.#isChanged = true
    for (const listener of this.#listeners) listener(record)
    return record
  }

  /**
   * Resolves when all that was learnt by now is durable: at once if it is, with the write under way
   * if that has it all, else with the one after it, which takes up everything that came meanwhile.
   */
  saved(): Promise<void> {
    if (!this.#isChanged) return this.#next ?? this.#writing ?? Promise.resolve()
    if (this.#writing === undefined) return this.#write()
    this.#next ??= this.#writing.then(
      () => this.#write(),
      () => this.#write(),
    )
    return this.#next
  }

  #write(): Promise<void> {
    this.#next = undefined
    this.#isChanged = false
    const writing = this.#writeTable().finally(() => {
      if (this.#writing === writing) this.#writing = undefined
    })
    this.#writing = writing
    return writing
  }

  async #writeTable(): Promise<void> {
    try {
      await this.#files.writeRecords(this.table.signedRecords())
    } catch (error) {
      // Nobody may be told that it is durable before another write has succeeded.
      this.#isChanged = true
      throw error
    }
  }
}
