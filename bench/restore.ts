/**
 * How long does it take until what a dead peer held is there again, and how many bytes move for it?
 *
 * Seven peers as processes of their own, for six of them hold a segment of 4 + 2 and one more is
 * needed that can take what was lost. One is killed; the clock runs from then until every segment has
 * all its fragments again. The time in which the death is noticed is shown apart.
 *
 *     npm run bench -- restore [--mib 1024]
 */
import { parseArgs } from 'node:util'

import { save } from './harness.ts'
import { type Fleet, startFleet } from './network/fleet.ts'

const PEERS = 7
const MIB = 1_048_576
const OBJECT_BYTES = 64 * MIB
const LOOK_MS = 200
const GIVE_UP_MS = 600_000
/** Seconds, for a gibibyte. */
const TARGET_SECONDS = 60

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '1024' } },
  allowPositionals: true,
})
/** Fragments that the peer which dies is to hold. */
const lostBytes = Number(values.mib) * MIB
/** Every peer holds six sevenths of a fragment of each segment, a quarter of its bytes. */
const objects = Math.ceil((lostBytes * 4 * PEERS) / (6 * OBJECT_BYTES))

interface Held {
  readonly fragments: number
  readonly bytes: number
  /** Fragments that nobody has. */
  readonly missing: number
}

/** What the placements say of one peer, and of all. */
async function look(fleet: Fleet, peer: string): Promise<Held> {
  const held = { fragments: 0, bytes: 0, missing: 0 }
  for (let at = 0; at < objects; at++) {
    const { segments } = await fleet.node.placement({ bucket: 'bench', key: `large ${at}` })
    for (const { sizeBytes, k, m, margin, fragments } of segments) {
      held.missing += m - margin
      if (!fragments.some(fragment => fragment.peer === peer)) continue
      held.fragments++
      held.bytes += sizeBytes / k
    }
  }
  return held
}

async function until(holds: () => Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > GIVE_UP_MS) throw new Error('it is not restored')
    await new Promise(resolve => void setTimeout(resolve, LOOK_MS))
  }
  return performance.now() - start
}

const fleet = await startFleet(PEERS)
try {
  const bytes = new Uint8Array(OBJECT_BYTES).fill(5)
  for (let at = 0; at < objects; at++)
    await fleet.node.put({ bucket: 'bench', key: `large ${at}` }, bytes)
  const own = fleet.node.status().peer
  const victim = fleet.node.peers().find(({ peer }) => peer !== own)?.peer ?? ''
  await until(async () => (await look(fleet, victim)).missing === 0)
  const lost = await look(fleet, victim)
  const cpu = fleet.cpuSeconds()
  await fleet.kill(victim)
  const noticedMs = await until(async () => (await look(fleet, victim)).missing > 0)
  const restoredMs = await until(async () => {
    const { missing, fragments } = await look(fleet, victim)
    return missing === 0 && fragments === 0
  })
  const repairs = await fleet.node.repairs({ limit: 1_000 })
  const seconds = restoredMs / 1_000
  const gib = lost.bytes / 2 ** 30
  const moved = repairs.reduce((sum, each) => sum + each.bytesRead + each.bytesWritten, 0)
  const perGib = seconds / gib
  console.log(`lost ${lost.fragments} fragments, ${gib.toFixed(2)} GiB of them`)
  console.log(
    `noticed after ${(noticedMs / 1_000).toFixed(1)} s, restored ${seconds.toFixed(1)} s later`,
  )
  console.log(`moved ${(moved / 2 ** 30).toFixed(2)} GiB by the last ${repairs.length} repairs`)
  console.log(`CPU ${(fleet.cpuSeconds() - cpu).toFixed(1)} s over all peers`)
  const verdict = perGib <= TARGET_SECONDS ? 'ok' : 'MISSED'
  console.log(`${perGib.toFixed(1)} s per GiB, ≤ ${TARGET_SECONDS} ${verdict}`)
  save('restore', [{ title: 'restore', lost, noticedMs, restoredMs, moved, perGib }])
} finally {
  await fleet.stop()
}
