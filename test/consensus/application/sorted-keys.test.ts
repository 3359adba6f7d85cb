import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { SortedKeys } from '../../../src/consensus/application/sorted-keys.ts'

const key = fc.stringMatching(/^[a-c]{1,4}$/)

test('keys are in order from any place on, in both directions, whatever was added and removed', () => {
  const change = fc.record({ key, isAdded: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 2_000 }), key, (changes, place) => {
      const keys = new SortedKeys()
      const model = new Set<string>()
      for (const { key: each, isAdded } of changes) {
        if (isAdded && !model.has(each)) keys.add(each)
        if (!isAdded) keys.remove(each)
        if (isAdded) model.add(each)
        else model.delete(each)
      }
      const sorted = [...model].toSorted()
      assert.deepEqual(keys.all(), sorted)
      const isBelow = (each: string): boolean => each < place
      const at = sorted.filter(isBelow).length
      assert.deepEqual([...keys.from(isBelow)], sorted.slice(at))
      assert.deepEqual([...keys.downFrom(isBelow)], sorted.slice(0, at).toReversed())
    }),
    { numRuns: 50 },
  )
})

test('many keys are found where they are, loaded or added one by one', () => {
  const many = Array.from({ length: 20_000 }, (_, at) =>
    String((at * 7_919) % 20_000).padStart(5, '0'),
  )
  const added = new SortedKeys()
  for (const each of many) added.add(each)
  const loaded = new SortedKeys()
  loaded.load(many.toSorted())
  for (const keys of [added, loaded]) {
    assert.deepEqual(keys.all(), many.toSorted())
    assert.equal(keys.from(each => each < '12345').next().value, '12345')
    assert.equal(keys.downFrom(each => each < '12345').next().value, '12344')
  }
})
