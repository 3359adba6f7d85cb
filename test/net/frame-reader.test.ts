import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { concat } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { FrameReader } from '../../src/net/frame-reader.ts'

const LIMIT = 1_000

const framed = (body: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(4 + body.length)
  new DataView(frame.buffer).setUint32(0, body.length, true)
  frame.set(body, 4)
  return frame
}

/** The bytes in pieces of these sizes, over and over. */
function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number
    yield bytes.subarray(at, at + size)
    at += size
  }
}

test('frames come out whole and in order, however they were cut', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: LIMIT }), { maxLength: 8 })
  const sizes = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(bodies, sizes, (sent, pieces) => {
      const seen: number[][] = []
      const reader = new FrameReader(LIMIT, frame => seen.push([...frame]))
      for (const piece of cut(concat(sent.map(framed)), pieces)) reader.push(piece)
      assert.deepEqual(
        seen,
        sent.map(body => [...body]),
      )
    }),
  )
})

const lengths = [LIMIT + 1, 2 ** 31, 2 ** 32 - 1]
for (const length of lengths) {
  test(`a frame that announces ${length} bytes is refused before any of them came`, () => {
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, length, true)
    for (const size of [1, 2, 3, 4]) {
      const reader = new FrameReader(LIMIT, () => assert.fail('no frame'))
      assert.throws(
        () => {
          for (const piece of cut(header, [size])) reader.push(piece)
        },
        error => codeOf(error) === 'TOO_LARGE',
      )
    }
  })
}

test('a frame that trickles in byte by byte takes time that grows with its size only', () => {
  let frames = 0
  const size = 200_000
  const reader = new FrameReader(size, () => frames++)
  const startMs = performance.now()
  for (const byte of cut(framed(new Uint8Array(size)), [1])) reader.push(byte)
  assert.equal(frames, 1)
  assert.ok(performance.now() - startMs < 2_000)
})
