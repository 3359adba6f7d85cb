import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Disk } from '../../../src/base/environment.ts'
import { HoldfastError } from '../../../src/base/errors.ts'
import { MARK_AHEAD_MS, MAX_OFFSET_MS } from '../../../src/clock/hlc.ts'
import { MARK_FILE, MarkStore } from '../../../src/node/clock/mark-store.ts'
import { Stamper } from '../../../src/node/clock/stamper.ts'
import { openDisk } from '../../../src/storage/disk.ts'
import { rejectsWith } from '../../support/expect.ts'
import { withDirectory } from '../../support/temporary.ts'

const NOW_MS = 1_767_225_600_000

/** Runs `body` with a store in a directory of its own. */
const withStore = (body: (store: MarkStore, path: string) => Promise<void>): Promise<void> =>
  withDirectory(path => body(new MarkStore(openDisk(path)), path))

const openStamper = (store: MarkStore): Promise<Stamper> =>
  Stamper.open({ store, maxOffsetMs: MAX_OFFSET_MS })

test('a mark is read back, and there is none at first', () =>
  withStore(async store => {
    assert.equal(await store.read(), undefined)
    await store.write(NOW_MS)
    assert.equal(await store.read(), NOW_MS)
  }))

test('a mark that has rotted is not believed', () =>
  withStore(async (store, path) => {
    await store.write(NOW_MS)
    for (const bytes of ['', 'HFCLOCK1', 'HFCLOCK1 something else ']) {
      writeFileSync(join(path, MARK_FILE), bytes)
      await rejectsWith('CORRUPT', store.read())
    }
  }))

test('timestamps begin once a mark is durable', () =>
  withStore(async store => {
    const stamper = await openStamper(store)
    assert.equal(stamper.waitMs(NOW_MS), 0)
    assert.equal(stamper.tick(NOW_MS), undefined)
    const advanced = stamper.advance(NOW_MS)
    assert.equal(stamper.tick(NOW_MS), undefined)
    await advanced
    assert.deepEqual(stamper.tick(NOW_MS), { ms: NOW_MS, count: 0 })
    assert.equal(await store.read(), NOW_MS + MARK_AHEAD_MS)
  }))

test('after a restart time must first pass the mark', () =>
  withStore(async store => {
    await store.write(NOW_MS + 700)
    const stamper = await openStamper(store)
    assert.equal(stamper.waitMs(NOW_MS), 701)
    assert.equal(stamper.waitMs(NOW_MS + 701), 0)
  }))

test('where the mark is lost, the furthest it can have been is waited for', () =>
  withStore(async (store, path) => {
    writeFileSync(join(path, MARK_FILE), 'rot')
    const stamper = await openStamper(store)
    assert.equal(stamper.waitMs(NOW_MS), MAX_OFFSET_MS + MARK_AHEAD_MS + 1)
    assert.equal(stamper.waitMs(NOW_MS + MAX_OFFSET_MS + MARK_AHEAD_MS + 1), 0)
  }))

test('a mark that cannot be written is reported to who needs it, and tried again', async () => {
  let fails = true
  const disk = {
    open: () => Promise.reject(failure('FILE_NOT_FOUND')),
    replace: () => (fails ? Promise.reject(failure('FILE_EXISTS')) : Promise.resolve()),
  } as unknown as Disk
  const stamper = await openStamper(new MarkStore(disk))
  assert.equal(stamper.tick(NOW_MS), undefined)
  await rejectsWith('FILE_EXISTS', stamper.advance(NOW_MS))
  fails = false
  await stamper.advance(NOW_MS)
  assert.ok(stamper.tick(NOW_MS) !== undefined)
})

const failure = (code: 'FILE_NOT_FOUND' | 'FILE_EXISTS'): HoldfastError =>
  new HoldfastError('no', { code, path: MARK_FILE })
