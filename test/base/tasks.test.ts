import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AssertionError } from '../../src/base/assert.ts'
import { type TaskFailure, Tasks } from '../../src/base/tasks.ts'
import { settle } from '../support/manual-timers.ts'

function setUp(limit?: number): { tasks: Tasks; failures: TaskFailure[] } {
  const failures: TaskFailure[] = []
  const onFailure = (failure: TaskFailure): void => void failures.push(failure)
  return { tasks: new Tasks(limit === undefined ? { onFailure } : { onFailure, limit }), failures }
}

/** A task that runs until it is told to stop, and then fails with what aborted it. */
const untilStopped = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

test('a task that returns is done and no failure', async () => {
  const { tasks, failures } = setUp()
  const work = Promise.withResolvers<void>()
  tasks.start('first', untilStopped)
  tasks.start('second', () => work.promise)
  assert.deepEqual(tasks.running, ['first', 'second'])
  work.resolve()
  await settle()
  assert.deepEqual(tasks.running, ['first'])
  await tasks.stop()
  assert.deepEqual(failures, [])
})

test('a failure is seen exactly once, whether the task waited before it or not', async () => {
  const { tasks, failures } = setUp()
  const [early, late] = [new Error('early'), new Error('late')]
  tasks.start('early', () => {
    throw early
  })
  tasks.start('late', async () => {
    await settle()
    throw late
  })
  await settle()
  await settle()
  await tasks.stop()
  await tasks.stop()
  assert.deepEqual(failures, [
    { task: 'early', error: early },
    { task: 'late', error: late },
  ])
})

test('stop tells every task why and waits for the last', async () => {
  const { tasks } = setUp()
  const cleanup = Promise.withResolvers<void>()
  let reason: unknown
  tasks.start('slow', async signal => {
    await untilStopped(signal).catch(error => (reason = error))
    await cleanup.promise
  })
  let isStopped = false
  const stopped = tasks.stop('node closes').then(() => (isStopped = true))
  await settle()
  assert.equal((reason as Error).message, 'node closes')
  assert.equal(tasks.signal.aborted, true)
  assert.equal(isStopped, false)
  assert.deepEqual(tasks.running, ['slow'])
  cleanup.resolve()
  await stopped
  assert.deepEqual(tasks.running, [])
})

test('a second stop keeps the first reason and waits as well', async () => {
  const { tasks } = setUp()
  tasks.start('loop', untilStopped)
  await Promise.all([tasks.stop('first'), tasks.stop('second')])
  assert.equal((tasks.signal.reason as Error).message, 'first')
  assert.deepEqual(tasks.running, [])
})

test('the echo of the abort is no failure', async () => {
  const { tasks, failures } = setUp()
  tasks.start('own reason', untilStopped)
  tasks.start('other error', signal =>
    untilStopped(signal).catch(cause => {
      throw new Error('socket closed', { cause })
    }),
  )
  await tasks.stop()
  assert.deepEqual(failures, [])
})

test('a broken invariant is a failure even while stopping', async () => {
  const { tasks, failures } = setUp()
  const bug = new AssertionError('balance is kept')
  tasks.start('loop', signal =>
    untilStopped(signal).catch(() => {
      throw bug
    }),
  )
  await tasks.stop()
  assert.deepEqual(failures, [{ task: 'loop', error: bug }])
})

test('nothing starts at the limit until a task ends', async () => {
  const { tasks } = setUp(1)
  const work = Promise.withResolvers<void>()
  tasks.start('first', () => work.promise)
  assert.throws(() => tasks.start('second', untilStopped), {
    details: { code: 'BUSY', what: 'tasks', limit: 1 },
  })
  work.resolve()
  await settle()
  tasks.start('second', untilStopped)
  await tasks.stop()
})

test('nothing starts after stop', async () => {
  const { tasks } = setUp()
  await tasks.stop()
  assert.throws(() => tasks.start('late', () => assert.fail('was started')), {
    details: { code: 'CLOSED', what: 'tasks' },
  })
})
