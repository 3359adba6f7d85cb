/**
 * Ranges change at run time. A split is a command in the log of the range; the map follows it, and so
 * do all who are told that their epoch is over.
 */
import { compare } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { type Place, type Position, positionOf } from '../../catalog/position.ts'
import { errorOf } from '../../catalog/refusals.ts'
import type { Shard } from '../../catalog/shard-map.ts'
import type { KvClient } from '../kv/kv-client.ts'
import type { CatalogClient } from './catalog-client.ts'
import type { CatalogStates } from './catalog-states.ts'
import type { CatalogCall } from './catalog.ts'
import { placeOf } from './places.ts'
import { measureRange } from './range-watch.ts'
import type { ShardBook } from './shard-book.ts'
import { membersKey, withRange } from './shard-record.ts'

/** What an operator can do about ranges. */
export interface Ranges {
  /** Every range, in the order of places. */
  list(call?: CatalogCall): Promise<readonly Shard[]>
  /**
   * Makes what lies at or above a place a group of its own, and returns its number.
   * @throws {HoldfastError} `INVALID_COMMAND` if a range begins there already; `NO_QUORUM`, …
   */
  split(at: Place, call?: CatalogCall): Promise<number>
  /**
   * Splits a range that is led here in the middle of its objects, between buckets if it can be.
   * @throws {HoldfastError} `NOT_LEADER`; `INVALID_COMMAND` if it holds too little
   */
  halve(group: number, call?: CatalogCall): Promise<number>
}

export interface RangeChangesOptions {
  readonly client: CatalogClient
  readonly book: ShardBook
  readonly kv: Pick<KvClient, 'get' | 'put'>
  readonly states: Pick<CatalogStates, 'state'>
  readonly led: () => readonly number[]
}

const DEADLINE_MS = 10_000
/** Groups there may be in the life of a network: sessions are named after them. */
const GROUPS_MAX = 65_535

export class RangeChanges implements Ranges {
  readonly #options: RangeChangesOptions
  readonly #client: CatalogClient
  readonly #book: ShardBook

  constructor(options: RangeChangesOptions) {
    this.#options = options
    this.#client = options.client
    this.#book = options.book
  }

  async list(call: CatalogCall = {}): Promise<readonly Shard[]> {
    await this.#client.shardOf(positionOf({ bucket: '', key: '' }), call)
    return this.#book.shards
  }

  async split(at: Place, call: CatalogCall = {}): Promise<number> {
    placeOf(at.key === '' ? { bucket: at.bucket } : at)
    const position = positionOf(at)
    const { lo } = await this.#client.shardOf(position, call)
    if (compare(lo, position) === 0) throw nothingToSplit('place inside a range')
    const child = await this.#reserve(call)
    await this.#introduce(child, position, call)
    const applied = await this.#client.proposeAt(position, { type: 'splitRange', at, child }, call)
    if (applied.type !== 'range' || applied.child === undefined) throw odd(applied.type)
    const parent = this.#book.find(position)?.group
    const { range, child: half } = applied
    await this.#book.change(record => {
      if (record === undefined) return undefined
      const kept = parent === undefined ? record : (withRange(record, parent, range) ?? record)
      const both = withRange(kept, child, half) ?? kept
      return both === record ? undefined : both
    }, call)
    return child
  }

  async halve(group: number, call: CatalogCall = {}): Promise<number> {
    if (!this.#options.led().includes(group)) throw notLed(group)
    const { middle } = await measureRange(this.#options.states, group, async () => undefined)
    if (middle === undefined) throw nothingToSplit('range with objects')
    return this.split(middle, call)
  }

  /** The child will have the voters of its parent: so says the hint, until its leader knows better. */
  async #introduce(child: number, position: Position, call: CatalogCall): Promise<void> {
    const { deadlineMs = DEADLINE_MS, signal } = call
    const options = { deadlineMs, signal }
    const { group } = await this.#client.shardOf(position, call)
    const members = await this.#options.kv.get(membersKey(group), options)
    if (members !== undefined) await this.#options.kv.put(membersKey(child), members.value, options)
  }

  /** A number that no group has, had, or will get. */
  async #reserve(call: CatalogCall): Promise<number> {
    let child = 0
    await this.#book.change(record => {
      if (record?.state !== 'founded') throw notFounded()
      child = record.next
      if (child > GROUPS_MAX) throw tooMany()
      return { ...record, next: child + 1 }
    }, call)
    return child
  }
}

const nothingToSplit = (what: string): HoldfastError => errorOf({ code: 'INVALID_COMMAND', what })

function notLed(group: number): HoldfastError {
  const details = { code: 'NOT_LEADER', group } as const
  return new HoldfastError(`Cannot lead group ${group}: another peer does`, details)
}

function notFounded(): HoldfastError {
  const details = { code: 'BUSY', what: 'catalog' } as const
  return new HoldfastError('Cannot change ranges: there are none yet', details)
}

function tooMany(): HoldfastError {
  const details = { code: 'BUSY', what: 'groups', limit: GROUPS_MAX } as const
  return new HoldfastError(`Cannot split: ${GROUPS_MAX} groups were made already`, details)
}

const odd = (type: string): HoldfastError =>
  new HoldfastError(`Cannot understand the answer to a split: ${type}`, {
    code: 'MALFORMED',
    what: 'answer',
    offset: 0,
  })
