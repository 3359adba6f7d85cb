import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HoldfastError } from '../../../src/base/errors.ts'
import { KeyRing, type KeyRingOptions } from '../../../src/gateway/keys/key-ring.ts'
import {
  ALL_RIGHTS,
  mayDo,
  mayEnter,
  type Right,
  rightsIn,
} from '../../../src/gateway/keys/rights.ts'
import { failsWith, rejectsWith } from '../../support/expect.ts'
import { memoryKv } from '../../support/memory-kv.ts'

const wrapping = new Uint8Array(32).fill(1)

function scene() {
  const kv = memoryKv()
  const state = { nowMs: 1_000, asked: 0, isCut: false }
  const counted: KeyRingOptions['kv'] = {
    ...kv,
    get: async (key, options) => {
      state.asked++
      if (state.isCut)
        throw new HoldfastError('cut', {
          code: 'NO_QUORUM',
          group: 0,
          afterMs: options?.deadlineMs ?? 0,
        })
      return kv.get(key)
    },
  }
  const ring = (key = wrapping): KeyRing =>
    new KeyRing({ kv: counted, wrapping: () => key, nowMs: () => state.nowMs })
  return { kv, state, ring }
}

test('a key that is made can be found by every gateway, with its rights', async () => {
  const { ring } = scene()
  const key = await ring().create({ name: 'one', rights: ALL_RIGHTS })
  assert.match(key.id, /^HF[A-Z2-7]{18}$/)
  assert.equal(key.secret.length, 40)
  assert.deepEqual(await ring().find(key.id), key)
})

test('no secret stands in the map, and without the network key none can be read', async () => {
  const { ring, kv } = scene()
  const key = await ring().create({ rights: ALL_RIGHTS })
  const [stored] = [...kv.entries.values()]
  assert.ok(!Buffer.from(stored ?? []).includes(key.secret))
  await rejectsWith('KEY_WRONG', ring(new Uint8Array(32).fill(2)).find(key.id))
})

test('a record under another name cannot be opened: secrets are bound to their ids', async () => {
  const { ring, kv } = scene()
  const [a, b] = [await ring().create({ rights: [] }), await ring().create({ rights: ALL_RIGHTS })]
  const text = Buffer.from(kv.entries.get(`keys/${a.id}`) ?? []).toString()
  const swapped = text.replace(a.id, b.id)
  kv.entries.set(`keys/${b.id}`, Buffer.from(swapped))
  await rejectsWith('KEY_WRONG', ring().find(b.id))
})

test('a damaged record is said to be damaged', async () => {
  const { ring, kv } = scene()
  for (const text of ['', '{', '[]', '{"version":1}', '{"version":2,"id":"HFX"}']) {
    kv.entries.set('keys/HFX', Buffer.from(text))
    await rejectsWith('MALFORMED', ring().find('HFX'))
  }
})

test('a list shows everything but secrets', async () => {
  const { ring } = scene()
  const key = await ring().create({ name: 'one', rights: ALL_RIGHTS })
  const [shown, ...more] = await ring().list()
  assert.deepEqual(more, [])
  assert.deepEqual(shown, { id: key.id, name: 'one', createdMs: 1_000, rights: ALL_RIGHTS })
})

test('a rotation makes a second key with the same rights, and both are good', async () => {
  const { ring } = scene()
  const old = await ring().create({ name: 'one', rights: ALL_RIGHTS })
  const next = await ring().rotate(old.id)
  assert.notEqual(next.id, old.id)
  assert.deepEqual([next.name, next.rights], [old.name, old.rights])
  assert.ok(await ring().find(old.id))
  assert.ok(await ring().find(next.id))
})

test('a revoked key is unknown here at once, and elsewhere within five seconds', async () => {
  const { ring, state } = scene()
  const [here, there] = [ring(), ring()]
  const key = await here.create({ rights: ALL_RIGHTS })
  assert.ok(await there.find(key.id))
  await here.revoke(key.id)
  assert.equal(await here.find(key.id), undefined)
  state.nowMs += 5_000
  assert.equal(await there.find(key.id), undefined)
})

test('who is not there cannot be rotated or revoked', async () => {
  const { ring } = scene()
  await rejectsWith('NO_SUCH_ACCESS_KEY', ring().rotate('HFNONE'))
  await rejectsWith('NO_SUCH_ACCESS_KEY', ring().revoke('HFNONE'))
})

test('a key that is known costs no question for five seconds, however many ask', async () => {
  const { ring, state } = scene()
  const key = await ring().create({ rights: ALL_RIGHTS })
  const other = ring()
  await Promise.all([1, 2, 3].map(() => other.find(key.id)))
  for (let ms = 0; ms < 4_900; ms += 100) {
    state.nowMs += 100
    await other.find(key.id)
  }
  assert.equal(state.asked, 1)
})

test('a name that cannot be a key is not asked for, and one that is none is remembered as such', async () => {
  const { ring, state } = scene()
  const one = ring()
  for (const id of ['', 'a', '../x', 'a/b', 'x'.repeat(200), 'a b'])
    assert.equal(await one.find(id), undefined)
  assert.equal(state.asked, 0)
  for (const _ of [1, 2, 3]) assert.equal(await one.find('HFNONE'), undefined)
  assert.equal(state.asked, 1)
})

test('without a majority known keys are good for a quarter of an hour, unknown ones are not', async () => {
  const { ring, state } = scene()
  const key = await ring().create({ rights: ALL_RIGHTS })
  const other = ring()
  await other.find(key.id)
  state.isCut = true
  state.nowMs += 899_000
  assert.ok(await other.find(key.id))
  await rejectsWith('NO_QUORUM', other.find('HFELSE'))
  state.nowMs += 2_000
  await rejectsWith('NO_QUORUM', other.find(key.id))
})

test('names and rights that cannot be are refused', async () => {
  const { ring } = scene()
  await rejectsWith('CONFIG_INVALID', ring().create({ name: 'a\nb', rights: [] }))
  await rejectsWith('CONFIG_INVALID', ring().create({ name: 'a'.repeat(129), rights: [] }))
  for (const rights of [
    undefined,
    {},
    [1],
    [{}],
    [{ bucket: '', allows: ['read'] }],
    [{ bucket: 'a', allows: [] }],
    [{ bucket: 'a', allows: ['fly'] }],
    [{ bucket: 'a', allows: ['read'], prefix: 1 }],
    [{ bucket: 'a', allows: ['read'], extra: 1 }],
    Array.from({ length: 65 }, () => ({ bucket: 'a', allows: ['read'] })),
  ])
    failsWith('CONFIG_INVALID', () => rightsIn(rights))
})

const reader: readonly Right[] = [{ bucket: 'films', prefix: 'old/', allows: ['read', 'list'] }]
const owner: readonly Right[] = [{ bucket: 'films', prefix: '', allows: ['admin'] }]

const deeds = [
  ['read below the prefix', reader, 'read', 'films', 'old/a', true],
  ['not beside it', reader, 'read', 'films', 'new/a', false],
  ['not in another bucket', reader, 'read', 'other', 'old/a', false],
  ['not write', reader, 'write', 'films', 'old/a', false],
  ['list below the prefix', reader, 'list', 'films', 'old/b', true],
  ['not list everything', reader, 'list', 'films', '', false],
  ['know that the bucket is there', reader, 'list', 'films', undefined, true],
  ['not change the bucket', reader, 'admin', 'films', undefined, false],
  ['do everything in their bucket', owner, 'write', 'films', 'a', true],
  ['change their bucket', owner, 'admin', 'films', undefined, true],
  ['not change others', owner, 'admin', 'other', undefined, false],
  ['do anything anywhere', ALL_RIGHTS, 'admin', 'other', undefined, true],
] as const

for (const [name, rights, ability, bucket, key, may] of deeds)
  test(`${rights === reader ? 'readers of a prefix' : rights === owner ? 'owners of a bucket' : 'administrators'} may ${name}`, () => {
    assert.equal(mayDo(rights, { ability, bucket, key }), may)
  })

test('who has any right in a bucket may see that it is there', () => {
  assert.ok(mayEnter(reader, 'films'))
  assert.ok(!mayEnter(reader, 'other'))
  assert.ok(mayEnter(ALL_RIGHTS, 'other'))
})
