import assert from 'node:assert/strict'
import { test } from 'node:test'

import { EventLog, EVENTS_KEPT_MAX } from '../../src/gateway/event-log.ts'
import type { NodeEvent } from '../../src/node/views.ts'
import { type Scene, withGateway } from '../support/gateway-scene.ts'

/** Something that tells of events, as a node does. */
function source(): {
  node: ConstructorParameters<typeof EventLog>[0]
  emit: (peer: string) => void
} {
  const listeners = new Set<(event: NodeEvent) => void>()
  const onEvent = (listener: (event: NodeEvent) => void): (() => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  const emit = (peer: string): void => listeners.forEach(tell => tell({ type: 'banned', peer }))
  return { node: { onEvent }, emit }
}

const peersOf = (events: readonly { event: NodeEvent }[] | undefined): unknown[] =>
  (events ?? []).map(({ event }) => (event.type === 'banned' ? event.peer : event.type))

test('a log remembers the last events, and what came after one of them', () => {
  const { node, emit } = source()
  const log = new EventLog(node)
  for (const peer of ['a', 'b', 'c']) emit(peer)
  assert.deepEqual(peersOf(log.newest(2)), ['b', 'c'])
  assert.deepEqual(log.newest(0), [])
  const [first, , third] = log.newest(3)
  assert.deepEqual(peersOf(log.after(first?.id ?? '')), ['b', 'c'])
  assert.deepEqual(log.after(third?.id ?? ''), [])
})

test('a log says when it no longer knows what came after an event', () => {
  const { node, emit } = source()
  const log = new EventLog(node)
  emit('first')
  const id = log.newest(1)[0]?.id ?? ''
  for (let count = 0; count < EVENTS_KEPT_MAX; count++) emit('more')
  assert.equal(log.after(id)?.length, EVENTS_KEPT_MAX)
  emit('one too many')
  assert.equal(log.after(id), undefined)
  for (const foreign of ['', 'x', '0-1', `${id.split('-')[0]}-9999999`, `${id.split('-')[0]}-x`])
    assert.equal(log.after(foreign), undefined, foreign)
})

test('a log tells no more than so many listeners, and none when it is closed', () => {
  const { node, emit } = source()
  const log = new EventLog(node)
  let heard = 0
  const stops = Array.from({ length: 64 }, () => log.listen(() => void heard++))
  assert.equal(
    log.listen(() => undefined),
    undefined,
  )
  emit('x')
  assert.equal(heard, 64)
  stops[0]?.()
  assert.notEqual(
    log.listen(() => undefined),
    undefined,
  )
  log.close()
  emit('y')
  assert.equal(heard, 64)
})

/** Reads server-sent events until there are so many that match. */
async function listen(
  { gateway, bearer }: Scene,
  { query = '', last }: { readonly query?: string; readonly last?: string },
  count: number,
): Promise<string[]> {
  const headers = { ...bearer, ...(last !== undefined && { 'last-event-id': last }) }
  const controller = new AbortController()
  const response = await fetch(`${gateway.url}/api/v1/events${query}`, {
    headers,
    signal: controller.signal,
  })
  const found: string[] = []
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    found.push(...blocks.filter(block => /^(id|event):/m.test(block)))
    if (found.length >= count) break
  }
  controller.abort()
  return found
}

/** Resolves when somebody listens: answers come in order of their requests at the latest then. */
async function listening({ ask, bearer }: Scene): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await ask('/api/v1/status', { headers: bearer })
}

test('events are told as they happen, and again from where a client left off', () =>
  withGateway(async scene => {
    const live = listen(scene, {}, 1)
    await listening(scene)
    await scene.node.stop()
    const [first = ''] = await live
    assert.match(first, /^id: \w+-\d+\ndata: \{.*"type":"\w+".*\}$/)
    const [, id = '', number] = /^id: (\w+-(\d+))$/m.exec(first) ?? []
    const [second = ''] = await listen(scene, { last: id }, 1)
    assert.match(second, new RegExp(`^id: \\w+-${Number(number) + 1}\n`))
    const [reset = ''] = await listen(scene, { last: 'x-1' }, 1)
    assert.match(reset, /^event: reset$/m)
    const all = await listen(scene, { query: '?recent=1000&follow=false' }, Infinity)
    assert.match(all.at(-1) ?? '', /"stopped"/)
  }))
