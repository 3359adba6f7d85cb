import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import type { PeerView } from '../../src/placement/peer-view.ts'
import {
  JOBS_RUNNING_MAX,
  REPAIR_GRACE_MS,
  type RepairEffect,
  type RepairEvent,
  RepairPlanner,
} from '../../src/placement/repair-planner.ts'
import type { SegmentView } from '../../src/placement/segment-view.ts'

const PAGE = 7

/**
 * A catalog of placements and peers that do as they are told, late, or not at all. What must not
 * happen fails at once.
 */
class Network {
  nowMs = 0
  readonly random: Prng
  readonly planner: RepairPlanner
  readonly peers = new Map<number, PeerView>()
  readonly segments = new Map<string, SegmentView>()
  readonly log: RepairEffect[] = []
  failures = 0
  /** Events on their way, by the time they arrive. */
  readonly #events: { readonly atMs: number; readonly event: RepairEvent }[] = []
  readonly #proven = new Set<string>()
  readonly #cancelled = new Set<number>()

  constructor(seed: number, peers: number) {
    this.random = new Prng(seed)
    this.planner = new RepairPlanner({ random: this.random.fork('planner') })
    for (let seat = 1; seat <= peers; seat++) {
      const zone = this.random.pick(['', '', 'a', 'b'])
      this.peers.set(seat, { seat, state: 'alive', zone, freeBytes: 1e9, capacityBytes: 1e9 })
    }
  }

  addSegments(count: number, k: number, m: number): void {
    for (let at = 0; at < count; at++) {
      const seats = this.random.shuffle([...this.peers.keys()]).slice(0, k + m)
      const id = String(this.segments.size)
      this.segments.set(id, { id, revision: 1, k, fragmentBytes: 1_000, seats })
    }
  }

  set(seat: number, state: PeerView['state']): void {
    this.peers.set(seat, { ...(this.peers.get(seat) as PeerView), state })
    this.tell({ type: 'peers', peers: [...this.peers.values()] })
  }

  tell(event: RepairEvent): void {
    for (const effect of this.planner.step(event, this.nowMs)) this.#carryOut(effect)
    const running = this.planner.jobs.filter(({ state }) => state !== 'waiting')
    assert.ok(running.length <= JOBS_RUNNING_MAX)
  }

  /** Time goes on, and what is on its way arrives. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      this.#events.sort((a, b) => a.atMs - b.atMs)
      const next = this.#events[0]
      if (next === undefined || next.atMs > endMs) break
      this.#events.shift()
      this.nowMs = Math.max(this.nowMs, next.atMs)
      this.tell(next.event)
    }
    this.nowMs = endMs
    this.tell({ type: 'tick' })
  }

  missing(): number {
    return [...this.segments.values()].flatMap(({ seats }) => seats).filter(seat => !this.has(seat))
      .length
  }

  has(seat: number): boolean {
    return ['alive', 'suspect', 'draining'].includes(this.peers.get(seat)?.state ?? 'dead')
  }

  count(type: RepairEffect['type']): number {
    return this.log.filter(effect => effect.type === type).length
  }

  #later(event: RepairEvent, ms = this.random.exponential(50)): void {
    this.#events.push({ atMs: this.nowMs + ms, event })
  }

  #carryOut(effect: RepairEffect): void {
    this.log.push(effect)
    const isFailing = this.random.chance(this.failures)
    switch (effect.type) {
      case 'list':
        return this.#list(effect)
      case 'build': {
        const { segment, targets, survivors, job } = effect
        assert.ok(survivors.length >= segment.k, 'there is something to build from')
        for (const { seat } of targets) {
          assert.ok(!segment.seats.includes(seat), 'one fragment of a segment per peer')
          assert.equal(this.peers.get(seat)?.state, 'alive')
        }
        return this.#later({ type: 'built', job, isDone: !isFailing })
      }
      case 'prove': {
        const { job, targets } = effect
        const indices = isFailing ? [] : targets.map(({ index }) => index)
        for (const index of indices) this.#proven.add(`${job}/${index}`)
        return this.#later({ type: 'proven', job, indices })
      }
      case 'place':
        return this.#place(effect)
      case 'wake':
        return this.#later({ type: 'tick' }, Math.max(0, effect.atMs - this.nowMs))
      case 'cancel':
        this.#cancelled.add(effect.job)
        return undefined
      case 'drained':
        return assert.ok(
          ![...this.segments.values()].some(({ seats }) => seats.includes(effect.seat)),
          'nothing is left on a drained peer',
        )
      case 'short':
        return undefined
    }
  }

  #list({ source, scan, after }: Extract<RepairEffect, { type: 'list' }>): void {
    const isListed = ({ seats }: SegmentView): boolean =>
      seats.includes(source === 'debts' ? 0 : source)
    const from = after === undefined ? 0 : (after[0] as number) * 256 + (after[1] as number)
    const all = [...this.segments.values()].filter(
      segment => isListed(segment) && Number(segment.id) >= from,
    )
    const segments = all.slice(0, PAGE)
    const last = segments.at(-1)
    const isCut = segments.length === PAGE && last !== undefined
    const at = isCut ? Number(last.id) + 1 : 0
    const next = isCut ? Uint8Array.of(at >> 8, at & 255) : undefined
    this.#later({ type: 'listed', source, scan, segments, next })
  }

  #place({ job, segment, targets }: Extract<RepairEffect, { type: 'place' }>): void {
    assert.ok(!this.#cancelled.has(job), 'what was called off is not placed')
    const current = this.segments.get(segment.id)
    if (current?.revision === segment.revision) {
      const seats = [...current.seats]
      for (const { index, seat } of targets) {
        assert.ok(this.#proven.has(`${job}/${index}`), 'nothing is listed before its proof')
        seats[index] = seat
      }
      this.segments.set(segment.id, { ...current, seats, revision: current.revision + 1 })
    }
    this.#later({ type: 'placed', job })
  }
}

test('a short absence moves nothing where segments can wait', () => {
  const network = new Network(1, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'dead')
  network.pass(30_000)
  network.set(1, 'alive')
  network.pass(200_000)
  assert.equal(network.count('build'), 0)
  assert.equal(network.planner.jobs.length, 0)
})

test('a suspect is nobody to repair for', () => {
  const network = new Network(2, 8)
  network.addSegments(50, 2, 1)
  network.set(1, 'suspect')
  network.pass(300_000)
  assert.equal(network.count('build'), 0)
})

test('a death is repaired after its grace', () => {
  const network = new Network(3, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'dead')
  network.pass(REPAIR_GRACE_MS - 1)
  assert.equal(network.count('build'), 0)
  network.pass(60_000)
  assert.equal(network.missing(), 0)
})

test('segments that may lose no more than one are repaired at once, and those alone', () => {
  const network = new Network(4, 9)
  network.addSegments(30, 2, 2)
  network.addSegments(30, 2, 4)
  network.set(1, 'dead')
  network.pass(20_000)
  for (const { seats, k } of network.segments.values()) {
    const left = seats.filter(seat => network.has(seat)).length
    if (seats.length === 4) assert.equal(left, 4)
    assert.ok(left >= k + 2)
  }
  assert.ok(network.missing() > 0, 'the others wait for their peer')
})

test('a peer that left for good has no grace', () => {
  const network = new Network(5, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'gone')
  network.pass(30_000)
  assert.equal(network.missing(), 0)
})

test('the segment with the fewest survivors goes first', () => {
  const network = new Network(6, 12)
  network.addSegments(100, 2, 5)
  for (const seat of [1, 2, 3]) network.set(seat, 'gone')
  const margins = (): number[] =>
    network.log.flatMap(effect =>
      effect.type === 'build' ? [effect.survivors.length - effect.segment.k] : [],
    )
  // The first few may start before the lists are in.
  network.pass(100_000)
  const started = margins().slice(JOBS_RUNNING_MAX * 4)
  const inversions = started.filter((margin, at) => margin < (started[at - 1] ?? 0)).length
  assert.ok(started.length > 40)
  assert.ok(inversions <= started.length / 5, `${inversions} of ${started.length}`)
  assert.equal(network.missing(), 0)
})

test('a peer that comes back calls its repairs off, also those under way', () => {
  const network = new Network(7, 8)
  network.addSegments(60, 2, 2)
  network.set(1, 'dead')
  network.pass(60)
  assert.ok(network.planner.jobs.some(({ state }) => state !== 'waiting'))
  network.set(1, 'alive')
  assert.ok(network.count('cancel') > 0)
  const placed = network.count('place')
  network.pass(100_000)
  assert.ok(network.count('place') <= placed + JOBS_RUNNING_MAX)
  assert.equal(network.planner.jobs.length, 0)
})

test('a drained peer ends up with nothing, while it serves', () => {
  const network = new Network(8, 8)
  network.addSegments(60, 3, 2)
  network.set(1, 'draining')
  network.pass(200_000)
  assert.ok(network.count('drained') > 0)
  assert.equal(network.missing(), 0)
})

test('too few peers are said, and the repair goes on once there are more', () => {
  const network = new Network(9, 5)
  network.addSegments(20, 3, 2)
  network.set(1, 'gone')
  network.pass(60_000)
  const short = network.log.find(({ type }) => type === 'short')
  assert.deepEqual(short, {
    type: 'short',
    segment: (short as { segment: string }).segment,
    have: 0,
    need: 1,
  })
  assert.equal(network.count('build'), 0)
  const newcomer = { seat: 6, zone: '', freeBytes: 1e9, capacityBytes: 1e9 } as const
  network.peers.set(6, { ...newcomer, state: 'alive' })
  network.set(6, 'alive')
  network.pass(100_000)
  assert.equal(network.missing(), 0)
})

test('repairs that are not urgent give way to the foreground', () => {
  const took = (ratio: number): number => {
    const network = new Network(10, 10)
    network.addSegments(100, 3, 5)
    for (let round = 0; round < 10; round++) network.tell({ type: 'foreground', ratio })
    network.set(1, 'gone')
    while (network.missing() > 0 && network.nowMs < 10_000_000) network.pass(1_000)
    return network.nowMs
  }
  assert.ok(took(5) > 4 * took(1))
})

test('moves of a plan are proven and placed like repairs', () => {
  const network = new Network(11, 8)
  network.addSegments(10, 2, 1)
  network.set(1, 'alive')
  const moves = [...network.segments.values()].map(segment => {
    const to = [...network.peers.keys()].find(seat => !segment.seats.includes(seat)) as number
    return { segment, index: 0, from: segment.seats[0] as number, to }
  })
  network.tell({ type: 'moves', moves })
  network.pass(60_000)
  for (const { segment, to } of moves) assert.equal(network.segments.get(segment.id)?.seats[0], to)
})

test('whatever happens to peers, all is whole again once enough of them stay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), seed => {
      const network = new Network(seed, 10)
      network.failures = 0.1
      network.addSegments(40, 2, 3)
      for (let round = 0; round < 15; round++) {
        // Never so many at once that anything is lost for good.
        const away = [...network.peers.values()].filter(({ seat }) => !network.has(seat))
        const seat = 1 + network.random.below(10)
        const states = ['alive', 'suspect', 'draining', 'dead'] as const
        const state = away.length >= 2 ? 'alive' : network.random.pick(states)
        network.set(away.length >= 2 ? (away[0]?.seat ?? seat) : seat, state)
        network.pass(network.random.exponential(40_000))
      }
      network.failures = 0
      const dead = network.random.pick([1, 2, 3])
      for (let seat = 1; seat <= 10; seat++) network.set(seat, seat === dead ? 'dead' : 'alive')
      network.pass(400_000)
      assert.equal(network.missing(), 0)
      for (const { seats } of network.segments.values()) {
        assert.equal(new Set(seats).size, seats.length)
      }
      assert.equal(network.planner.jobs.length, 0)
    }),
    { numRuns: 60 },
  )
})
