import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HoldfastError } from '../../../src/base/errors.ts'
import type { PlacedSegment } from '../../../src/catalog/query-upkeep.ts'
import type { Catalog } from '../../../src/node/catalog/catalog.ts'
import { Census } from '../../../src/node/upkeep/census.ts'
import type { PeerView } from '../../../src/placement/peer-view.ts'
import { ManualTimers } from '../../support/manual-timers.ts'

const placed = (at: number, seats: readonly number[]): PlacedSegment => ({
  bucket: 'b',
  key: `k${at}`,
  content: new Uint8Array(16).fill(at),
  blob: new Uint8Array(8),
  segment: 0,
  record: {
    k: 2,
    sizeBytes: 1_000,
    generation: 0,
    revision: 0,
    fragments: seats.map(seat => ({ id: new Uint8Array(35), seat })),
  },
})

const peer = (seat: number, state: PeerView['state'] = 'alive'): PeerView => ({
  seat,
  state,
  zone: '',
  freeBytes: 1,
  capacityBytes: 1,
})

interface Scene {
  readonly census: Census
  readonly views: PeerView[]
  readonly timers: ManualTimers
  /** How many of the next questions fail. */
  readonly faults: { count: number }
  readonly pages: () => number
}

/** A group with these segments, two to a page, and a census of it whose time passes by hand. */
async function play(
  segments: readonly PlacedSegment[],
  story: (scene: Scene) => Promise<void>,
): Promise<void> {
  const timers = new ManualTimers()
  const clock = { monotonicMs: () => timers.nowMs, wallMs: () => timers.nowMs }
  const views = [peer(1), peer(2), peer(3)]
  const faults = { count: 0 }
  let pages = 0
  const askOf = async (
    _group: number,
    _type: string,
    { after }: { readonly after: Uint8Array | undefined },
  ): Promise<object> => {
    pages++
    if (faults.count-- > 0) throw new HoldfastError('Cannot ask', { code: 'CLOSED', what: 'group' })
    const at = after?.[0] ?? 0
    const next = at + 2 < segments.length ? Uint8Array.of(at + 2) : undefined
    return { items: segments.slice(at, at + 2), next }
  }
  const catalog = { askOf } as unknown as Pick<Catalog, 'askOf'>
  const census = new Census({ group: 1, catalog, clock, timers, views: () => views })
  const controller = new AbortController()
  const ended = assert.rejects(census.run(controller.signal), /over/)
  await timers.advance(100)
  await story({ census, views, timers, faults, pages: () => pages })
  controller.abort(new Error('over'))
  await ended
}

const counted = ({ census }: Scene): readonly [number, object, object] => {
  const { segments = -1, margins = [], missing = [] } = census.last?.count ?? {}
  return [segments, Object.fromEntries(margins), Object.fromEntries(missing)]
}

test('a census counts what every segment can lose, and what it lacks', () =>
  play([placed(1, [1, 2, 3]), placed(2, [1, 2, 0]), placed(3, [1, 0, 9])], async scene => {
    assert.deepEqual(counted(scene), [3, { 1: 1, 0: 1, '-1': 1 }, { 1: 1, 2: 1 }])
    assert.equal(scene.pages(), 2)
  }))

test('a census counts anew when a peer dies, and waits a second between two passes', () =>
  play([placed(1, [1, 2, 3])], async scene => {
    const { census, views, timers } = scene
    assert.deepEqual(counted(scene), [1, { 1: 1 }, {}])
    views[2] = peer(3, 'dead')
    census.changed()
    await timers.advance(800)
    assert.deepEqual(counted(scene), [1, { 1: 1 }, {}])
    await timers.advance(200)
    assert.deepEqual(counted(scene), [1, { 0: 1 }, { 1: 1 }])
    assert.equal(scene.pages(), 2)
  }))

test('a census looks again by itself, for what is stored changes too', () =>
  play([placed(1, [1, 2, 3])], async ({ census, timers, pages }) => {
    await timers.advance(3_000)
    assert.equal(pages(), 1)
    assert.ok((census.last?.msAgo ?? 0) >= 3_000)
    await timers.advance(4_000)
    assert.equal(pages(), 2)
    assert.ok((census.last?.msAgo ?? 9_999) < 4_000)
  }))

test('a suspect counts as there, one that is gone does not', () =>
  play([placed(1, [1, 2, 3])], async scene => {
    scene.views[1] = peer(2, 'suspect')
    scene.views[2] = peer(3, 'gone')
    scene.census.changed()
    await scene.timers.advance(1_000)
    assert.deepEqual(counted(scene), [1, { 0: 1 }, { 1: 1 }])
  }))

test('a pass that fails changes nothing of what was counted, and is begun again', () =>
  play([placed(1, [1, 2, 3])], async scene => {
    scene.faults.count = 1
    scene.census.changed()
    await scene.timers.advance(1_000)
    assert.deepEqual(counted(scene), [1, { 1: 1 }, {}])
    assert.equal(scene.pages(), 2)
    await scene.timers.advance(1_000)
    assert.equal(scene.pages(), 3)
  }))
