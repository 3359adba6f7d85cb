import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'

import { ArrayBuffers } from '../../../src/node/coder/array-buffers.ts'
import { ChunkReader } from '../../../src/node/coder/chunk-reader.ts'
import { mapInOrder } from '../../../src/node/coder/map-in-order.ts'
import { settle } from '../../support/manual-timers.ts'
import { inChunks } from './support.ts'

const collect = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

const slow = async (turns: number): Promise<number> => {
  for (let turn = 0; turn < turns; turn++) await settle()
  return turns
}

test('mapInOrder keeps the order, whichever is done first', async () => {
  assert.deepEqual(await collect(mapInOrder([5, 0, 3, 1], slow, { windowMax: 3 })), [5, 0, 3, 1])
})

test('mapInOrder has no more on the way than the window', async () => {
  let [onTheWay, most] = [0, 0]
  const count = async (item: number): Promise<number> => {
    most = Math.max(most, ++onTheWay)
    await settle()
    onTheWay--
    return item
  }
  const items = Array.from({ length: 20 }, (_, index) => index)
  assert.deepEqual(await collect(mapInOrder(items, count, { windowMax: 4 })), items)
  assert.equal(most, 4)
})

test('mapInOrder tells the others when one fails, and waits for them', async () => {
  const ends: string[] = []
  const map = async (item: number, signal: AbortSignal): Promise<number> => {
    if (item === 0) throw new Error('the first')
    await once(signal, 'abort')
    ends.push(`told ${item}`)
    throw new Error('an echo')
  }
  await assert.rejects(collect(mapInOrder([0, 1, 2], map, { windowMax: 3 })), {
    message: 'the first',
  })
  assert.deepEqual(ends, ['told 1', 'told 2'])
})

test('ChunkReader cuts to measure and knows the end beforehand', async () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, at) => at)
  const reader = new ChunkReader(inChunks(bytes, [1, 4, 2]), undefined)
  const target = new Uint8Array(6)
  assert.equal(await reader.readInto(target), 6)
  assert.deepEqual([...target], [0, 1, 2, 3, 4, 5])
  assert.equal(await reader.hasMore(), true)
  assert.equal(await reader.readInto(target), 4)
  assert.equal(await reader.hasMore(), false)
  assert.equal(await reader.readInto(target), 0)
})

test('ChunkReader passes over empty chunks', async () => {
  const chunks = (async function* () {
    yield new Uint8Array()
    yield Uint8Array.of(1)
    yield new Uint8Array()
  })()
  const reader = new ChunkReader(chunks, undefined)
  assert.equal(await reader.hasMore(), true)
  assert.equal(await reader.readInto(new Uint8Array(9)), 1)
  assert.equal(await reader.hasMore(), false)
})

test('ArrayBuffers hands out what came back last, and keeps no more than its limit', () => {
  const buffers = new ArrayBuffers()
  const [a, b] = [buffers.take(1 << 20), buffers.take(1 << 20)]
  buffers.give(a)
  buffers.give(b.subarray(0, 5))
  assert.equal(buffers.take(1 << 20).buffer, b.buffer)
  assert.equal(buffers.take(1 << 20).buffer, a.buffer)
  assert.notEqual(buffers.take(1 << 20).buffer, a.buffer)
  const many = Array.from({ length: 70 }, () => new Uint8Array(1 << 20))
  for (const array of many) buffers.give(array)
  const kept = many
    .map(() => buffers.take(1 << 20))
    .filter(({ buffer }) => many.some(it => it.buffer === buffer))
  assert.equal(kept.length, 64)
})
