import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import { ClockCore, type ClockEffect } from '../../src/clock/core.ts'
import { clockOptions } from '../../src/clock/options.ts'

const WALL_MS = 1_767_225_600_000

/** A core with one server, and hands to feed it. */
class Bench {
  readonly core: ClockCore
  nowMs = 0
  asleepMs = 0

  constructor() {
    const options = clockOptions({ servers: ['s'], pollMaxMs: 16_000 })
    this.core = new ClockCore(options, new Prng(1), 0, this.readings)
  }

  get readings() {
    return { wallMs: WALL_MS + this.nowMs + this.asleepMs, asleepMs: this.asleepMs }
  }

  wake(): ClockEffect[] {
    return this.core.step({ type: 'wake', readings: this.readings }, this.nowMs)
  }

  /** An honest answer that took 2 ms, to a question sent at `sentMs`. */
  answer(sentMs: number, remoteMs = WALL_MS + this.asleepMs + sentMs + 1): ClockEffect[] {
    const exchange = {
      sentMs,
      receivedMs: this.nowMs,
      remoteReceivedMs: remoteMs,
      remoteSentMs: remoteMs,
      boundMs: 0,
    }
    const { readings } = this
    return this.core.step(
      { type: 'answer', kind: 'server', name: 's', exchange, readings },
      this.nowMs,
    )
  }

  /** Lets time pass, in which every question is answered. */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs = Math.max(this.nowMs + 1, this.core.wakeAtMs)
      const asks = this.wake().filter(({ type }) => type === 'ask')
      const sentMs = this.nowMs
      this.nowMs += 2
      for (const _ of asks) this.answer(sentMs)
    }
  }
}

test('a poll asks in a burst, and waking too often does no harm', () => {
  const bench = new Bench()
  const asks = (): number => bench.wake().filter(({ type }) => type === 'ask').length
  assert.equal(asks(), 1)
  assert.equal(asks(), 0)
  bench.nowMs = 249
  assert.equal(asks(), 0)
  bench.nowMs = 250
  assert.equal(asks(), 1)
})

test('three polls make it trusted', () => {
  const bench = new Bench()
  bench.pass(3_000)
  assert.equal(bench.core.statusAt(bench.nowMs), 'INIT')
  assert.equal(bench.core.boundAt(bench.nowMs), Infinity)
  bench.pass(9_000)
  assert.equal(bench.core.statusAt(bench.nowMs), 'SYNCED')
  assert.ok(bench.core.boundAt(bench.nowMs) < 2.5)
})

test('an answer to a question from before sleep is not believed', () => {
  const bench = new Bench()
  bench.pass(40_000)
  for (;;) {
    bench.nowMs = bench.core.wakeAtMs
    if (bench.wake().some(({ type }) => type === 'ask')) break
  }
  const sentMs = bench.nowMs
  bench.asleepMs = 60_000
  bench.nowMs += 2
  const readings = bench.answer(sentMs, WALL_MS + sentMs + 1)
  assert.deepEqual(readings[0], { type: 'disturbance', what: 'sleep' })
  bench.answer(sentMs, WALL_MS + sentMs + 1)
  const [server] = bench.core.sources
  assert.equal(server?.sample, undefined)
  assert.equal(bench.core.statusAt(bench.nowMs), 'INIT')
  bench.pass(12_000)
  const { atMs, status } = bench.core.intervalAt(bench.nowMs)
  assert.equal(status, 'SYNCED')
  assert.ok(Math.abs(atMs - (WALL_MS + bench.nowMs + 60_000)) < 2)
})

test('answers from who was not asked count for nothing', () => {
  const bench = new Bench()
  bench.wake()
  bench.nowMs = 2
  const exchange = {
    sentMs: 0,
    receivedMs: 2,
    remoteReceivedMs: WALL_MS,
    remoteSentMs: WALL_MS,
    boundMs: 0,
  }
  const { readings } = bench
  for (const kind of ['server', 'peer'] as const) {
    bench.core.step({ type: 'answer', kind, name: 'stranger', exchange, readings }, bench.nowMs)
  }
  assert.deepEqual(
    bench.core.sources.map(({ name, sample }) => [name, sample]),
    [['s', undefined]],
  )
})

test('members come and go, and what is known of those who stay is kept', () => {
  const bench = new Bench()
  bench.core.step({ type: 'members', peers: ['a', 'b'] }, 0)
  const [, a] = bench.core.sources
  bench.core.step({ type: 'members', peers: ['c', 'a'] }, 0)
  const [, c, kept] = bench.core.sources
  assert.deepEqual([c?.name, kept], ['c', a])
})

test('options that make no sense are refused', () => {
  assert.throws(() => clockOptions({ servers: ['a', 'a'] }), RangeError)
  assert.throws(
    () => clockOptions({ servers: Array.from({ length: 9 }, (_, at) => `s${at}`) }),
    RangeError,
  )
})
