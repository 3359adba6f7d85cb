import type { Clock, Random, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import { planRebalance, type RebalancePlan } from '../../placement/rebalance-plan.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { type ListedSegment, listed } from './listed-segment.ts'
import type { RepairDriver } from './repair-driver.ts'

/**
 * Makes peers equally full, with what one group has on them: looks at segments of the fullest ones
 * and has the repair planner carry out some moves. By itself it moves a little at a time, while
 * nothing is to be repaired and everything moved before has been dropped where it was: what is still
 * to be dropped makes a peer look fuller than it is.
 */
export interface RebalancerOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly driver: RepairDriver
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly views: () => readonly PeerView[]
  /** Garbage that peers have yet to hear of. */
  readonly garbage: () => number
  readonly everyMs: number
}

const PAGE = 256
/** Segments that a plan is drawn from. */
const SAMPLE_MAX = 2_000
const MOVES_MAX = 256
/** Of one step that nobody asked for. */
const MOVES_BY_ITSELF = 32
const CALL_MS = 10_000

export class Rebalancer {
  readonly #options: RebalancerOptions

  constructor(options: RebalancerOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, everyMs, driver, garbage } = this.#options
    for (;;) {
      await sleep(timers, everyMs, signal)
      const { waiting, running } = driver.status
      if (waiting + running + garbage() > 0) continue
      try {
        driver.move((await this.plan(signal, MOVES_BY_ITSELF)).moves)
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
      }
    }
  }

  async plan(signal: AbortSignal, movesMax: number = MOVES_MAX): Promise<RebalancePlan> {
    const { views, random } = this.#options
    const peers = views()
    const segments = await this.#sample(peers, signal)
    return planRebalance(peers, segments, { movesMax, random })
  }

  carryOut(plan: RebalancePlan): void {
    this.#options.driver.move(plan.moves)
  }

  /** Segments of the fullest peers. */
  async #sample(peers: readonly PeerView[], signal: AbortSignal): Promise<ListedSegment[]> {
    const { catalog, group } = this.#options
    const found = new Map<string, ListedSegment>()
    const counted = peers.filter(({ capacityBytes }) => capacityBytes > 0)
    const fullest = counted.toSorted((a, b) => fullness(b) - fullness(a))
    for (const { seat } of fullest.slice(0, Math.ceil(fullest.length / 2))) {
      let after: Uint8Array | undefined
      do {
        const asked = { seat, after, limit: PAGE }
        const call = { deadlineMs: CALL_MS, signal }
        const page = await catalog.askOf(group, 'segmentsOf', asked, call)
        for (const segment of page.items.map(listed)) found.set(segment.id, segment)
        if (found.size >= SAMPLE_MAX) return [...found.values()]
        after = page.next
      } while (after !== undefined)
    }
    return [...found.values()]
  }
}

const fullness = ({ freeBytes, capacityBytes }: PeerView): number => 1 - freeBytes / capacityBytes
