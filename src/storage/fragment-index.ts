import { FragmentCensus } from './fragment-census.ts'
import { FragmentCommits } from './fragment-commits.ts'
import { textOf } from './fragment-names.ts'
import {
  addTotals,
  cellKey,
  checkFormat,
  decodeCursor,
  decodeRecord,
  decodeTotals,
  encodeCursor,
  encodeFormat,
  encodeRecord,
  type FragmentRecord,
  hintIn,
  hintKey,
  hintsUntil,
  hintTimes,
  metaKey,
  NO_TOTALS,
  recordKey,
  recordsAfter,
  type StoreFormat,
  type Totals,
  totalsOf,
  UNREADABLE,
} from './fragment-record.ts'
import type { KeyChange, KeyValue } from './key-value.ts'
import { RecordCache } from './record-cache.ts'
import { Turns } from './turns.ts'

const NOTHING = new Uint8Array(0)
const CACHED_MAX = 4_096

/** What a record becomes; `removed` removes it with its cell. Without one only a hint goes. */
export type Transition = Change | { readonly record?: never; readonly obsoleteHint: number }

interface Change {
  readonly record: FragmentRecord | 'removed'
  /** The cell of a fragment that has only one. */
  readonly cell?: Uint8Array
  /** A time whose hint is no longer needed, whatever the record says. @default none */
  readonly obsoleteHint?: number
  /** Whether to write the hints again that should be there already. @default false */
  readonly renewsHints?: boolean
  /** Whether to wait until it is durable; what changes the totals always does. @default true */
  readonly sync?: boolean
}

/** Runs while the fragment is nobody else's turn. */
export type Turn<Result> = (
  record: FragmentRecord | undefined,
  apply: (transition: Transition) => Promise<void>,
) => Promise<Result>

export interface IndexedFragment {
  readonly id: Uint8Array
  readonly record: FragmentRecord
}

/**
 * The records of all fragments. Whatever changes one reads it, decides, and writes it in a turn of
 * its own; hints and totals follow from what the record was and became, in the same batch.
 */
export class FragmentIndex {
  readonly #keyValue: KeyValue
  readonly #commits: FragmentCommits
  readonly #turns = new Turns()
  readonly #cache = new RecordCache(CACHED_MAX)
  #census: FragmentCensus | undefined

  /**
   * @param isNew whether nothing was ever stored here
   * @throws {HoldfastError} `FOREIGN_STORE`; `CORRUPT` if the records are gone; `DISK_*`
   */
  static async open(
    keyValue: KeyValue,
    { format, isNew }: { format: StoreFormat; isNew: boolean },
  ): Promise<FragmentIndex> {
    const known = await keyValue.get(metaKey('format'))
    if (known === undefined && isNew) {
      const value = encodeFormat(format)
      await keyValue.batch([{ key: metaKey('format'), value }], { sync: true })
    } else checkFormat(known, format)
    const totals = decodeTotals(await keyValue.get(metaKey('totals')))
    const index = new FragmentIndex(keyValue, totals ?? NO_TOTALS)
    // Unreadable totals are counted anew.
    if (totals === undefined) await index.writeOff(await index.census())
    return index
  }

  private constructor(keyValue: KeyValue, totals: Totals) {
    this.#keyValue = keyValue
    this.#commits = new FragmentCommits(keyValue, totals)
  }

  get totals(): Totals {
    return this.#commits.totals
  }

  async get(id: Uint8Array, text: string = textOf(id)): Promise<FragmentRecord | undefined> {
    const known = this.#cache.get(text)
    if (known !== undefined) return known.record
    const key = recordKey(id)
    const value = await this.#keyValue.get(key)
    return value && decodeRecord(key, value)
  }

  /** The cell of a fragment that has only one, unverified. */
  cell(id: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#keyValue.getLarge(cellKey(id))
  }

  /** Runs `work` while no other work on this fragment runs. */
  turn<Result>(id: Uint8Array, work: Turn<Result>): Promise<Result> {
    const text = textOf(id)
    return this.#turns.take(text, async () => {
      let before = await this.get(id, text)
      this.#cache.set(text, before)
      return work(before, async transition => {
        // Until it has happened, or if nobody knows whether it has.
        this.#cache.delete(text)
        await this.#apply(id, before, transition)
        const { record = before } = transition
        before = record === 'removed' ? undefined : record
        this.#cache.set(text, before)
      })
    })
  }

  /** The fragments with ids above `after`, ascending. */
  async page(after: Uint8Array, limit: number): Promise<IndexedFragment[]> {
    const entries = await this.#keyValue.page(recordsAfter(after, limit))
    return entries.map(({ key, value }) => {
      const [id, record] = [key.slice(1), decodeRecord(key, value)]
      // What is on the disk counts, not what was there once.
      if (record === UNREADABLE) this.#cache.delete(textOf(id))
      return { id, record }
    })
  }

  /** Fragments of which something may have ended by then, with the hints that say so. */
  async due(nowMs: number, limit: number): Promise<{ id: Uint8Array; untilMs: number }[]> {
    const entries = await this.#keyValue.page(hintsUntil(nowMs, limit))
    return entries.map(({ key }) => hintIn(key))
  }

  /** Counts everything; returns what the totals say and is not there. */
  async census(): Promise<Totals> {
    this.#census = new FragmentCensus(this.#keyValue, this.#commits)
    try {
      return await this.#census.run()
    } finally {
      this.#census = undefined
    }
  }

  /** Takes what a census missed out of the totals, once that has been dealt with. */
  writeOff(lost: Totals): Promise<void> {
    return this.#commits.commit({ changes: [], delta: addTotals(NO_TOTALS, lost, -1), sync: true })
  }

  async scrubCursor(): Promise<Uint8Array> {
    return decodeCursor(await this.#keyValue.get(metaKey('scrub')))
  }

  /** Need not be durable: a scrubber that goes on too early does some work twice. */
  setScrubCursor(cursor: Uint8Array): Promise<void> {
    const changes = [{ key: metaKey('scrub'), value: encodeCursor(cursor) }]
    return this.#commits.commit({ changes, delta: NO_TOTALS, sync: false })
  }

  /** Resolves once nobody works on any fragment. */
  idle(): Promise<void> {
    return this.#turns.idle()
  }

  #apply(
    id: Uint8Array,
    before: FragmentRecord | undefined,
    transition: Transition,
  ): Promise<void> {
    if (transition.record === undefined) return this.#dropHint(id, transition.obsoleteHint)
    const { record, cell, obsoleteHint, renewsHints = false, sync = true } = transition
    const after = record === 'removed' ? undefined : record
    const key = recordKey(id)
    const changes: KeyChange[] = [{ key, value: after && encodeRecord(key, after) }]
    if (cell !== undefined) changes.push({ key: cellKey(id), value: cell })
    if (after === undefined) changes.push({ key: cellKey(id), value: undefined })
    const old = before === undefined ? [] : hintTimes(before)
    if (obsoleteHint !== undefined && !old.includes(obsoleteHint)) old.push(obsoleteHint)
    const fresh = after === undefined ? [] : hintTimes(after)
    for (const untilMs of old) {
      if (!fresh.includes(untilMs)) changes.push({ key: hintKey(untilMs, id), value: undefined })
    }
    for (const untilMs of fresh) {
      if (renewsHints || !old.includes(untilMs)) {
        changes.push({ key: hintKey(untilMs, id), value: NOTHING })
      }
    }
    const removed = before === undefined ? NO_TOTALS : totalsOf(id, before)
    const added = after === undefined ? NO_TOTALS : totalsOf(id, after)
    const delta = addTotals(added, removed, -1)
    // Of what is not synced some may be lost that later batches, and their totals, build on.
    const isSynced = sync || delta.fragments !== 0 || delta.bytes !== 0
    const applied = (): void => this.#census?.note(id, delta)
    return this.#commits.commit({ changes, delta, sync: isSynced, applied })
  }

  /** Need not be durable: a hint about nothing costs one look. */
  #dropHint(id: Uint8Array, untilMs: number): Promise<void> {
    const changes = [{ key: hintKey(untilMs, id), value: undefined }]
    return this.#commits.commit({ changes, delta: NO_TOTALS, sync: false })
  }
}
