import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { Hlc, MARK_AHEAD_MS, MAX_OFFSET_MS } from '../../src/clock/hlc.ts'
import { compareTimestamps, COUNT_MAX, type Timestamp } from '../../src/clock/timestamp.ts'

/** A clock whose mark is far away. */
function freeHlc(): Hlc {
  const hlc = new Hlc()
  hlc.setMark(Number.MAX_SAFE_INTEGER)
  return hlc
}

const received = (hlc: Hlc, remote: Timestamp, ptMs: number): Timestamp => {
  assert.equal(hlc.receive(remote, ptMs), undefined)
  return hlc.latest
}

describe('a hybrid clock', () => {
  test('follows physical time, and counts where that stands still', () => {
    const hlc = freeHlc()
    assert.deepEqual(hlc.tick(1000.9), { ms: 1000, count: 0 })
    assert.deepEqual(hlc.tick(1000.99), { ms: 1000, count: 1 })
    assert.deepEqual(hlc.tick(999), { ms: 1000, count: 2 })
    assert.deepEqual(hlc.tick(1001), { ms: 1001, count: 0 })
  })

  const merges = [
    ['physical time is ahead of both', 1500, { ms: 1200, count: 9 }, { ms: 1500, count: 0 }],
    ['the remote one is ahead', 1100, { ms: 1200, count: 9 }, { ms: 1200, count: 10 }],
    ['both are equal', 900, { ms: 1000, count: 9 }, { ms: 1000, count: 10 }],
    ['its own is ahead', 900, { ms: 990, count: 9 }, { ms: 1000, count: 3 }],
  ] as const
  for (const [when, ptMs, remote, expected] of merges) {
    test(`merges when ${when}`, () => {
      const hlc = freeHlc()
      for (let times = 0; times < 3; times++) hlc.tick(1000)
      assert.deepEqual(received(hlc, remote, ptMs), expected)
    })
  }

  test('borrows a millisecond once the counter is full', () => {
    const hlc = freeHlc()
    received(hlc, { ms: 1000, count: COUNT_MAX - 1 }, 1000)
    assert.deepEqual(hlc.latest, { ms: 1000, count: COUNT_MAX })
    assert.deepEqual(hlc.tick(1000), { ms: 1001, count: 0 })
    assert.equal(hlc.borrowed, 1)
    received(hlc, { ms: 1001, count: COUNT_MAX }, 1000)
    assert.deepEqual(hlc.latest, { ms: 1002, count: 0 })
  })

  test('refuses a timestamp that leads too far, and stays as it was', () => {
    const hlc = freeHlc()
    hlc.tick(1000)
    assert.equal(hlc.receive({ ms: 1001 + MAX_OFFSET_MS, count: 0 }, 1000.5), MAX_OFFSET_MS + 1)
    assert.deepEqual(hlc.latest, { ms: 1000, count: 0 })
    assert.equal(hlc.receive({ ms: 1000 + MAX_OFFSET_MS, count: 0 }, 1000.5), undefined)
  })

  test('takes what is committed however far it leads, and says so', () => {
    const hlc = freeHlc()
    assert.equal(hlc.receiveCommitted({ ms: 9000, count: 4 }, 1000), 8000)
    assert.deepEqual(hlc.tick(1000), { ms: 9000, count: 6 })
  })

  test('gives nothing out beyond its mark, and asks for the next in good time', () => {
    const hlc = new Hlc()
    assert.equal(hlc.tick(1000), undefined)
    assert.equal(hlc.markWanted(1000), 1000 + MARK_AHEAD_MS)
    hlc.setMark(1000 + MARK_AHEAD_MS)
    assert.equal(hlc.markWanted(1000), undefined)
    assert.deepEqual(hlc.tick(1000), { ms: 1000, count: 0 })
    assert.notEqual(hlc.markWanted(1000 + MARK_AHEAD_MS * 0.6), undefined)
    assert.equal(hlc.tick(1001 + MARK_AHEAD_MS), undefined)
    assert.deepEqual(hlc.latest, { ms: 1000, count: 0 })
  })
})

test('timestamps of skewed, jumping, restarting peers never contradict causality', () => {
  const step = fc.record({
    peer: fc.nat(3),
    to: fc.nat(3),
    passMs: fc.nat(40),
    jumpMs: fc.integer({ min: -240, max: 240 }),
    kind: fc.constantFrom('tick', 'send', 'send', 'restart', 'jump'),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), steps => {
      let nowMs = 1_000_000
      const marks = [0, 0, 0, 0]
      const skews = [0, 0, 0, 0]
      const clocks = marks.map(() => new Hlc())
      const last: (Timestamp | undefined)[] = marks.map(() => undefined)
      const waitUntil = [0, 0, 0, 0]
      const stamp = (peer: number): Timestamp | undefined => {
        const hlc = clocks[peer] as Hlc
        const pt = nowMs + (skews[peer] as number)
        if (pt <= (waitUntil[peer] as number)) return undefined
        const wanted = hlc.markWanted(pt)
        if (wanted !== undefined) {
          marks[peer] = wanted
          hlc.setMark(wanted)
        }
        const given = hlc.tick(pt)
        assert.ok(given !== undefined)
        const before = last[peer]
        assert.ok(before === undefined || compareTimestamps(given, before) > 0)
        assert.ok(given.ms <= pt + MAX_OFFSET_MS)
        last[peer] = given
        return given
      }
      for (const { peer, to, passMs, jumpMs, kind } of steps) {
        nowMs += passMs
        if (kind === 'jump') skews[peer] = jumpMs
        else if (kind === 'restart') {
          clocks[peer] = new Hlc()
          waitUntil[peer] = marks[peer] as number
        } else {
          const sent = stamp(peer)
          if (kind !== 'send' || sent === undefined) continue
          const refused = (clocks[to] as Hlc).receive(sent, nowMs + (skews[to] as number))
          const answer = stamp(to)
          if (refused === undefined && answer !== undefined && to !== peer) {
            assert.ok(compareTimestamps(answer, sent) > 0)
          }
        }
      }
    }),
    { numRuns: 300 },
  )
})
