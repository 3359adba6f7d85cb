import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { SNAPSHOT_PIECE_BYTES_MAX } from '../../../src/consensus/state-machine.ts'
import { type Frame, FrameReader, piecesOfFrames } from '../../../src/node/catalog/state-frames.ts'
import { failsWith } from '../../support/expect.ts'

async function* given(frames: readonly Frame[]): AsyncGenerator<Frame> {
  yield* frames
}

async function piecesOf(frames: readonly Frame[]): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of piecesOfFrames(given(frames))) pieces.push(piece)
  return pieces
}

const sizes = fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 200_000, max: 600_000 })), {
  maxLength: 8,
})

test('frames of any size come out of the pieces as they went in', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async lengths => {
      const frames = lengths.map((length, at) => ({
        kind: at % 3,
        bytes: new Uint8Array(length).fill(at + 1),
      }))
      const pieces = await piecesOf(frames)
      assert.ok(pieces.every(({ length }) => length > 0 && length <= SNAPSHOT_PIECE_BYTES_MAX))
      const reader = new FrameReader()
      const found = pieces.flatMap(piece => reader.take(piece))
      reader.end()
      assert.deepEqual(
        found.map(({ kind, bytes }) => [kind, bytes.length, bytes[0], bytes.at(-1)]),
        frames.map(({ kind, bytes }) => [kind, bytes.length, bytes[0], bytes.at(-1)]),
      )
    }),
    { numRuns: 30 },
  )
})

test('a frame that is cut short, or larger than any, is refused', async () => {
  const [piece = new Uint8Array(0)] = await piecesOf([{ kind: 1, bytes: new Uint8Array(100) }])
  const reader = new FrameReader()
  assert.deepEqual(reader.take(piece.subarray(0, 50)), [])
  failsWith('MALFORMED', () => reader.end())
  failsWith('MALFORMED', () => new FrameReader().take(Uint8Array.of(1, 255, 255, 255, 255)))
})
