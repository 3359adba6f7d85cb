/**
 * Compares what the catalog of one group lists under a peer with what that peer says it has: when it
 * comes back after a death, when it has found that records are lost, and every so often. What is
 * missing or rotten is mended; what is there under a lease only is committed, for it is listed.
 */
import type { Clock, PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import { isSameReference } from '../../storage/fragment-record.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { FragmentFault } from './fault-desk.ts'
import { nameOf, referenceOf } from './listed-segment.ts'

export interface SeatCheckerOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly peers: FragmentPeers
  readonly clock: Clock
  readonly timers: Timers
  readonly views: () => readonly PeerView[]
  readonly peerAt: (seat: number) => PeerId | undefined
  readonly onFault: (fault: FragmentFault) => void
  /** Each peer is checked at least this often. */
  readonly everyMs: number
}

const PAGE = 64
const AT_ONCE = 8
const CALL_MS = 5_000
const LOOK_MS = 1_000
/** After each page, so that nobody notices. */
const REST_MS = 20

export class SeatChecker {
  readonly #options: SeatCheckerOptions
  /** When each peer is due; 0 for at once. */
  readonly #dueMs = new Map<number, number>()
  readonly #away = new Set<number>()

  constructor(options: SeatCheckerOptions) {
    this.#options = options
  }

  /** A peer has reason to believe that it lacks something. */
  checkNow(seat: number): void {
    this.#dueMs.set(seat, 0)
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, clock, everyMs } = this.#options
    for (;;) {
      await sleep(timers, LOOK_MS, signal)
      this.#look()
      for (const [seat, dueMs] of this.#dueMs) {
        if (dueMs > clock.monotonicMs() || this.#away.has(seat)) continue
        this.#dueMs.set(seat, clock.monotonicMs() + everyMs)
        if (!(await this.#check(seat, signal))) this.#dueMs.set(seat, clock.monotonicMs() + CALL_MS)
      }
    }
  }

  /** Who is there, who came back. */
  #look(): void {
    const { clock, everyMs } = this.#options
    for (const { seat, state } of this.#options.views()) {
      if (state === 'gone') this.#dueMs.delete(seat)
      else if (!this.#dueMs.has(seat)) this.#dueMs.set(seat, clock.monotonicMs() + everyMs)
      if (state === 'dead' || state === 'gone') this.#away.add(seat)
      else if (state !== 'suspect' && this.#away.delete(seat)) this.checkNow(seat)
    }
  }

  /** False if it could not be done to the end. */
  async #check(seat: number, signal: AbortSignal): Promise<boolean> {
    const { catalog, group, timers } = this.#options
    let after: Uint8Array | undefined
    do {
      try {
        const asked = { seat, after, limit: PAGE }
        const page = await catalog.askOf(group, 'segmentsOf', asked, { signal })
        const queue = [...page.items]
        await Promise.all(Array.from({ length: AT_ONCE }, () => this.#drain(queue, seat, signal)))
        after = page.next
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        return false
      }
      await sleep(timers, REST_MS, signal)
    } while (after !== undefined)
    return true
  }

  async #drain(queue: PlacedSegment[], seat: number, signal: AbortSignal): Promise<void> {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await this.#compare(next, seat, signal)
    }
  }

  async #compare(placed: PlacedSegment, seat: number, signal: AbortSignal): Promise<void> {
    const { peers, peerAt, onFault } = this.#options
    const { fragments, generation } = placed.record
    const index = fragments.findIndex(fragment => fragment.seat === seat)
    const peer = peerAt(seat)
    const fragment = fragments[index]
    if (fragment === undefined || peer === undefined) return
    const id = formatFragmentId(decodeFragmentId(fragment.id))
    const call = { deadlineMs: CALL_MS, signal }
    const info = await peers.stat(peer, id, call)
    const name = { segment: referenceOf(placed, generation), index }
    const held = info?.references.find(reference => isSameReference(reference, name))
    if (info === undefined || info.isRotten || held === undefined) {
      onFault({ name: nameOf(placed), index, seat, isHearsay: false })
    } else if (held.untilMs !== 0) await peers.commit(peer, id, name, call)
  }
}
