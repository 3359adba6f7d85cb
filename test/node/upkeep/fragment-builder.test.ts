import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HoldfastError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { encodeFragmentId, formatFragmentId } from '../../../src/erasure/fragment-id.ts'
import type { Scheme } from '../../../src/erasure/scheme.ts'
import { CoderPool } from '../../../src/node/coder/coder-pool.ts'
import type { Coder } from '../../../src/node/coder/coder.ts'
import { InlineCoder } from '../../../src/node/coder/inline-coder.ts'
import type { FragmentPeers } from '../../../src/node/fragments/fragment-peers.ts'
import {
  type BuildRequest,
  type Built,
  FragmentBuilder,
  type HelperFault,
} from '../../../src/node/upkeep/fragment-builder.ts'
import { rejectsWith } from '../../support/expect.ts'
import { ManualTimers } from '../../support/manual-timers.ts'
import { inChunks, type MemoryStore, store } from '../coder/support.ts'

const inline = await InlineCoder.create()
const never = new AbortController().signal

interface Segment {
  readonly ids: readonly Uint8Array[]
  readonly names: readonly string[]
  readonly kept: MemoryStore
}

/** A segment whose fragments lie in memory, one with each of as many peers. */
async function segmentOf(sizeBytes: number, scheme: Scheme): Promise<Segment> {
  const bytes = new Prng(sizeBytes).bytes(sizeBytes)
  const { object, store: kept } = await store(inChunks(bytes), { coder: inline, scheme })
  const fragments = object.segments[0]?.fragments ?? []
  return { ids: fragments.map(encodeFragmentId), names: fragments.map(formatFragmentId), kept }
}

/** Peers called after the fragment they hold. */
const peersOf = ({ kept }: Segment, away: readonly number[] = []): FragmentPeers => {
  const fragment = (peer: string) => {
    const index = Number(peer)
    if (away.includes(index)) throw unreachable(peer)
    return kept.fragment(0, index)
  }
  const peers: Pick<FragmentPeers, 'cells' | 'leaves'> = {
    leaves: async peer => fragment(peer).leaves.slice(),
    cells: async (peer, _id, { from, to }) =>
      fragment(peer).bytes.slice(from * 65_536, to * 65_536),
  }
  return peers as FragmentPeers
}

const unreachable = (peer: string): HoldfastError =>
  new HoldfastError('away', { code: 'PEER_UNREACHABLE', peer })

async function build(
  segment: Segment,
  {
    sizeBytes,
    k,
    wanted,
    from,
  }: { sizeBytes: number; k: number; wanted: number[]; from: number[] },
  { away = [], coder = inline }: { away?: number[]; coder?: Coder } = {},
): Promise<{ built: Built; faults: HelperFault[] }> {
  const faults: HelperFault[] = []
  const helpers = from.map(index => ({
    index,
    peer: String(index),
    id: segment.ids[index] as Uint8Array,
  }))
  const onFault = (fault: HelperFault): void => void faults.push(fault)
  const request: BuildRequest = { k, sizeBytes, ids: segment.ids, wanted, helpers, onFault }
  const timers = new ManualTimers()
  const builder = new FragmentBuilder({ peers: peersOf(segment, away), coder, timers })
  return { built: await builder.build(request, never), faults }
}

function demandFragments({ fragments }: Built, { kept, names }: Segment): void {
  for (const { index, name, bytes } of fragments) {
    assert.deepEqual(bytes, kept.fragment(0, index).bytes)
    assert.equal(name, names[index])
  }
}

for (const sizeBytes of [1, 70_000, 3_000_001]) {
  test(`fragments of ${sizeBytes} bytes are made from k others, and one that moves is copied`, async () => {
    const segment = await segmentOf(sizeBytes, { k: 3, m: 3 })
    const k = sizeBytes === 1 ? 1 : 3
    const most = sizeBytes === 1 ? 4 : 6
    const about = { sizeBytes, k }
    const others = [5, 4, 3, 2, 1].filter(index => index < most)
    const { built } = await build(segment, { ...about, wanted: [0], from: others })
    demandFragments(built, segment)
    const copied = await build(segment, { ...about, wanted: [1], from: [1, 0, 2] })
    demandFragments(copied.built, segment)
    assert.equal(copied.built.bytesRead, kept(segment, 1))
  })
}

const kept = (segment: Segment, index: number): number =>
  segment.kept.fragment(0, index).bytes.length

test('helpers that are away are done without, and those who lie are told of', async () => {
  const sizeBytes = 2_000_000
  const segment = await segmentOf(sizeBytes, { k: 3, m: 3 })
  const { bytes } = segment.kept.fragment(0, 2)
  bytes[400_000] = (bytes[400_000] ?? 0) ^ 4
  const wish = { sizeBytes, k: 3, wanted: [0], from: [1, 2, 3, 4, 5] }
  const { built, faults } = await build(segment, wish, { away: [1] })
  demandFragments(built, segment)
  assert.deepEqual(
    faults.map(({ helper, isWrong }) => [helper.index, isWrong]),
    [
      [1, false],
      [2, true],
    ],
  )
})

test('parity that is added is made of verified cells only', async () => {
  const sizeBytes = 1_000_000
  const segment = await segmentOf(sizeBytes, { k: 2, m: 3 })
  const shorter = { ...segment, ids: segment.ids.slice(0, 4), names: segment.names }
  const { bytes } = segment.kept.fragment(0, 0)
  bytes[100] = (bytes[100] ?? 0) ^ 1
  const { built, faults } = await build(shorter, {
    sizeBytes,
    k: 2,
    wanted: [4],
    from: [0, 1, 2, 3],
  })
  demandFragments(built, segment)
  assert.ok(faults.some(({ helper, isWrong }) => helper.index === 0 && isWrong))
})

test('rot in several fragments is worked around stripe by stripe', async () => {
  const sizeBytes = 2 * 20 * 65_536
  const segment = await segmentOf(sizeBytes, { k: 2, m: 1 })
  for (const [index, at] of [
    [0, 10],
    [1, 5 * 65_536],
  ] as const) {
    const { bytes } = segment.kept.fragment(0, index)
    bytes[at] = (bytes[at] ?? 0) ^ 1
  }
  const wish = { sizeBytes, k: 2, wanted: [2], from: [0, 1] }
  await rejectsWith('TOO_FEW_FRAGMENTS', build(segment, wish))
  const all = await segmentOf(sizeBytes, { k: 2, m: 2 })
  for (const [index, at] of [
    [0, 10],
    [1, 5 * 65_536],
    [2, 12 * 65_536],
  ] as const) {
    const { bytes } = all.kept.fragment(0, index)
    bytes[at] = (bytes[at] ?? 0) ^ 1
  }
  const { built } = await build(all, { sizeBytes, k: 2, wanted: [3], from: [0, 1, 2] })
  demandFragments(built, all)
})

test('too few helpers are told with numbers', async () => {
  const segment = await segmentOf(400_000, { k: 4, m: 1 })
  const wish = { sizeBytes: 400_000, k: 4, wanted: [0], from: [1, 2, 3] }
  await rejectsWith('TOO_FEW_FRAGMENTS', build(segment, wish))
})

test('a pool of threads makes the same', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  try {
    const sizeBytes = 1_500_000
    const segment = await segmentOf(sizeBytes, { k: 3, m: 2 })
    const wish = { sizeBytes, k: 3, wanted: [0, 4], from: [1, 2, 3] }
    const { built } = await build(segment, wish, { coder: pool })
    demandFragments(built, segment)
  } finally {
    await pool.close()
  }
})
