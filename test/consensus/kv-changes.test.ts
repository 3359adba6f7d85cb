import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KV_CHANGES_MAX, KvChanges } from '../../src/consensus/kv-changes.ts'

const change = (revision: number) => ({ key: `k${revision}`, value: new Uint8Array(200), revision })

test('the latest changes are known however many there were', () => {
  const changes = new KvChanges()
  for (let revision = 1; revision <= 5 * KV_CHANGES_MAX; revision++) {
    changes.push(change(revision))
    assert.equal(changes.size, Math.min(revision, KV_CHANGES_MAX))
    assert.equal(changes.oldest, Math.max(0, revision - KV_CHANGES_MAX))
  }
  const last = 5 * KV_CHANGES_MAX
  assert.deepEqual(
    [...changes.above(last - 2)].map(({ revision }) => revision),
    [last - 1, last],
  )
  assert.equal(changes.all().length, KV_CHANGES_MAX)
  assert.equal(changes.all()[0]?.revision, last - KV_CHANGES_MAX + 1)
})

test('large changes are forgotten sooner', () => {
  const changes = new KvChanges()
  for (let revision = 1; revision <= 100; revision++)
    changes.push({ ...change(revision), value: new Uint8Array(60_000) })
  assert.ok(changes.size < 20 && changes.size > 10)
  assert.equal(changes.oldest, 100 - changes.size)
})
