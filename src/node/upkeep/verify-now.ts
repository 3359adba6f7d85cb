import type { Clock, PeerId, Random } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { parseFragmentId } from '../../erasure/fragment-id.ts'
import { segmentLayout } from '../../erasure/layout.ts'
import { VerifiedLeaves } from '../../erasure/leaves.ts'
import type { Coder } from '../coder/coder.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { FragmentPlacement, SegmentPlacement } from '../store/store.ts'
import type { VerifiedFragment } from '../store/upkeep.ts'
import { isWrong } from './fragment-builder.ts'

export interface VerifyDrivers {
  readonly peers: FragmentPeers
  readonly coder: Pick<Coder, 'hasher'>
  readonly clock: Clock
  readonly random: Random
}

const CALL_MS = 5_000

/** Asks every holder of a segment's fragments for a random cell, at once, and verifies what they say. */
export function verifyNow(
  drivers: VerifyDrivers,
  segment: SegmentPlacement,
  signal: AbortSignal | undefined,
): Promise<readonly VerifiedFragment[]> {
  const { stripes } = segmentLayout(segment.k, segment.sizeBytes)
  return Promise.all(
    segment.fragments.map(async fragment => {
      const { index, peer } = fragment
      if (peer === undefined) return { index, outcome: 'missing', tookMs: 0 }
      const cell = drivers.random.below(stripes)
      const startMs = drivers.clock.monotonicMs()
      const asked = { peer, fragment, cell, stripes }
      const outcome = await challenge(drivers, asked, signal)
      return { index, peer, outcome, cell, tookMs: drivers.clock.monotonicMs() - startMs }
    }),
  )
}

async function challenge(
  { peers, coder }: VerifyDrivers,
  asked: {
    readonly peer: PeerId
    readonly fragment: FragmentPlacement
    readonly cell: number
    readonly stripes: number
  },
  signal: AbortSignal | undefined,
): Promise<VerifiedFragment['outcome']> {
  const { peer, fragment, cell, stripes } = asked
  try {
    const { algorithm, digest } = parseFragmentId(fragment.id)
    const call = { deadlineMs: CALL_MS, signal }
    const revealed = await peers.reveal(peer, fragment.id, cell, call)
    const leaves = VerifiedLeaves.check(coder.hasher(algorithm), digest, revealed.leaves)
    return leaves.count === stripes && leaves.matches(cell, revealed.cell) ? 'ok' : 'wrong'
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined || signal?.aborted === true) throw error
    if (code === 'PEER_UNREACHABLE') return 'offline'
    return isWrong(error) ? 'wrong' : 'unknown'
  }
}
