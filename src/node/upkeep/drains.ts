/**
 * Peers that are to be emptied, as the replicated map has them:
 *
 *     drains/<peer>   `draining`, and `drained` once no group lists anything under it
 *
 * Whoever leads the first group of the catalog says when that is so, by the word of those who lead
 * the others.
 */
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { NodeKv } from '../kv/node-kv.ts'
import { DRAINS_PREFIX, type Seats } from '../store/seats.ts'
import type { DrainView } from '../store/upkeep.ts'
import type { Holding } from './upkeep-messages.ts'

export interface DrainsOptions {
  readonly kv: Pick<NodeKv, 'put' | 'delete' | 'list'>
  readonly seats: Seats
  readonly catalog: Catalog
  readonly timers: Timers
  /** What the groups say whose upkeep is done, here or by other peers. */
  readonly holdings: (seat: number, signal: AbortSignal) => Promise<readonly Holding[]>
  /** Groups that are looked after here. */
  readonly led: () => ReadonlySet<number>
  readonly everyMs: number
}

export class Drains {
  readonly #options: DrainsOptions

  constructor(options: DrainsOptions) {
    this.#options = options
  }

  async begin(peer: PeerId, signal?: AbortSignal): Promise<void> {
    await this.#options.kv.put(DRAINS_PREFIX + peer, fromUtf8('draining'), { signal })
  }

  async end(peer: PeerId, signal?: AbortSignal): Promise<void> {
    await this.#options.kv.delete(DRAINS_PREFIX + peer, { signal })
  }

  async list(signal?: AbortSignal): Promise<DrainView[]> {
    const drains: DrainView[] = []
    for (let after = '', isMore = true; isMore;) {
      const page = await this.#options.kv.list(DRAINS_PREFIX, { after, signal })
      for (const { key, value } of page.entries) {
        const state = toUtf8(value) === 'drained' ? 'drained' : 'draining'
        drains.push({ peer: key.slice(DRAINS_PREFIX.length), state })
      }
      isMore = page.isMore
      after = page.entries.at(-1)?.key ?? after
    }
    return drains
  }

  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(this.#options.timers, this.#options.everyMs, signal)
      try {
        await this.#look(signal)
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
      }
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { catalog, seats, led } = this.#options
    if (led().size === 0 || !seats.views().some(({ state }) => state === 'draining')) return
    const groups = await catalog.groups({ signal })
    if (!led().has(groups[0] ?? 0)) return
    for (const { peer, state } of await this.list(signal)) {
      const seat = seats.seatOf(peer)
      if (seat === undefined || state === 'drained') continue
      if (await this.#isEmpty(seat, groups, signal)) {
        await this.#options.kv.put(DRAINS_PREFIX + peer, fromUtf8('drained'), { signal })
      }
    }
  }

  async #isEmpty(seat: number, groups: readonly number[], signal: AbortSignal): Promise<boolean> {
    const holdings = await this.#options.holdings(seat, signal)
    const empty = new Set(holdings.flatMap(({ group, isEmpty }) => (isEmpty ? [group] : [])))
    return groups.every(group => empty.has(group))
  }
}
