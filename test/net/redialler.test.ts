import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import {
  DIALS_MAX,
  LINK_PACE_MS,
  LINKS_AT_ONCE,
  REDIAL_YIELD_MS,
  REDIAL_YIELD_PER_PEER_MS,
} from '../../src/net/limits.ts'
import { Redialler } from '../../src/net/redialler.ts'
import { ManualTimers, settle } from '../support/manual-timers.ts'

/** A redialler in virtual time, and what it does. */
class Bench {
  readonly timers = new ManualTimers()
  readonly connected = new Set<string>()
  readonly dials: { peer: string; atMs: number; attempt: number }[] = []
  underway = 0
  mostUnderway = 0
  /** How long an attempt takes, and whether it works. */
  takesMs = 10
  works = false
  readonly redialler: Redialler

  constructor(self: string) {
    this.redialler = new Redialler({
      self,
      clock: { monotonicMs: () => this.timers.nowMs, wallMs: () => 0 },
      timers: this.timers,
      random: new Prng(1),
      isConnected: peer => this.connected.has(peer),
      dial: (peer, attempt) => this.#dial(peer, attempt),
    })
  }

  lose(peer: string): void {
    this.connected.delete(peer)
    this.redialler.down(peer)
  }

  async #dial(peer: string, attempt: number): Promise<void> {
    this.dials.push({ peer, atMs: this.timers.nowMs, attempt })
    this.mostUnderway = Math.max(this.mostUnderway, ++this.underway)
    await new Promise<void>(resolve => void this.timers.after(this.takesMs, resolve))
    this.underway--
    if (!this.works) throw new Error('nobody there')
    this.connected.add(peer)
    this.redialler.up(peer)
  }

  /** Time from the end of each attempt to the next. */
  pauses(): number[] {
    return this.dials
      .slice(1)
      .map(({ atMs }, at) => atMs - (this.dials[at]?.atMs ?? 0) - this.takesMs)
  }
}

test('a peer that is not there is dialled for ever, with pauses that double up to a minute', async () => {
  const bench = new Bench('a')
  bench.redialler.keep(new Set(['b']))
  await bench.timers.advance(3_600_000)
  const pauses = bench.pauses()
  for (const [at, pause] of pauses.entries()) {
    const mean = Math.min(60_000, 500 * 2 ** at)
    assert.ok(pause >= mean * 0.5 && pause <= mean * 1.5, `pause ${at} is ${pause} ms`)
  }
  assert.ok(pauses.length > 45, `${pauses.length} attempts in an hour`)
  assert.ok(new Set(pauses.slice(-10)).size === 10, 'no two pauses are alike')
})

test('a connection that lasted begins with short pauses again, one that did not goes on', async () => {
  const bench = new Bench('a')
  bench.redialler.keep(new Set(['b']))
  await bench.timers.advance(60_000)
  bench.works = true
  await bench.timers.advance(120_000)
  assert.ok(bench.connected.has('b'))
  const attempts = bench.dials.length
  bench.lose('b')
  await bench.timers.advance(1_000)
  assert.equal(bench.dials.length, attempts + 1, 'it lasted: half a second')
  bench.lose('b')
  bench.lose('b')
  await bench.timers.advance(10_000)
  assert.ok((bench.dials.at(-1)?.attempt ?? 0) > 0, 'it did not last: longer')
})

test('one attempt per peer, and a few in all, are under way', async () => {
  const bench = new Bench('a')
  bench.takesMs = 60_000
  bench.redialler.keep(new Set(Array.from({ length: 30 }, (_, at) => `peer ${at}`)))
  await bench.timers.advance(59_000)
  assert.equal(bench.underway, DIALS_MAX)
  assert.equal(new Set(bench.dials.map(({ peer }) => peer)).size, bench.dials.length)
  await bench.timers.advance(600_000 + LINK_PACE_MS * 30)
  assert.equal(bench.mostUnderway, DIALS_MAX)
  assert.equal(new Set(bench.dials.map(({ peer }) => peer)).size, 30, 'everybody gets a turn')
})

test('of many new peers the first few are dialled at once, the others in their time', async () => {
  const bench = new Bench('a')
  bench.works = true
  const peers = Array.from({ length: 40 }, (_, at) => `peer ${at}`)
  for (const [at] of peers.entries()) bench.redialler.keep(new Set(peers.slice(0, at + 1)))
  await bench.timers.advance(100)
  assert.equal(bench.dials.length, LINKS_AT_ONCE)
  await bench.timers.advance(LINK_PACE_MS * peers.length)
  assert.equal(bench.dials.length, peers.length)
  const late = bench.dials.filter(({ atMs }) => atMs > 10_000)
  assert.ok(late.length > peers.length / 3, 'they are spread over time')
})

test('one that knows many from before has its first links at once', async () => {
  const bench = new Bench('a')
  bench.works = true
  bench.connected.add('peer 0')
  bench.redialler.keep(new Set(Array.from({ length: 100 }, (_, at) => `peer ${at}`)))
  await bench.timers.advance(1)
  assert.equal(bench.dials.length, LINKS_AT_ONCE - 1, 'a connection that is there is one of them')
})

test('of two peers the one with the smaller id begins', async () => {
  for (const [self, peer, beginsMs] of [
    ['a', 'b', 0],
    ['b', 'a', REDIAL_YIELD_MS + REDIAL_YIELD_PER_PEER_MS],
  ] as const) {
    const bench = new Bench(self)
    bench.redialler.keep(new Set([peer]))
    await bench.timers.advance(1)
    await bench.timers.advance(beginsMs)
    assert.equal(bench.dials[0]?.atMs, beginsMs)
  }
})

test('who is no longer wanted, or came by himself, is not dialled', async () => {
  const bench = new Bench('a')
  bench.redialler.keep(new Set(['b', 'c', 'a']))
  bench.connected.add('c')
  bench.redialler.up('c')
  bench.redialler.keep(new Set(['c']))
  await bench.timers.advance(100_000)
  assert.deepEqual(bench.dials, [])
  assert.equal(bench.timers.pending, 0)
})

test('a new address is tried at once', async () => {
  const bench = new Bench('a')
  bench.redialler.keep(new Set(['b']))
  await bench.timers.advance(600_000 + LINK_PACE_MS * 30)
  const before = bench.dials.length
  const [waiting] = bench.redialler.waiting()
  assert.equal(waiting?.peer, 'b')
  assert.ok((waiting?.attempts ?? 0) > 5)
  bench.redialler.hurry('b')
  await settle()
  await bench.timers.advance(1)
  assert.equal(bench.dials.length, before + 1)
})
