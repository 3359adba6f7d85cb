/**
 * Asks the holders of fragments, one after another for ever, to reveal a random cell, and verifies
 * it against the id in the catalog. Four outcomes are scored apart: a peer that is away is not a
 * liar, and one that is slow is not away. It goes through all segments of a group, round after
 * round, and asks another holder of each in each round: so a fragment that was forgotten shows
 * after as many rounds as its segment has fragments, at the latest.
 */
import type { Clock, PeerId, Random, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import { segmentLayout } from '../../erasure/layout.ts'
import { VerifiedLeaves } from '../../erasure/leaves.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Coder } from '../coder/coder.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { AuditScores, Outcome } from './audit-scores.ts'
import type { FragmentFault } from './fault-desk.ts'
import { isWrong } from './fragment-builder.ts'
import { nameOf } from './listed-segment.ts'
import type { VerifiedBook } from './verified-book.ts'

export interface AuditorOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly peers: FragmentPeers
  readonly coder: Pick<Coder, 'hasher'>
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly peerAt: (seat: number) => PeerId | undefined
  /** Whether a peer is there, as far as the roster knows. */
  readonly answers: (seat: number) => boolean
  readonly scores: AuditScores
  readonly verified: Pick<VerifiedBook, 'note'>
  readonly onFault: (fault: FragmentFault) => void
  /** Between two audits. */
  readonly everyMs: number
}

const PAGE = 64
const CALL_MS = 5_000
/** After a list that failed, or one with nothing in it. */
const AGAIN_MS = 5_000

export class Auditor {
  readonly #options: AuditorOptions
  #after: Uint8Array | undefined
  #round: number

  constructor(options: AuditorOptions) {
    this.#options = options
    this.#round = options.random.below(256)
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, everyMs } = this.#options
    for (;;) {
      const segments = await this.#page(signal)
      if (segments.length === 0) await sleep(timers, Math.max(everyMs, AGAIN_MS), signal)
      for (const placed of segments) {
        await sleep(timers, everyMs, signal)
        await this.#audit(placed, signal)
      }
    }
  }

  async #page(signal: AbortSignal): Promise<readonly PlacedSegment[]> {
    const { catalog, group } = this.#options
    try {
      const asked = { after: this.#after, limit: PAGE }
      const { items, next } = await catalog.askOf(group, 'allSegments', asked, { signal })
      this.#after = next
      if (next === undefined) this.#round++
      return items
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
      return []
    }
  }

  async #audit(placed: PlacedSegment, signal: AbortSignal): Promise<void> {
    const { scores, verified, clock, peerAt, onFault } = this.#options
    const { fragments } = placed.record
    const held = [...fragments.keys()].filter(at => fragments[at]?.seat !== 0)
    if (held.length === 0) return
    const index = held[this.#round % held.length] as number
    const seat = fragments[index]?.seat ?? 0
    const peer = peerAt(seat)
    if (peer === undefined) return
    const outcome = await this.#challenge(placed, index, peer, signal)
    if (outcome === 'moved') return
    scores.note(seat, outcome)
    const atMs = clock.wallMs()
    if (outcome === 'ok') verified.note(placed, { index, seat, atMs })
    if (outcome === 'wrong') onFault({ name: nameOf(placed), index, seat, isHearsay: false })
  }

  async #challenge(
    placed: PlacedSegment,
    index: number,
    peer: PeerId,
    signal: AbortSignal,
  ): Promise<Outcome | 'moved'> {
    const { peers, coder, random, answers } = this.#options
    const { k, sizeBytes, fragments } = placed.record
    const fragment = fragments[index] as { id: Uint8Array; seat: number }
    if (!answers(fragment.seat)) return 'offline'
    const id = decodeFragmentId(fragment.id)
    const { stripes } = segmentLayout(k, sizeBytes)
    const cell = random.below(stripes)
    try {
      const call = { deadlineMs: CALL_MS, signal }
      const revealed = await peers.reveal(peer, formatFragmentId(id), cell, call)
      const hasher = coder.hasher(id.algorithm)
      const leaves = VerifiedLeaves.check(hasher, id.digest, revealed.leaves)
      const isRight = leaves.count === stripes && leaves.matches(cell, revealed.cell)
      return isRight ? 'ok' : 'wrong'
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined || signal.aborted) throw error
      if (code === 'PEER_UNREACHABLE') return 'offline'
      if (!isWrong(error)) return 'unknown'
      return (await this.#isStillListed(placed, index, signal)) ? 'wrong' : 'moved'
    }
  }

  /** What was deleted or moved since it was listed may be gone by right. */
  async #isStillListed(
    placed: PlacedSegment,
    index: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const asked = { ...nameOf(placed), first: placed.segment, count: 1 }
    try {
      const [record] = await this.#options.catalog.ask('segments', asked, { signal })
      const isSame = record?.generation === placed.record.generation
      return isSame && record?.fragments[index]?.seat === placed.record.fragments[index]?.seat
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
      return false
    }
  }
}
