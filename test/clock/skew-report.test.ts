import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import { inversionChance, orderOf, shareOutOfOrder } from '../../src/clock/skew-report.ts'

test('order is certain only where intervals do not touch', () => {
  const at = (atMs: number) => ({ atMs, boundMs: 5 })
  assert.equal(orderOf(at(0), at(11)), 'before')
  assert.equal(orderOf(at(11), at(0)), 'after')
  assert.equal(orderOf(at(0), at(10)), 'uncertain')
})

test('an event is out of order if something later came before it', () => {
  assert.equal(shareOutOfOrder([]), 0)
  assert.equal(shareOutOfOrder([1, 2, 3]), 0)
  assert.equal(shareOutOfOrder([1, 5, 2, 3, 6]), 0.4)
})

test('the chance of a wrong order is what a thousand draws show', () => {
  const random = new Prng(1)
  const skewMs = 10
  for (const apartMs of [0, 4, 12, 19, 25]) {
    let wrong = 0
    const draws = 20_000
    for (let draw = 0; draw < draws; draw++) {
      const off = (): number => (random.float() * 2 - 1) * skewMs
      if (off() > apartMs + off()) wrong++
    }
    assert.ok(Math.abs(wrong / draws - inversionChance(apartMs, skewMs)) < 0.01)
  }
})
