import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Timer } from '../../../src/base/environment.ts'
import type { Vitals } from '../../../src/membership/vitals.ts'
import { tellStrain, type Strain } from '../../../src/node/membership/tell-strain.ts'

/** An event loop whose timers are late by as much as the test says. */
class LateLoop {
  nowMs = 0
  lateMs = 0
  vitals: Partial<Vitals> = {}
  readonly strain: Strain
  #timer: { readonly atMs: number; readonly callback: () => void } | undefined

  constructor() {
    this.strain = tellStrain({
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      timers: { after: (ms, callback) => this.#set(ms, callback) },
      membership: { setVitals: vitals => (this.vitals = vitals) },
    })
  }

  get isIdle(): boolean {
    return this.#timer === undefined
  }

  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.#timer !== undefined && this.nowMs < endMs;) {
      const { atMs, callback } = this.#timer
      this.#timer = undefined
      this.nowMs = atMs + this.lateMs
      callback()
    }
  }

  #set(ms: number, callback: () => void): Timer {
    this.#timer = { atMs: this.nowMs + ms, callback }
    return { cancel: () => (this.#timer = undefined) }
  }
}

test('a loop that is often late is told of, and forgiven after some minutes', () => {
  const loop = new LateLoop()
  loop.run(10_000)
  assert.ok((loop.vitals.loopLagMs ?? NaN) < 1)
  loop.lateMs = 80
  loop.run(20_000)
  assert.ok((loop.vitals.loopLagMs ?? NaN) >= 80)
  loop.lateMs = 0
  loop.run(300_000)
  assert.ok((loop.vitals.loopLagMs ?? NaN) < 1)
})

test('three stalls in four hundred looks are no reason for complaint, six are', () => {
  for (const [stalls, isTold] of [
    [3, false],
    [6, true],
  ] as const) {
    const loop = new LateLoop()
    for (let at = 0; at < stalls; at++) {
      loop.lateMs = 400
      loop.run(1)
      loop.lateMs = 0
      loop.run(15_000)
    }
    loop.run(100_000 - loop.nowMs)
    assert.equal((loop.vitals.loopLagMs ?? NaN) >= 400, isTold, `${stalls} stalls`)
  }
})

test('a disk that takes long is told of; one that is not used is not', () => {
  const loop = new LateLoop()
  loop.run(5_000)
  assert.equal(loop.vitals.diskSyncMs, 0)
  for (let at = 0; at < 50; at++) loop.strain.synced(at % 10 === 0 ? 45 : 1)
  loop.run(5_000)
  assert.ok((loop.vitals.diskSyncMs ?? NaN) >= 45)
})

test('who stops tells nothing more', () => {
  const loop = new LateLoop()
  loop.strain.stop()
  assert.equal(loop.isIdle, true)
})
