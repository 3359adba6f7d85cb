import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { marginOf, outlookOf, outlookText, statesOf } from '../../console/logic/loss.ts'
import type { MatrixHolder, MatrixSegment } from '../../src/gateway/console/views/fragments.ts'

const holder = (peer: string, state: MatrixHolder['state'] = 'alive'): MatrixHolder => ({
  peer,
  name: peer,
  zone: '',
  seat: 1,
  state,
})

const segment = (cells: readonly number[], repairing: readonly number[] = []): MatrixSegment => ({
  segment: 0,
  fromBytes: 0,
  sizeBytes: 100,
  k: 2,
  m: 1,
  stripes: 1,
  fragmentBytes: 50,
  margin: 0,
  cells,
  verified: cells.map(() => 0),
  repairing,
})

const holders = [holder('a'), holder('b'), holder('c'), holder('d', 'dead'), holder('e', 'suspect')]

describe('what can still be lost', () => {
  test('a fragment is there while its peer is not dead', () =>
    assert.deepEqual(statesOf(segment([0, 3, 4, -1]), holders), [
      'there',
      'dead',
      'unsure',
      'missing',
    ]))

  test('a fragment that is made anew is neither missing nor there', () => {
    const row = segment([0, 3, -1], [1, 2])
    const states = statesOf(row, holders)
    assert.deepEqual(states, ['there', 'repairing', 'repairing'])
    assert.equal(marginOf(row, states), -1)
  })

  test('a peer that is imagined to be gone takes its fragments along', () =>
    assert.deepEqual(statesOf(segment([0, 1, 2]), holders, new Set(['b'])), [
      'there',
      'lost',
      'there',
    ]))

  const outlooks = [
    [[], [[0, 1, 2]], 'The segment can be read, and any 1 more peer may be lost.'],
    [['a'], [[0, 1, 2]], 'not one more fragment may be lost. 1 is short of fragments.'],
    [['a', 'b'], [[0, 1, 2]], '1 of 1 segments cannot be read'],
    [
      [],
      [
        [0, 1, 2],
        [0, 1, 3],
      ],
      'All 2 segments can be read, but not one more',
    ],
    [[], [], 'There are no segments.'],
  ] as const
  for (const [without, rows, says] of outlooks)
    test(`without ${without.join(', ') || 'a loss'}, of ${JSON.stringify(rows)}: ${says}`, () => {
      const segments = rows.map(cells => segment(cells))
      const text = outlookText(outlookOf({ segments, holders }, new Set(without)))
      assert.ok(text.includes(says), text)
    })
})
