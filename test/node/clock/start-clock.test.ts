import assert from 'node:assert/strict'
import { test } from 'node:test'

import { nearest } from '../../../src/node/clock/start-clock.ts'

const MEMBERS = ['a', 'b', 'c', 'd', 'e', 'f']

test('a clock asks those who are connected, if they are enough', () => {
  assert.deepEqual(nearest(MEMBERS, ['f', 'x', 'b', 'c', 'a']), ['a', 'b', 'c', 'f'])
  assert.deepEqual(nearest(MEMBERS, ['x', 'a', 'b', 'c']), MEMBERS)
  assert.deepEqual(nearest([], ['a']), [])
})
