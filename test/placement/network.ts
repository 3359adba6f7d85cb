import assert from 'node:assert/strict'

import { Prng } from '../../src/base/prng.ts'
import type { PeerView } from '../../src/placement/peer-view.ts'
import {
  JOBS_RUNNING_MAX,
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
export class Network {
  nowMs = 0
  readonly random: Prng
  readonly planner: RepairPlanner
  readonly peers: Map<number, PeerView> = new Map()
  readonly segments: Map<string, SegmentView> = new Map()
  readonly log: RepairEffect[] = []
  failures = 0
  /** Fragments may leave peers that live. */
  isMoving = false
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
        for (const { index } of targets) this.#checkReason(segment.seats[index] as number)
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

  /** A fragment is made anew for want of its peer, and moved only where that was asked for. */
  #checkReason(holder: number): void {
    const state = this.peers.get(holder)?.state ?? 'gone'
    const isReason = this.isMoving || ['draining', 'dead', 'gone'].includes(state)
    assert.ok(isReason, `its holder is ${state}`)
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
    const isDone = current?.revision === segment.revision
    if (isDone) {
      const seats = [...current.seats]
      for (const { index, seat } of targets) {
        assert.ok(this.#proven.has(`${job}/${index}`), 'nothing is listed before its proof')
        seats[index] = seat
      }
      this.segments.set(segment.id, { ...current, seats, revision: current.revision + 1 })
    }
    this.#later({ type: 'placed', job, isDone })
  }

  /** Peers come and go, calls fail; once enough peers stay, every segment is whole. */
  playChaos(rounds: number): void {
    this.failures = 0.1
    this.addSegments(40, 2, 3)
    const seats = [...this.peers.keys()]
    for (let round = 0; round < rounds; round++) {
      // The dead come back with what they had, so that nothing is lost for good.
      const away = seats.filter(seat => !this.has(seat))
      const state = this.random.pick(['alive', 'suspect', 'draining', 'dead', 'dead'] as const)
      const [returning] = away
      if (away.length >= 6 && returning !== undefined) this.set(returning, 'alive')
      else this.set(this.random.pick(seats), state)
      this.pass(this.random.exponential(this.random.pick([50, 1_000, 40_000])))
    }
    const dead = this.random.pick([1, 2, 3])
    for (const seat of seats) this.set(seat, seat === dead ? 'dead' : 'alive')
    this.pass(600_000)
    assert.equal(this.missing(), 0, 'every fragment is back')
    for (const segment of this.segments.values()) {
      assert.equal(new Set(segment.seats).size, segment.seats.length)
    }
    assert.equal(this.planner.jobs.length, 0, 'nothing is left to do')
  }
}
