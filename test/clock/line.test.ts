import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fitLine, valueAt } from '../../src/clock/line.ts'

test('a line through points on a line is that line', () => {
  const points = [0, 1, 5, 9].map(x => ({ x, y: 3 + 2 * x, weight: x + 1, error: 0 }))
  const line = fitLine(points)
  assert.ok(Math.abs(line.slope - 2) < 1e-9)
  assert.ok(Math.abs(valueAt(line, 100) - 203) < 1e-9)
  assert.equal(line.slopeError, 0)
})

test('heavier points count more', () => {
  const line = fitLine([
    { x: 0, y: 0, weight: 1, error: 0 },
    { x: 0, y: 4, weight: 3, error: 0 },
  ])
  assert.equal(valueAt(line, 0), 3)
})

test('one point has no slope, and says that it could be anything', () => {
  const line = fitLine([{ x: 7, y: 3, weight: 1, error: 1 }])
  assert.deepEqual([line.slope, line.slopeError, valueAt(line, 9)], [0, Infinity, 3])
})

test('errors within their bounds never make the slope worse than it says', () => {
  const point = fc.record({
    x: fc.integer({ min: 0, max: 1_000 }),
    weight: fc.float({ min: Math.fround(0.1), max: 10, noNaN: true }),
    error: fc.float({ min: 0, max: 5, noNaN: true }),
    share: fc.float({ min: -1, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(point, { minLength: 2, maxLength: 20 }), points => {
      const measured = points.map(({ share, error, ...rest }) => ({
        ...rest,
        error,
        y: 0.5 * rest.x + share * error,
      }))
      const { slope, slopeError } = fitLine(measured)
      assert.ok(slopeError === Infinity || Math.abs(slope - 0.5) <= slopeError + 1e-9)
    }),
  )
})
