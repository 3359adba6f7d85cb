import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ByteBudget } from '../../../src/node/upkeep/byte-budget.ts'
import { Foreground } from '../../../src/node/upkeep/foreground.ts'
import { settle } from '../../support/manual-timers.ts'

class Time {
  nowMs = 0
  readonly foreground: Foreground = new Foreground({
    monotonicMs: () => this.nowMs,
    wallMs: () => this.nowMs,
  })

  observe(count: number, ms: number, kind = 'get'): number {
    for (let at = 0; at < count; at++) {
      this.nowMs += 10
      this.foreground.observe(kind, ms)
    }
    return this.foreground.ratio()
  }
}

test('latency counts against what is usual for its kind', () => {
  const time = new Time()
  assert.equal(time.observe(10, 500), 1)
  assert.ok(time.observe(100, 20) < 1.2)
  assert.ok(time.observe(30, 80) > 1.5)
  assert.ok(time.observe(30, 20) < 1.2)
  time.observe(40, 500, 'put')
  assert.ok(time.foreground.ratio() < 1.2)
})

test('slowness that work in the background causes does not soon become the usual', () => {
  const time = new Time()
  time.observe(200, 20)
  assert.ok(time.observe(300, 100) > 1.5)
})

test('while nobody asks for anything there is nobody to give way to', () => {
  const time = new Time()
  time.observe(100, 20)
  assert.ok(time.observe(20, 200) > 2)
  time.nowMs += 6_000
  assert.equal(time.foreground.ratio(), 1)
})

test('memory is shared in order, and one that wants more than there is gets all of it', async () => {
  const budget = new ByteBudget(100)
  const log: string[] = []
  const controller = new AbortController()
  const take = (name: string, bytes: number): Promise<() => void> =>
    budget.take(bytes, controller.signal).then(giveBack => {
      log.push(name)
      return giveBack
    })
  const first = await take('first', 60)
  const large = take('large', 500)
  const small = take('small', 10)
  await settle()
  assert.deepEqual(log, ['first'])
  first()
  const giveBack = await large
  assert.equal(budget.usedBytes, 100)
  giveBack()
  ;(await small)()
  assert.deepEqual(log, ['first', 'large', 'small'])
  assert.equal(budget.usedBytes, 0)
})

test('who gives up waiting for memory lets others pass', async () => {
  const budget = new ByteBudget(100)
  const never = new AbortController().signal
  const first = await budget.take(100, never)
  const controller = new AbortController()
  const given = budget.take(100, controller.signal)
  const second = budget.take(50, never)
  controller.abort(new Error('enough'))
  await assert.rejects(given, /enough/)
  first()
  ;(await second)()
  assert.equal(budget.usedBytes, 0)
})
