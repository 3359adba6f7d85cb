import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import type { KeyRange, KeyValue } from '../../src/storage/key-value.ts'
import { rejectsWith } from '../support/expect.ts'

/** A store, and how to open the same one again. */
export interface KeyValueUnderTest {
  readonly keyValue: KeyValue
  readonly reopen: () => Promise<KeyValue>
}

type Run = (body: (given: KeyValueUnderTest) => Promise<void>) => Promise<void>

const put = (key: string, value: string) => ({ key: fromUtf8(key), value: fromUtf8(value) })
const del = (key: string) => ({ key: fromUtf8(key), value: undefined })
const whole: KeyRange = { after: new Uint8Array(0), before: Uint8Array.of(255), limit: 100 }

const textOf = async (keyValue: KeyValue, key: string): Promise<string | undefined> => {
  const value = await keyValue.get(fromUtf8(key))
  return value && toUtf8(value)
}

const keysIn = async (keyValue: KeyValue, range = whole): Promise<string[]> =>
  (await keyValue.page(range)).map(({ key }) => toUtf8(key))

/** What every `KeyValue` must do. */
export function acceptKeyValue(name: string, run: Run): void {
  test(`${name} key-value store returns what was put, and nothing for other keys`, () =>
    run(async ({ keyValue }) => {
      await keyValue.batch([put('a', '1'), put('b', '')], { sync: true })
      assert.equal(await textOf(keyValue, 'a'), '1')
      assert.equal(await textOf(keyValue, 'b'), '')
      assert.equal(await textOf(keyValue, 'c'), undefined)
      assert.deepEqual([...((await keyValue.getLarge(fromUtf8('a'))) ?? [])], [...fromUtf8('1')])
      assert.equal(await keyValue.getLarge(fromUtf8('c')), undefined)
    }))

  test(`${name} key-value store applies the changes of a batch in their order`, () =>
    run(async ({ keyValue }) => {
      await keyValue.batch([put('a', '1'), del('a'), put('b', '1'), put('b', '2')], { sync: false })
      assert.equal(await textOf(keyValue, 'a'), undefined)
      assert.equal(await textOf(keyValue, 'b'), '2')
      await keyValue.batch([del('b'), del('never there')], { sync: false })
      assert.deepEqual(await keysIn(keyValue), [])
    }))

  test(`${name} key-value store orders keys by their bytes, a prefix first`, () =>
    run(async ({ keyValue }) => {
      const keys = [[1], [1, 0], [1, 200], [2], [127, 255], [128], [254, 1]]
      const changes = keys.map(key => ({ key: Uint8Array.from(key), value: new Uint8Array(1) }))
      await keyValue.batch(changes.toReversed(), { sync: false })
      const page = await keyValue.page(whole)
      assert.deepEqual(
        page.map(({ key }) => [...key]),
        keys,
      )
    }))

  test(`${name} key-value store leaves both ends of a range out, and keeps to the limit`, () =>
    run(async ({ keyValue }) => {
      await keyValue.batch(
        ['a', 'b', 'c', 'd', 'e'].map(key => put(key, key)),
        { sync: false },
      )
      const range = { after: fromUtf8('a'), before: fromUtf8('e'), limit: 100 }
      assert.deepEqual(await keysIn(keyValue, range), ['b', 'c', 'd'])
      assert.deepEqual(await keysIn(keyValue, { ...range, limit: 2 }), ['b', 'c'])
    }))

  test(`${name} key-value store returns arrays that are the caller's own`, () =>
    run(async ({ keyValue }) => {
      const value = fromUtf8('kept').slice()
      await keyValue.batch([{ key: fromUtf8('a'), value }], { sync: true })
      value.fill(0)
      ;(await keyValue.get(fromUtf8('a')))?.fill(0)
      assert.equal(await textOf(keyValue, 'a'), 'kept')
    }))

  test(`${name} key-value store shows a view what was there when it was taken`, () =>
    run(async ({ keyValue }) => {
      await keyValue.batch([put('a', '1'), put('b', '1')], { sync: false })
      const view = keyValue.view()
      await keyValue.batch([put('a', '2'), del('b'), put('c', '2')], { sync: false })
      assert.equal(toUtf8((await view.get(fromUtf8('a'))) ?? new Uint8Array(0)), '1')
      assert.equal(await view.get(fromUtf8('c')), undefined)
      assert.deepEqual(
        (await view.page(whole)).map(({ key }) => toUtf8(key)),
        ['a', 'b'],
      )
      await view.close()
      assert.deepEqual(await keysIn(keyValue), ['a', 'c'])
    }))

  test(`${name} key-value store has everything when it is opened again`, () =>
    run(async ({ keyValue, reopen }) => {
      await keyValue.batch([put('a', '1')], { sync: true })
      await keyValue.batch([put('b', '2')], { sync: false })
      await keyValue.close()
      const again = await reopen()
      assert.deepEqual(await keysIn(again), ['a', 'b'])
    }))

  test(`${name} key-value store answers CLOSED after close`, () =>
    run(async ({ keyValue }) => {
      const view = keyValue.view()
      await keyValue.close()
      await rejectsWith('CLOSED', view.get(fromUtf8('a')))
      await rejectsWith('CLOSED', view.page(whole))
      await rejectsWith('CLOSED', keyValue.get(fromUtf8('a')))
      await rejectsWith('CLOSED', keyValue.getLarge(fromUtf8('a')))
      await rejectsWith('CLOSED', keyValue.page(whole))
      await rejectsWith('CLOSED', keyValue.batch([put('a', '1')], { sync: true }))
    }))
}
