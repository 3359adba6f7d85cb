import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HoldfastError } from '../../src/base/errors.ts'
import { inParallel, retrying } from '../../src/cli/parallel.ts'

const never = new AbortController().signal
const busy = new HoldfastError('no', { code: 'BUSY', what: 'it' })

test('so many work at a time, and no more', async () => {
  let [running, most, done] = [0, 0, 0]
  await inParallel(Array.from({ length: 20 }), 3, never, async () => {
    most = Math.max(most, ++running)
    await new Promise(resolve => void setImmediate(resolve))
    running--
    done++
  })
  assert.deepEqual([most, done, running], [3, 20, 0])
})

test('the first failure calls off what is under way, and begins no more', async () => {
  const begun: number[] = []
  let wasCalledOff = false
  const work = inParallel([1, 2, 3, 4], 2, never, async (item, signal) => {
    begun.push(item)
    if (item === 2) throw new Error('the first')
    await new Promise<void>((_, reject) => {
      signal.addEventListener('abort', () => {
        wasCalledOff = true
        reject(new Error('called off'))
      })
    })
  })
  await assert.rejects(work, /the first/)
  assert.deepEqual([begun, wasCalledOff], [[1, 2], true])
})

test('items that fail to come fail it all, once nothing is under way', async () => {
  let isDone = false
  async function* items(): AsyncGenerator<number> {
    yield 1
    throw new Error('no more')
  }
  const work = inParallel(items(), 2, never, async () => {
    await new Promise(resolve => void setImmediate(resolve))
    isDone = true
  })
  await assert.rejects(work, /no more/)
  assert.equal(isDone, true)
})

test('an interruption ends it', async () => {
  const controller = new AbortController()
  const work = inParallel([1, 2], 1, controller.signal, async () => {
    controller.abort(new Error('stop'))
  })
  await assert.rejects(work, /stop/)
})

test('what passes is tried again, what does not is not', async () => {
  let count = 0
  const result = await retrying(never, async () => {
    if (++count < 2) throw busy
    return count
  })
  assert.equal(result, 2)
  let attempts = 0
  const failure = new HoldfastError('no', { code: 'NO_SUCH_BUCKET', bucket: 'x' })
  await assert.rejects(
    retrying(never, async () => {
      attempts++
      throw failure
    }),
    failure,
  )
  assert.equal(attempts, 1)
})

test('a pause between attempts ends with an interruption', async () => {
  const controller = new AbortController()
  const work = retrying(controller.signal, async () => {
    controller.abort(new Error('stop'))
    throw busy
  })
  await assert.rejects(work)
})
