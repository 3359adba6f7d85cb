import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'

import { abortable, sleep, withDeadline } from '../../src/base/waiting.ts'
import { ManualTimers, settle } from '../support/manual-timers.ts'

const TIMEOUT = { code: 'TIMEOUT', details: { code: 'TIMEOUT', what: 'answer', afterMs: 100 } }
const never = (): Promise<never> => new Promise(() => {})
const unwanted = (): Promise<never> => assert.fail('was started')
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('sleep ends when its time has come, not before', async () => {
  const timers = new ManualTimers()
  let isOver = false
  void sleep(timers, 50).then(() => (isOver = true))
  await timers.advance(49)
  assert.equal(isOver, false)
  await timers.advance(1)
  assert.equal(isOver, true)
})

test('sleep that ends by itself leaves no listener', async () => {
  const timers = new ManualTimers()
  const { signal } = new AbortController()
  const slept = sleep(timers, 50, signal)
  assert.equal(listeners(signal), 1)
  await timers.advance(50)
  await slept
  assert.equal(listeners(signal), 0)
})

test('an abort ends a sleep at once and leaves neither timer nor listener', async () => {
  const timers = new ManualTimers()
  const controller = new AbortController()
  const slept = assert.rejects(sleep(timers, 50, controller.signal), { message: 'enough' })
  controller.abort(new Error('enough'))
  await slept
  assert.equal(timers.pending, 0)
  assert.equal(listeners(controller.signal), 0)
})

test('sleep under an aborted signal never starts', async () => {
  const timers = new ManualTimers()
  const signal = AbortSignal.abort(new Error('over'))
  await assert.rejects(sleep(timers, 50, signal), { message: 'over' })
  assert.equal(timers.pending, 0)
  assert.equal(listeners(signal), 0)
})

test('withDeadline passes on what the work gives in time', async () => {
  const timers = new ManualTimers()
  const controller = new AbortController()
  const { signal } = controller
  const result = withDeadline(timers, { ms: 100, what: 'answer', signal }, async inner => {
    await sleep(timers, 99, inner)
    return 42
  })
  await timers.advance(99)
  assert.equal(await result, 42)
  assert.equal(timers.pending, 0)
  assert.equal(listeners(signal), 0)
})

const broken = [
  ['rejects', () => Promise.reject(new Error('refused'))],
  [
    'throws at once',
    () => {
      throw new Error('refused')
    },
  ],
] as const satisfies [string, () => Promise<never>][]
for (const [how, work] of broken) {
  test(`withDeadline passes on the failure of work that ${how}`, async () => {
    const timers = new ManualTimers()
    const { signal } = new AbortController()
    const result = withDeadline(timers, { ms: 100, what: 'answer', signal }, work)
    await assert.rejects(result, { message: 'refused' })
    assert.equal(timers.pending, 0)
    assert.equal(listeners(signal), 0)
  })
}

test('withDeadline fails at the deadline though the work ignores its signal', async () => {
  const timers = new ManualTimers()
  const { signal } = new AbortController()
  const result = assert.rejects(
    withDeadline(timers, { ms: 100, what: 'answer', signal }, never),
    TIMEOUT,
  )
  await timers.advance(99)
  assert.equal(listeners(signal), 1)
  await timers.advance(1)
  await result
  assert.equal(listeners(signal), 0)
})

test('withDeadline says TIMEOUT though the work has its own words for the abort', async () => {
  const timers = new ManualTimers()
  const result = assert.rejects(
    withDeadline(
      timers,
      { ms: 100, what: 'answer' },
      signal =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('socket hang up')))
        }),
    ),
    TIMEOUT,
  )
  await timers.advance(100)
  await result
})

test('an abort ends withDeadline with the reason given and reaches the work', async () => {
  const timers = new ManualTimers()
  const controller = new AbortController()
  const options = { ms: 100, what: 'answer', signal: controller.signal }
  let inner: AbortSignal | undefined
  const result = withDeadline(timers, options, signal => {
    inner = signal
    return never()
  })
  const reason = new Error('caller left')
  controller.abort(reason)
  await assert.rejects(result, error => error === reason)
  assert.equal(inner?.reason, reason)
  assert.equal(timers.pending, 0)
  assert.equal(listeners(controller.signal), 0)
})

test('withDeadline under an aborted signal never starts the work', async () => {
  const timers = new ManualTimers()
  const signal = AbortSignal.abort(new Error('over'))
  await assert.rejects(withDeadline(timers, { ms: 100, what: 'answer', signal }, unwanted), {
    message: 'over',
  })
  assert.equal(timers.pending, 0)
  assert.equal(listeners(signal), 0)
})

test('work that fails after its deadline, or after an abort, is not an unhandled rejection', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  try {
    const timers = new ManualTimers()
    const controller = new AbortController()
    const late = Promise.withResolvers<never>()
    const { signal } = controller
    const timedOut = withDeadline(timers, { ms: 100, what: 'answer', signal }, () => late.promise)
    const rejected = assert.rejects(timedOut, TIMEOUT)
    await timers.advance(100)
    await rejected

    const cut = withDeadline(timers, { ms: 100, what: 'answer', signal }, () => late.promise)
    controller.abort(new Error('caller left'))
    await assert.rejects(cut, { message: 'caller left' })

    late.reject(new Error('too late'))
    await settle()
    assert.deepEqual(unhandled, [])
  } finally {
    process.off('unhandledRejection', note)
  }
})

test('a long-lived signal serves a thousand calls without a trace', async () => {
  const timers = new ManualTimers()
  const { signal } = new AbortController()
  const options = { ms: 100, what: 'answer', signal }
  for (let call = 0; call < 1_000; call++) {
    await withDeadline(timers, options, () => Promise.resolve(call))
  }
  assert.equal(listeners(signal), 0)
  assert.equal(timers.pending, 0)
})

test('abortable passes on what the promise comes to', async () => {
  const { signal } = new AbortController()
  assert.equal(await abortable(Promise.resolve(1), signal), 1)
  assert.equal(await abortable(Promise.resolve(1), undefined), 1)
  await assert.rejects(abortable(Promise.reject(new Error('no')), signal), { message: 'no' })
})

test('abortable rejects as soon as the signal aborts, and at once if it has', async () => {
  const controller = new AbortController()
  const waiting = abortable(never(), controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, { message: 'enough' })
  const late = abortable(never(), controller.signal)
  await assert.rejects(late, { message: 'enough' })
})

test('abortable leaves what the promise comes to afterwards unseen', async () => {
  const failing = Promise.withResolvers<never>()
  const waiting = abortable(failing.promise, AbortSignal.abort(new Error('enough')))
  failing.reject(new Error('an echo'))
  await assert.rejects(waiting, { message: 'enough' })
})
