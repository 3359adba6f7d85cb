import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { getBucket } from '../../../src/catalog/queries.ts'
import { ask } from '../../../src/catalog/queries.ts'
import { stateHash } from '../../../src/catalog/snapshot.ts'
import { CatalogStore } from '../../../src/node/catalog/catalog-store.ts'
import { LevelKeyValue } from '../../../src/storage/level-key-value.ts'
import { randomCatalog } from '../../catalog/random-catalog.ts'
import { EVERYTHING } from '../../catalog/support.ts'
import { withDirectory } from '../../support/temporary.ts'

const withStore = (body: (open: (name: string) => Promise<CatalogStore>) => Promise<void>) =>
  withDirectory(async directory => {
    const opened: LevelKeyValue[] = []
    try {
      await body(async name => {
        const keyValue = await LevelKeyValue.open(join(directory, name))
        opened.push(keyValue)
        return new CatalogStore(keyValue)
      })
    } finally {
      for (const keyValue of opened) await keyValue.close()
    }
  })

test('a log applied over LevelDB, in turns, leaves the rows that memory has', () =>
  withStore(async open => {
    const host = randomCatalog(21, 700)
    const store = await open('a')
    await store.begin(1, EVERYTHING)
    const entries = host.log.map(({ entry, context }) => ({ bytes: entry, context }))
    const results = await store.apply(entries)
    assert.equal(results.length, entries.length)
    assert.equal(await store.applied(1), entries.length)
    assert.equal(await store.ask(stateHash(1)), host.store.run(stateHash(1)))
  }))

test('a snapshot is of one moment, and restores over whatever was there', () =>
  withStore(async open => {
    const host = randomCatalog(22, 300)
    const entries = host.log.map(({ entry, context }) => ({ bytes: entry, context }))
    const [source, target] = [await open('a'), await open('b')]
    for (const store of [source, target]) await store.begin(1, EVERYTHING)
    await source.apply(entries.slice(0, 200))
    await target.apply(entries.slice(0, 50))
    const hash = await source.ask(stateHash(1))
    await target.erase(1)
    let after: Uint8Array | undefined
    for await (const { bytes } of source.snapshot(1)) {
      await source.apply(entries.slice(200))
      after = await target.restore(1, bytes, after)
    }
    assert.equal(after, undefined)
    assert.equal(await target.ask(stateHash(1)), hash)
    assert.equal(await target.applied(1), 200)
    await target.apply(entries.slice(200))
    assert.equal(await target.ask(stateHash(1)), await source.ask(stateHash(1)))
  }))

test('a question sees nothing of what is written while it is asked', () =>
  withStore(async open => {
    const host = randomCatalog(23, 100)
    const store = await open('a')
    await store.begin(1, EVERYTHING)
    const [first, ...rest] = host.log.map(({ entry, context }) => ({ bytes: entry, context }))
    assert.ok(first !== undefined)
    const applying = store.apply([first, ...rest])
    const question = ask({ group: 1, epoch: 1 }, getBucket('aaa'))
    assert.equal((await store.ask(question)).type, 'refused')
    await applying
    const again = ask({ group: 1, epoch: 1 }, getBucket('bbb'))
    assert.equal((await store.ask(again)).type, 'answer')
  }))
