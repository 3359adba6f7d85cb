import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { SEGMENT_BYTES } from '../../src/erasure/layout.ts'
import {
  sealedBytes,
  sealedRanges,
  segmentSizes,
  TAG_BYTES,
  UNIT_BYTES,
  UNIT_PLAIN_BYTES,
  unitCount,
} from '../../src/erasure/sealing.ts'

const SEGMENT_PLAIN_BYTES = 256 * UNIT_PLAIN_BYTES

for (const [plain, units, sealed] of [
  [0, 0, 0],
  [1, 1, 17],
  [UNIT_PLAIN_BYTES, 1, UNIT_BYTES],
  [UNIT_PLAIN_BYTES + 1, 2, UNIT_BYTES + 17],
  [SEGMENT_PLAIN_BYTES, 256, SEGMENT_BYTES],
  [5 * 2 ** 40, 83_906_566, 5 * 2 ** 40 + 83_906_566 * 16],
] as const)
  test(`${plain} bytes are ${units} units of ${sealed} bytes`, () => {
    assert.equal(unitCount(plain), units)
    assert.equal(sealedBytes(plain), sealed)
  })

test('segments are full but for the last', () => {
  assert.deepEqual(segmentSizes(0), [])
  assert.deepEqual(segmentSizes(1), [17])
  assert.deepEqual(segmentSizes(SEGMENT_PLAIN_BYTES), [SEGMENT_BYTES])
  assert.deepEqual(segmentSizes(2 * SEGMENT_PLAIN_BYTES + 1), [SEGMENT_BYTES, SEGMENT_BYTES, 17])
})

test('a range is covered by whole units, and by no more than needed', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 * SEGMENT_PLAIN_BYTES }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (plain, a, b) => {
        const from = Math.floor(Math.min(a, b) * plain)
        const to = Math.ceil(Math.max(a, b) * plain)
        const ranges = sealedRanges({ plainBytes: plain }, from, to)
        const sizes = segmentSizes(plain)
        for (const range of ranges) {
          assert.equal(range.from % UNIT_BYTES, 0)
          assert.ok(range.from < range.to && range.to <= (sizes[range.segment] ?? 0))
          assert.ok(range.to % UNIT_BYTES === 0 || range.to === sizes[range.segment])
        }
        if (from === to) return assert.deepEqual(ranges, [])
        const covered = ranges.reduce((sum, range) => sum + range.to - range.from, 0)
        const units = Math.ceil(covered / UNIT_BYTES)
        const first = Math.floor(from / UNIT_PLAIN_BYTES)
        assert.equal(units, Math.ceil(to / UNIT_PLAIN_BYTES) - first)
        assert.equal((ranges[0]?.segment ?? 0) * 256 + (ranges[0]?.from ?? 0) / UNIT_BYTES, first)
        assert.ok(covered - units * TAG_BYTES >= to - from)
      },
    ),
  ))

test('a range over a border of segments is read from both', () =>
  assert.deepEqual(
    sealedRanges(
      { plainBytes: SEGMENT_PLAIN_BYTES + 10 },
      SEGMENT_PLAIN_BYTES - 1,
      SEGMENT_PLAIN_BYTES + 1,
    ),
    [
      { segment: 0, from: SEGMENT_BYTES - UNIT_BYTES, to: SEGMENT_BYTES },
      { segment: 1, from: 0, to: 10 + TAG_BYTES },
    ],
  ))

test('without encryption units hold 64 KiB of the object itself', () => {
  assert.equal(unitCount(UNIT_BYTES, 0), 1)
  assert.deepEqual(segmentSizes(SEGMENT_BYTES + 5, 0), [SEGMENT_BYTES, 5])
  assert.deepEqual(sealedRanges({ plainBytes: 200_000, tagBytes: 0 }, UNIT_BYTES, UNIT_BYTES + 1), [
    { segment: 0, from: UNIT_BYTES, to: 2 * UNIT_BYTES },
  ])
})

test('ranges outside the object are misuse', () => {
  for (const [from, to] of [
    [-1, 1],
    [0, 11],
    [6, 5],
    [NaN, 5],
  ] as const)
    assert.throws(() => sealedRanges({ plainBytes: 10 }, from, to), RangeError)
  assert.throws(() => unitCount(-1), RangeError)
  assert.throws(() => sealedBytes(1.5), RangeError)
})
