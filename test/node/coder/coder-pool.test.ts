import assert from 'node:assert/strict'
import { test } from 'node:test'

import { segmentLayout } from '../../../src/erasure/layout.ts'
import { CellGrid } from '../../../src/node/coder/cell-grid.ts'
import { CoderPool } from '../../../src/node/coder/coder-pool.ts'
import type { EncodeJob } from '../../../src/node/coder/coder.ts'
import { ManualTimers, settle } from '../../support/manual-timers.ts'

const scheme = { k: 2, m: 1 }
const layout = segmentLayout(scheme.k, 262_144)

/** Large enough for a thread. */
const job = (): EncodeJob => ({
  type: 'encode',
  scheme,
  hash: 'blake3',
  key: undefined,
  firstUnit: 0,
  isLast: true,
  firstStripe: 0,
  plain: new Uint8Array(262_144),
  cells: new Uint8Array(CellGrid.sizeOf(layout, 3)),
})

/** A bug, as far as the thread can tell: it has no room for its cells, and throws. */
const deadly = (): EncodeJob => ({ ...job(), cells: new Uint8Array(64) })

test('a thread that dies fails its jobs, and another takes its place', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  const [first, second] = [pool.encode(deadly()), pool.encode(job())]
  const third = pool.encode(job())
  await assert.rejects(first, { code: 'THREAD_LOST' })
  await assert.rejects(second, { code: 'THREAD_LOST' })
  assert.equal((await third).leaves.length, 3 * 2 * 32)
  await pool.close()
})

test('a thread that dies again and again is replaced after longer and longer pauses', async () => {
  const timers = new ManualTimers()
  const pool = await CoderPool.create({ threads: 1, timers })
  await assert.rejects(pool.encode(deadly()), { code: 'THREAD_LOST' })
  assert.equal(timers.pending, 0)
  await assert.rejects(pool.encode(deadly()), { code: 'THREAD_LOST' })
  for (const pauseMs of [100, 200, 400]) {
    const next = pool.encode(deadly())
    let isOver = false
    next.catch(() => (isOver = true))
    await timers.advance(pauseMs - 1)
    assert.equal(timers.pending, 1)
    assert.equal(isOver, false)
    await timers.advance(1)
    await assert.rejects(next, { code: 'THREAD_LOST' })
  }
  const good = pool.encode(job())
  await timers.advance(10_000)
  await good
  await assert.rejects(pool.encode(deadly()), { code: 'THREAD_LOST' })
  assert.equal(timers.pending, 0)
  await pool.close()
})

test('a job is cancelled while it waits and while it is worked on', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  const controller = new AbortController()
  const jobs = Array.from({ length: 5 }, () => pool.encode(job(), controller.signal))
  const kept = pool.encode(job())
  controller.abort(new Error('enough'))
  for (const cancelled of jobs) await assert.rejects(cancelled, { message: 'enough' })
  await kept
  await assert.rejects(pool.encode(job(), controller.signal), { message: 'enough' })
  await pool.close()
})

test('a queue that is full refuses more', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  const controller = new AbortController()
  const tiny = { ...job(), plain: new Uint8Array(131_073) }
  const jobs = Array.from({ length: 1026 }, () =>
    pool.encode({ ...tiny, plain: tiny.plain.slice() }, controller.signal),
  )
  for (const waiting of jobs) waiting.catch(() => {})
  await assert.rejects(pool.encode(job()), { code: 'BUSY' })
  controller.abort()
  await pool.close()
})

test('small jobs are done without a thread', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  const plain = new Uint8Array(1000)
  const { leaves } = await pool.encode({ ...job(), plain })
  assert.equal(plain.length, 1000)
  assert.equal(leaves.length, 3 * 32)
  await pool.close()
})

test('a pool that is closed fails what it has and what it gets', async () => {
  const pool = await CoderPool.create({ threads: 1 })
  const jobs = Array.from({ length: 4 }, () => pool.encode(job()))
  for (const waiting of jobs) waiting.catch(() => {})
  await settle()
  await pool.close()
  for (const waiting of jobs) await assert.rejects(waiting, { code: 'CLOSED' })
  await assert.rejects(pool.encode(job()), { code: 'CLOSED' })
})
