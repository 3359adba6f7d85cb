import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { NetEvent } from '../../src/net/net-events.ts'
import { Refusals } from '../../src/net/refusals.ts'
import { TokenBucket } from '../../src/net/token-bucket.ts'

class ManualClock {
  nowMs = 0
  readonly monotonicMs = (): number => this.nowMs
  readonly wallMs = (): number => 0
}

test('a bucket lets a burst through at once, and its rate after that', () => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(clock, { perSecond: 10, burst: 5 })
  const takeAll = (): number => {
    let count = 0
    while (bucket.take()) count++
    return count
  }
  assert.equal(takeAll(), 5)
  clock.nowMs += 300
  assert.equal(takeAll(), 3)
  clock.nowMs += 60_000
  assert.equal(takeAll(), 5, 'it does not save up')
})

test('ten thousand refusals become a few events that say how many were left out', () => {
  const clock = new ManualClock()
  const events: NetEvent[] = []
  const refusals = new Refusals(clock, event => events.push(event))
  for (let at = 0; at < 10_000; at++) refusals.refuse('malformed', 'peer', `number ${at}`)
  refusals.refuse('not-admitted', undefined, 'another reason')
  assert.equal(events.length, 11)
  clock.nowMs += 1_000
  refusals.refuse('malformed', 'peer', 'later')
  const last = events.at(-1)
  assert.deepEqual(last, {
    type: 'refused',
    reason: 'malformed',
    peer: 'peer',
    detail: 'later',
    leftOut: 9_990,
  })
  assert.deepEqual(refusals.totals(), { malformed: 10_001, 'not-admitted': 1 })
})
