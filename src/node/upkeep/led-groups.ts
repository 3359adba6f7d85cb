import type { Catalog } from '../catalog/catalog.ts'
import type { GroupUpkeep } from './group-upkeep.ts'
import type { GroupHealth } from './health-share.ts'
import type { RepairStatus } from './repair-driver.ts'
import type { FragmentStanding } from './standing.ts'
import type { Holding, RebalanceShare } from './upkeep-messages.ts'

/** The upkeep of all groups that this peer leads: taken up with the lead, and let go with it. */
export class LedGroups {
  readonly #catalog: Catalog
  readonly #make: (group: number) => GroupUpkeep | undefined
  readonly #groups = new Map<number, GroupUpkeep>()
  /** Those that are being let go. */
  readonly #ending = new Set<Promise<void>>()
  #isClosed = false

  /** @param make the upkeep of a group, not started; undefined where there is none */
  constructor(catalog: Catalog, make: (group: number) => GroupUpkeep | undefined) {
    this.#catalog = catalog
    this.#make = make
  }

  get numbers(): ReadonlySet<number> {
    return new Set(this.#groups.keys())
  }

  /** Of all groups together. */
  get status(): RepairStatus & { readonly garbage: number } {
    const groups = [...this.#groups.values()]
    const sum = (of: (group: GroupUpkeep) => number): number =>
      groups.reduce((all, group) => all + of(group), 0)
    const margins = groups.flatMap(({ driver }) => driver.status.margin ?? [])
    return {
      margin: margins.length === 0 ? undefined : Math.min(...margins),
      waiting: sum(({ driver }) => driver.status.waiting),
      running: sum(({ driver }) => driver.status.running),
      short: sum(({ driver }) => driver.status.short),
      repairs: sum(({ driver }) => driver.status.repairs),
      garbage: sum(({ sweeper }) => sweeper.garbage),
    }
  }

  /** Takes up the groups that this peer leads now, and lets go of the others. */
  follow(): void {
    if (this.#isClosed) return
    const led = new Set(this.#catalog.led())
    for (const [group, upkeep] of this.#groups) {
      if (led.has(group)) continue
      this.#groups.delete(group)
      this.#end(upkeep)
    }
    for (const group of led) {
      const upkeep = this.#groups.has(group) ? undefined : this.#make(group)
      if (upkeep === undefined) continue
      this.#groups.set(group, upkeep)
      upkeep.start()
    }
  }

  peersChanged(): void {
    for (const { driver, census } of this.#groups.values()) {
      driver.peersChanged()
      census.changed()
    }
  }

  /** Something was placed or is owed: what was counted is outdated. */
  placementsChanged(): void {
    for (const { census } of this.#groups.values()) census.changed()
  }

  /** What of a content is being made anew by those that are led here. */
  repairing(content: Uint8Array): FragmentStanding['repairing'] {
    return [...this.#groups.values()].flatMap(({ driver }) => driver.repairing(content))
  }

  /** How safe the segments of each group are, as it was counted last. */
  get health(): readonly GroupHealth[] {
    return [...this.#groups.values()].map(({ group, census: { last } }) => ({
      group,
      segments: last?.count.segments ?? 0,
      margins: [...(last?.count.margins ?? [])],
      missing: [...(last?.count.missing ?? [])],
      countedMsAgo: last === undefined ? null : Math.round(last.msAgo),
    }))
  }

  debtsChanged(): void {
    for (const upkeep of this.#groups.values()) upkeep.debtsChanged()
  }

  /** Has a peer compared with what is listed under it. */
  checkNow(seat: number): void {
    for (const { checker } of this.#groups.values()) checker.checkNow(seat)
  }

  /** Moves what should be moved, or only says what that is. */
  async rebalance(isDry: boolean, signal: AbortSignal): Promise<RebalanceShare> {
    const shifts: RebalanceShare['shifts'][number][] = []
    for (const { rebalancer } of this.#groups.values()) {
      const plan = await rebalancer.plan(signal)
      if (!isDry) rebalancer.carryOut(plan)
      for (const { from, to, segment } of plan.moves) {
        shifts.push({ from, to, bytes: segment.fragmentBytes })
      }
    }
    const bytes = shifts.reduce((sum, shift) => sum + shift.bytes, 0)
    return { moves: shifts.length, bytes, shifts }
  }

  /** Whether a peer holds anything, by group. */
  holdings(seat: number, signal: AbortSignal): Promise<readonly Holding[]> {
    return Promise.all(
      [...this.#groups.keys()].map(async group => {
        const asked = { seat, after: undefined, limit: 1 }
        const { items } = await this.#catalog.askOf(group, 'segmentsOf', asked, { signal })
        return { group, isEmpty: items.length === 0 }
      }),
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const upkeep of this.#groups.values()) this.#end(upkeep)
    this.#groups.clear()
    await Promise.all(this.#ending)
  }

  #end(upkeep: GroupUpkeep): void {
    const ending = upkeep.stop().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }
}
