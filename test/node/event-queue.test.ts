import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EVENTS_WAITING_MAX, eventsOf } from '../../src/node/event-queue.ts'
import type { NodeEvent } from '../../src/node/views.ts'
import { rejectsWith } from '../support/expect.ts'

function source(): {
  onEvent: (listener: (event: NodeEvent) => void) => () => void
  emit: (...peers: string[]) => void
  count: () => number
} {
  const listeners = new Set<(event: NodeEvent) => void>()
  return {
    onEvent: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    emit: (...peers) => {
      for (const peer of peers) for (const listener of listeners) listener({ type: 'banned', peer })
    },
    count: () => listeners.size,
  }
}

test('events come in order, from the call on, whether somebody waits for them or not', async () => {
  const { onEvent, emit, count } = source()
  const events = eventsOf(onEvent)
  emit('a', 'b')
  const seen: unknown[] = []
  for await (const event of events) {
    seen.push('peer' in event ? event.peer : event.type)
    if (seen.length === 2) queueMicrotask(() => emit('c'))
    if (seen.length === 3) break
  }
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(count(), 0)
})

test('the signal ends it, also while it waits', async () => {
  const { onEvent, count } = source()
  const controller = new AbortController()
  const next = eventsOf(onEvent, controller.signal).next()
  controller.abort()
  assert.deepEqual(await next, { done: true, value: undefined })
  assert.equal(count(), 0)
  const late = await eventsOf(onEvent, AbortSignal.abort()).next()
  assert.equal(late.done, true)
  assert.equal(count(), 0)
})

test('who is too far behind is told so, and is not waited for', async () => {
  const { onEvent, emit, count } = source()
  const events = eventsOf(onEvent)
  emit(...Array.from({ length: EVENTS_WAITING_MAX }, () => 'x'))
  assert.equal(count(), 1)
  emit('one more')
  assert.equal(count(), 0)
  await rejectsWith('BUSY', events.next())
})
