import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import type { Disk } from '../../src/base/environment.ts'
import { rejectsWith } from '../support/expect.ts'

/** Runs a body with an empty disk of the kind under test. */
export type WithDisk = (body: (disk: Disk) => Promise<void>) => Promise<void>

/** What every `Disk` does, real or simulated. */
export function acceptDisk(world: string, withDisk: WithDisk): void {
  const accept = (sentence: string, body: (disk: Disk) => Promise<void>): void => {
    test(`${world} disk: ${sentence}`, () => withDisk(body))
  }

  accept('what was written is read back', async disk => {
    const file = await disk.open('a', 'create')
    await file.write(0, fromUtf8('hello'))
    await file.writeDurable(5, fromUtf8(' world'))
    assert.equal(toUtf8(await file.read(0, 11)), 'hello world')
    assert.equal(toUtf8(await file.read(6, 3)), 'wor')
    await file.close()
    const again = await disk.open('a', 'read')
    assert.equal(toUtf8(await again.read(0, 11)), 'hello world')
    await again.close()
  })

  accept('a read stops where the file ends', async disk => {
    const file = await disk.open('a', 'create')
    await file.write(0, new Uint8Array(10).fill(1))
    assert.equal((await file.read(4, 100)).length, 6)
    assert.equal((await file.read(10, 1)).length, 0)
    assert.equal((await file.read(50, 1)).length, 0)
    await file.close()
  })

  accept('a write behind the end leaves zeros between', async disk => {
    const file = await disk.open('a', 'create')
    await file.write(1000, Uint8Array.of(7))
    assert.equal(await file.sizeBytes(), 1001)
    assert.deepEqual(await file.read(998, 3), Uint8Array.of(0, 0, 7))
    await file.close()
  })

  accept('a large write is whole', async disk => {
    const bytes = new Uint8Array(3_000_001).map((_, at) => at * 31)
    const file = await disk.open('a', 'create')
    await file.write(3, bytes.slice())
    assert.deepEqual(await file.read(3, bytes.length), bytes)
    await file.close()
  })

  accept('memory that is lent comes back', async disk => {
    const file = await disk.open('a', 'create')
    let memory = new ArrayBuffer(8)
    for (const value of [1, 2]) {
      new Uint8Array(memory).fill(value)
      const writing = file.writeLent(value * 4, 4, memory)
      assert.equal(memory.byteLength, 0, 'it changed hands')
      memory = await writing
      assert.equal(memory.byteLength, 8)
    }
    assert.equal(await file.sizeBytes(), 12)
    assert.deepEqual(await file.read(4, 8), Uint8Array.of(1, 1, 1, 1, 2, 2, 2, 2))
    await file.close()
  })

  accept('preallocation extends with zeros and never shrinks', async disk => {
    const file = await disk.open('a', 'create')
    await file.write(0, Uint8Array.of(1, 2, 3))
    await file.preallocate(2_500_000)
    assert.equal(await file.sizeBytes(), 2_500_000)
    assert.deepEqual(await file.read(0, 5), Uint8Array.of(1, 2, 3, 0, 0))
    assert.deepEqual(await file.read(2_499_999, 5), Uint8Array.of(0))
    await file.preallocate(10)
    assert.equal(await file.sizeBytes(), 2_500_000)
    await file.close()
  })

  accept('truncation cuts, and zeros follow if the file grows again', async disk => {
    const file = await disk.open('a', 'create')
    await file.write(0, new Uint8Array(100).fill(9))
    await file.truncate(10)
    assert.equal(await file.sizeBytes(), 10)
    await file.write(20, Uint8Array.of(1))
    assert.deepEqual(await file.read(8, 4), Uint8Array.of(9, 9, 0, 0))
    await file.close()
  })

  accept('a file is created only where there is none', async disk => {
    await (await disk.open('a', 'create')).close()
    await rejectsWith('FILE_EXISTS', disk.open('a', 'create'))
    await rejectsWith('FILE_NOT_FOUND', disk.open('b', 'read'))
    await rejectsWith('FILE_NOT_FOUND', disk.open('b', 'write'))
    await rejectsWith('FILE_NOT_FOUND', disk.open('no/such', 'create'))
  })

  accept('a rename replaces', async disk => {
    await disk.replace('a', fromUtf8('one'))
    await disk.replace('b', fromUtf8('two'))
    await disk.rename('a', 'b')
    await disk.syncDirectory('.')
    const file = await disk.open('b', 'read')
    assert.equal(toUtf8(await file.read(0, 10)), 'one')
    await file.close()
    await rejectsWith('FILE_NOT_FOUND', disk.open('a', 'read'))
    await rejectsWith('FILE_NOT_FOUND', disk.rename('a', 'c'))
  })

  accept('what is removed is gone', async disk => {
    await disk.replace('a', fromUtf8('one'))
    await disk.remove('a')
    await rejectsWith('FILE_NOT_FOUND', disk.open('a', 'read'))
    await rejectsWith('FILE_NOT_FOUND', disk.remove('a'))
  })

  accept('names are listed in byte order, with their kinds', async disk => {
    await disk.makeDirectory('d')
    await disk.syncDirectory('.')
    for (const name of ['b', 'a', 'B', 'a1']) await disk.replace(name, Uint8Array.of(1))
    await disk.replace('d/inside', Uint8Array.of(1))
    assert.deepEqual(
      (await disk.list('.')).map(({ name, kind }) => `${name} ${kind}`),
      ['B file', 'a file', 'a1 file', 'b file', 'd directory'],
    )
    assert.deepEqual(await disk.list('d'), [{ name: 'inside', kind: 'file' }])
    await rejectsWith('FILE_NOT_FOUND', disk.list('e'))
    await rejectsWith('FILE_EXISTS', disk.makeDirectory('d'))
  })

  accept('a replaced file is the new one, and nothing is left beside it', async disk => {
    for (const text of ['old and longer', 'new']) await disk.replace('a', fromUtf8(text))
    const file = await disk.open('a', 'read')
    assert.equal(toUtf8(await file.read(0, 100)), 'new')
    await file.close()
    assert.equal((await disk.list('.')).length, 1)
  })

  accept("the leftover of an interrupted replacement is in nobody's way", async disk => {
    await (await disk.open('a.tmp', 'create')).close()
    await disk.replace('a', fromUtf8('new'))
    assert.deepEqual(await disk.list('.'), [{ name: 'a', kind: 'file' }])
  })

  accept('no path leaves the root', async disk => {
    for (const path of ['../a', '/a', 'a/../b', 'a//b', '', 'a\\b', './a', 'a\0']) {
      await assert.rejects(disk.open(path, 'create'), RangeError, path)
    }
  })

  accept('a closed file answers nothing', async disk => {
    const file = await disk.open('a', 'create')
    await file.close()
    await assert.rejects(file.read(0, 1))
  })

  accept('free space is told', async disk => {
    assert.ok((await disk.freeBytes()) > 0)
  })
}
