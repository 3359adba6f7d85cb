import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Lru } from '../../src/erasure/lru.ts'

test('a value is made once while it is kept', () => {
  const cache = new Lru<string, object>(2)
  const made = cache.get('a', () => ({}))
  assert.equal(
    cache.get('a', () => ({})),
    made,
  )
})

test('a full cache drops what was used least recently', () => {
  const cache = new Lru<string, number>(2)
  let made = 0
  const get = (key: string): number => cache.get(key, () => ++made)
  assert.deepEqual(['a', 'b', 'a', 'c', 'a', 'b'].map(get), [1, 2, 1, 3, 1, 4])
  assert.equal(cache.size, 2)
})
