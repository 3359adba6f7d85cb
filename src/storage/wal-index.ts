import { assert } from '../base/assert.ts'
import type { WalRecord } from './wal-record.ts'

/** Where a record lies: segment number, position of its frame, offset in the frame's body. */
export interface Place {
  readonly segment: number
  readonly frame: number
  readonly offset: number
}

/** An entry without its payload. */
export interface EntryPlace extends Place {
  readonly index: number
  readonly term: number
  readonly sizeBytes: number
}

/** What was lost of a group, and where. */
export interface Damage {
  /** From this segment on the log shows that something is missing. */
  readonly segment: number
  /** The lowest index that may be wrong or missing; 0 where not even the base is sure. */
  readonly index: number
}

/** Columns of the entry table. */
const WIDTH = 5

/**
 * What the log holds of one group: which entries, where they lie, the newest state.
 *
 * Invariants: entries are consecutive from `baseIndex + 1` to `lastIndex`; terms never decrease
 * with the index; `entries.length === WIDTH * (lastIndex - baseIndex + dead)`, where the first
 * `dead` rows were trimmed but not yet cut off.
 */
export class GroupIndex {
  readonly group: number
  baseIndex = 0
  baseTerm = 0
  /** Nothing seen so far says where the group begins: normal in a replay, until a `trim` or `base`. */
  hasGap = true
  state: { payload: Uint8Array; segment: number } | undefined
  damage: Damage | undefined
  /** Payload bytes of the live entries. */
  liveBytes = 0
  /** Counts changes, so that work on a snapshot of this group can tell that it is outdated. */
  version = 0
  /** The segment of the newest `base` or `trim`. */
  #markSegment = Number.POSITIVE_INFINITY
  /** The true base, while entries right above it are missing: they may be replaced later on. */
  #toldBase: { index: number; term: number } | undefined
  #rows: number[] = []
  #dead = 0

  constructor(group: number) {
    this.group = group
  }

  get lastIndex(): number {
    return this.baseIndex + this.#rows.length / WIDTH - this.#dead
  }

  get lastTerm(): number {
    return this.term(this.lastIndex) ?? this.baseTerm
  }

  /** The oldest segment that holds something of this group which is still needed. */
  get oldestSegment(): number {
    const firstEntry =
      this.lastIndex > this.baseIndex ? this.#cell(this.baseIndex + 1, 1) : Infinity
    const damaged = this.damage?.segment ?? Infinity
    return Math.min(this.#markSegment, this.state?.segment ?? Infinity, firstEntry, damaged)
  }

  /** The term of an entry or of the base; undefined for other indexes. */
  term(index: number): number | undefined {
    if (index === this.baseIndex) return this.baseTerm
    return this.#has(index) ? this.#cell(index, 0) : undefined
  }

  place(index: number): EntryPlace | undefined {
    if (!this.#has(index)) return undefined
    return {
      index,
      term: this.#cell(index, 0),
      segment: this.#cell(index, 1),
      frame: this.#cell(index, 2),
      offset: this.#cell(index, 3),
      sizeBytes: this.#cell(index, 4),
    }
  }

  /** Takes a durable record into account. `drop` is the caller's to handle. */
  apply(record: WalRecord, place: Place): void {
    this.version++
    switch (record.type) {
      case 'entry':
        this.#append(record.index, record.term, record.payload.length, place)
        return
      case 'state':
        this.state = { payload: record.payload.slice(), segment: place.segment }
        return
      case 'truncate':
        this.#truncate(record.index)
        return
      case 'trim':
        this.#trim(record.index, record.term)
        this.#markSegment = place.segment
        return
      case 'base':
        this.#restart(record.index, record.term)
        this.#markSegment = place.segment
        this.state = undefined
        this.damage = undefined
        this.hasGap = false
        return
      case 'drop':
        assert(false, 'a dropped group has no index')
    }
  }

  /** Entry `index` was in a frame that is lost, or may have been. */
  markDamaged(damage: Damage): void {
    this.version++
    this.damage ??= damage
  }

  #append(index: number, term: number, sizeBytes: number, place: Place): void {
    if (index > this.lastIndex + 1) {
      if (!this.hasGap) this.#toldBase = { index: this.baseIndex, term: this.baseTerm }
      this.#restart(index - 1, 0)
      this.hasGap = true
    }
    this.#truncate(index - 1)
    this.#rows.push(term, place.segment, place.frame, place.offset, sizeBytes)
    this.liveBytes += sizeBytes
  }

  #truncate(lastIndex: number): void {
    if (lastIndex < this.baseIndex) {
      const isTold = lastIndex === this.#toldBase?.index
      this.#restart(lastIndex, isTold ? (this.#toldBase?.term ?? 0) : 0)
      this.hasGap = !isTold
    }
    while (this.lastIndex > lastIndex) {
      this.liveBytes -= this.#rows[this.#rows.length - 1] as number
      this.#rows.length -= WIDTH
    }
  }

  #trim(index: number, term: number): void {
    if (index < this.baseIndex) {
      this.#toldBase = { index, term }
      return
    }
    this.hasGap = false
    this.#toldBase = undefined
    for (let gone = this.baseIndex + 1; gone <= Math.min(index, this.lastIndex); gone++) {
      this.liveBytes -= this.#cell(gone, 4)
    }
    if (index >= this.lastIndex) {
      this.#rows = []
      this.#dead = 0
    } else {
      this.#dead += index - this.baseIndex
    }
    this.baseIndex = index
    this.baseTerm = term
    if (this.#dead * WIDTH * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#dead * WIDTH)
      this.#dead = 0
    }
  }

  #restart(index: number, term: number): void {
    this.baseIndex = index
    this.baseTerm = term
    this.liveBytes = 0
    this.#rows = []
    this.#dead = 0
  }

  #has(index: number): boolean {
    return index > this.baseIndex && index <= this.lastIndex
  }

  #cell(index: number, column: number): number {
    return this.#rows[(this.#dead + index - this.baseIndex - 1) * WIDTH + column] as number
  }
}
