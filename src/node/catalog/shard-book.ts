import { HoldfastError } from '../../base/errors.ts'
import type { Position } from '../../catalog/position.ts'
import { type Shard, ShardMap } from '../../catalog/shard-map.ts'
import type { KvCallOptions, KvClient } from '../kv/kv-client.ts'
import type { CatalogCall } from './catalog.ts'
import { SHARDS_KEY, type ShardRecord, shardRecords } from './shard-record.ts'

/** How often somebody else may be quicker before a change is given up. */
const CHANGES_MAX = 16
const DEADLINE_MS = 5_000

/** The shard map as this peer knows it: kept until a group says that it is outdated. */
export class ShardBook {
  readonly #kv: Pick<KvClient, 'get' | 'cas'>
  #record: ShardRecord | undefined
  #map = new ShardMap()
  #fetching: Promise<ShardRecord | undefined> | undefined

  constructor(kv: Pick<KvClient, 'get' | 'cas'>) {
    this.#kv = kv
  }

  get record(): ShardRecord | undefined {
    return this.#record
  }

  /** In order; none before the first group is founded. */
  get shards(): readonly Shard[] {
    return this.#map.shards
  }

  find(position: Position): Shard | undefined {
    return this.#map.find(position)
  }

  /** Reads the map anew; whoever asks meanwhile shares the answer. */
  async fetch(options: Partial<KvCallOptions> = {}): Promise<ShardRecord | undefined> {
    this.#fetching ??= this.#fetch(options).finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /**
   * Changes the map as `change` says, which may be asked again and again; undefined leaves it.
   * Returns what it is then.
   */
  async change(
    change: (record: ShardRecord | undefined) => ShardRecord | undefined,
    { deadlineMs = DEADLINE_MS, signal }: CatalogCall = {},
  ): Promise<ShardRecord | undefined> {
    const options = { deadlineMs, signal }
    for (let tries = 0; tries < CHANGES_MAX; tries++) {
      const entry = await this.#kv.get(SHARDS_KEY, options)
      const before = entry && shardRecords.decode(entry.value)
      const after = change(before)
      if (after === undefined) return this.#learn(before)
      const expected =
        entry === undefined
          ? ({ type: 'absent' } as const)
          : ({ type: 'revision', revision: entry.revision } as const)
      const value = shardRecords.encode(after)
      const answer = await this.#kv.cas({ key: SHARDS_KEY, expected, value }, options)
      if (answer.type === 'written') return this.#learn(after)
    }
    throw new HoldfastError('Cannot change the shard map: others do all the time', {
      code: 'BUSY',
      what: 'shard map',
      limit: CHANGES_MAX,
    })
  }

  async #fetch(options: Partial<KvCallOptions>): Promise<ShardRecord | undefined> {
    const entry = await this.#kv.get(SHARDS_KEY, options)
    return this.#learn(entry && shardRecords.decode(entry.value))
  }

  #learn(record: ShardRecord | undefined): ShardRecord | undefined {
    this.#record = record
    const map = new ShardMap()
    if (record?.state === 'founded') for (const shard of record.shards) map.learn(shard)
    this.#map = map
    return record
  }
}
