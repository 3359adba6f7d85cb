/**
 * The log of one group, in memory back to its base: compaction bounds it.
 *
 *     base │ 1 2 3 4 5 6 7 8 9 │
 *                ▲       ▲   ▲
 *             commit  stored last
 *
 * Entries come from the leader before they are durable, so `commit` may pass `stored`: a majority
 * without this replica suffices. Nothing at or below `commit` is ever replaced.
 *
 * Invariants: base.index ≤ stored ≤ last; base.index ≤ commit ≤ last; indexes are consecutive and
 * terms never fall.
 */
import { assert } from '../base/assert.ts'
import { type Entry, entryBytes, type LogMark } from './entry.ts'

export class RaftLog {
  #base: LogMark
  /** `entries[i].index === base.index + 1 + i` */
  #entries: Entry[]
  #commit: number
  #stored: number

  /** What was found on disk, so all of it is durable. `commit` may lag. */
  constructor(base: LogMark, entries: readonly Entry[], commit: number) {
    this.#base = base
    this.#entries = [...entries]
    assert(entries.length === 0 || entries[0]?.index === base.index + 1, 'no gap behind the base')
    this.#stored = this.last.index
    this.#commit = base.index
    this.commitTo(Math.max(commit, base.index))
  }

  /** Entries up to here are gone. */
  get base(): LogMark {
    return this.#base
  }

  get last(): LogMark {
    return this.#entries.at(-1) ?? this.#base
  }

  get commit(): number {
    return this.#commit
  }

  /** Entries up to here survive a crash of this replica. */
  get stored(): number {
    return this.#stored
  }

  /** The term of an entry or of the base; undefined for what is not here. */
  termAt(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term
    return this.#entries[index - this.#base.index - 1]?.term
  }

  has({ index, term }: LogMark): boolean {
    return term !== undefined && this.termAt(index) === term
  }

  /** Entries in [from, to], which must be here. */
  slice(from: number, to: number): Entry[] {
    assert(from > this.#base.index && to <= this.last.index, `${from}…${to} are in the log`)
    return this.#entries.slice(from - this.#base.index - 1, to - this.#base.index)
  }

  /** Entries from `from` on that fit into `limitBytes`, but at least one if there is one. */
  sliceBytes(from: number, limitBytes: number, limitCount: number): Entry[] {
    const first = from - this.#base.index - 1
    let sizeBytes = 0
    let end = first
    for (; end < this.#entries.length && end - first < limitCount; end++) {
      sizeBytes += entryBytes(this.#entries[end] as Entry)
      if (end > first && sizeBytes > limitBytes) break
    }
    return this.#entries.slice(first, end)
  }

  /**
   * Of entries that follow one which is here, those from the first on that is not. The others stay
   * as they are, and so does what follows them (§5.3): the message may be an old one.
   */
  missingFrom(entries: readonly Entry[]): readonly Entry[] {
    const at = entries.findIndex(entry => entry.index > this.#base.index && !this.has(entry))
    return at < 0 ? [] : entries.slice(at)
  }

  /** Replaces everything from the first entry's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0]
    if (first === undefined) return
    assert(first.index > this.#commit, `entry ${first.index} replaces none up to ${this.#commit}`)
    assert(first.index <= this.last.index + 1, `entry ${first.index} leaves no gap`)
    this.#entries.length = first.index - this.#base.index - 1
    assert(first.term >= this.last.term, 'terms never fall')
    for (const entry of entries) this.#entries.push(entry)
    this.#stored = Math.min(this.#stored, first.index - 1)
  }

  /** Returns whether that is news. */
  commitTo(index: number): boolean {
    if (index <= this.#commit) return false
    assert(
      index <= this.last.index,
      `commit ${index} is in the log, which ends at ${this.last.index}`,
    )
    this.#commit = index
    return true
  }

  /** A write is durable whose log ended at `last`; ignored if that was replaced since. */
  storedTo(last: LogMark): boolean {
    if (last.index <= this.#stored || !this.has(last)) return false
    this.#stored = last.index
    return true
  }

  /**
   * Where this log may agree with one that has `mark`: the last place at or below it whose term is
   * no higher. Skips a whole term at a time instead of one entry.
   */
  agreementHint({ index, term }: LogMark): LogMark {
    let at = Math.min(index, this.last.index)
    while (at > this.#base.index && (this.termAt(at) as number) > term) at--
    return { index: at, term: this.termAt(at) ?? 0 }
  }

  /** Forgets entries up to `index`. */
  trim(index: number): void {
    assert(index <= this.#commit, 'only what is committed is forgotten')
    if (index <= this.#base.index) return
    const term = this.termAt(index) as number
    this.#entries = this.#entries.slice(index - this.#base.index)
    this.#base = { index, term }
    this.#stored = Math.max(this.#stored, index)
  }

  /** A snapshot takes the place of everything. */
  restart(base: LogMark): void {
    assert(base.index > this.#commit, 'a snapshot brings news')
    this.#base = base
    this.#entries = []
    this.#commit = base.index
    // The snapshot itself was durable before anybody heard of it.
    this.#stored = base.index
  }
}
