import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Disk } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { readSnapshot, snapshotPath } from '../../../src/node/consensus/snapshot-file.ts'
import { SnapshotStore } from '../../../src/node/consensus/snapshot-store.ts'
import type { SimDrive } from '../../sim/sim-drive.ts'
import { World } from '../../sim/world.ts'
import { rejectsWith } from '../../support/expect.ts'

const mark = {
  index: 41,
  term: 6,
  configuration: { voters: ['a/1', 'b/2'], outgoing: [], learners: ['c/3'] },
}
const pieces = [Uint8Array.of(1, 2, 3), new Uint8Array(900).fill(7), Uint8Array.of(9)]
const path = snapshotPath(2, mark)

function withDisk(work: (disk: Disk, drive: SimDrive) => Promise<void>): Promise<void> {
  const world = new World(1)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const peer = world.addPeer('a', { program: ({ disk }) => work(disk, peer.drive) })
  return world.play(() => {
    peer.start(error => (error === undefined ? resolve() : reject(error)))
    return promise
  })
}

test('a snapshot is read as it was written', () =>
  withDisk(async disk => {
    const store = await SnapshotStore.open(disk)
    await store.write(2, mark, pieces)
    assert.deepEqual(await readSnapshot(disk, path), { mark, pieces })
  }))

test('wherever a bit flips, the snapshot is refused', () =>
  withDisk(async (disk, drive) => {
    const store = await SnapshotStore.open(disk)
    await store.write(2, mark, pieces)
    const file = await disk.open(path, 'read')
    const sizeBytes = await file.sizeBytes()
    await file.close()
    for (let position = 0; position < sizeBytes; position++) {
      drive.flipBit(path, position, position % 8)
      const error: unknown = await readSnapshot(disk, path).catch((reason: unknown) => reason)
      assert.ok(['CORRUPT', 'MALFORMED'].includes(codeOf(error) ?? ''), `at ${position}`)
      drive.flipBit(path, position, position % 8)
    }
    assert.equal((await readSnapshot(disk, path)).pieces.length, 3)
  }))

test('the newest snapshot that can be read counts, and older ones go', () =>
  withDisk(async (disk, drive) => {
    const store = await SnapshotStore.open(disk)
    await store.write(2, mark, pieces)
    await store.write(2, { ...mark, index: 50 }, pieces)
    assert.equal((await store.newest(2))?.mark.index, 50)
    drive.flipBit(snapshotPath(2, { index: 50, term: 6 }), 40, 1)
    assert.equal((await store.newest(2))?.mark.index, 41)
    await store.write(2, { ...mark, index: 60 }, pieces)
    await store.removeOlder(2)
    const names = (await disk.list('snapshots')).map(({ name }) => name)
    assert.deepEqual(names, ['2-60-6'])
    assert.equal(await store.newest(3), undefined)
  }))

test('what is unfinished is removed at the start, what is finished is found', () =>
  withDisk(async disk => {
    const first = await SnapshotStore.open(disk)
    await first.write(2, mark, pieces)
    const file = await disk.open('snapshots/2-99-6.new', 'create')
    await file.close()
    const second = await SnapshotStore.open(disk)
    assert.deepEqual(second.newestPath(2)?.path, path)
    assert.equal((await disk.list('snapshots')).length, 1)
  }))

test('a piece that no message could carry is refused, and leaves nothing behind', () =>
  withDisk(async disk => {
    const store = await SnapshotStore.open(disk)
    for (const wrong of [new Uint8Array(0), new Uint8Array(262_145)]) {
      await assert.rejects(store.write(2, mark, [wrong]), RangeError)
    }
    await rejectsWith('FILE_NOT_FOUND', readSnapshot(disk, path))
    assert.equal(await store.newest(2), undefined)
  }))
