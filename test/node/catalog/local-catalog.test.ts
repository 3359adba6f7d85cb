import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createBucket, putInline } from '../../catalog/support.ts'
import { rejectsWith } from '../../support/expect.ts'
import { LocalCatalog } from '../../support/local-catalog.ts'
import { MemoryKeyValue } from '../../support/memory-key-value.ts'

const place = { bucket: 'aaa', key: 'a/b' }
const whole = { bucket: 'aaa', prefix: '', delimiter: '', after: new Uint8Array(0), limit: 10 }

test('a catalog without a log does what is asked, and refuses by the same errors', async () => {
  let wallMs = 1_000
  const keyValue = new MemoryKeyValue()
  const catalog = await LocalCatalog.open({ keyValue, wallMs: () => wallMs })
  await rejectsWith('NO_SUCH_BUCKET', catalog.propose(putInline(place, 'x')))
  await catalog.propose(createBucket('aaa'))
  await rejectsWith('BUCKET_EXISTS', catalog.propose(createBucket('aaa')))
  await rejectsWith('INVALID_COMMAND', catalog.propose(createBucket('A')))
  const first = await catalog.propose(putInline(place, 'x'))
  const second = await catalog.propose(putInline({ ...place, key: 'a/c' }, 'y'))
  assert.ok(first.type === 'version' && second.type === 'version')
  assert.deepEqual([first.ms, second.ms], [1_000, 1_000])
  const list = await catalog.listObjects({ ...whole, delimiter: '/' })
  assert.deepEqual(list.prefixes, ['a/'])
  assert.equal((await catalog.usage('aaa')).objects, 2)
  wallMs = 2_000
  const again = await LocalCatalog.open({ keyValue, wallMs: () => wallMs })
  assert.equal((await again.ask('object', { ...place, version: undefined })).id, 'null')
})

test('who no longer leads is told, and may do nothing to the group', async () => {
  const catalog = await LocalCatalog.open({ wallMs: () => 1 })
  const told: (readonly number[])[] = []
  catalog.onLed(() => told.push(catalog.led()))
  assert.deepEqual(await catalog.askOf(1, 'hasReleased', {}), false)
  catalog.isLed = false
  await rejectsWith('NOT_LEADER', catalog.askOf(1, 'hasReleased', {}))
  await rejectsWith('NOT_LEADER', catalog.proposeTo(1, { type: 'collect', rows: 1 }))
  catalog.isLed = true
  assert.deepEqual(told, [[], [1]])
})
