import assert from 'node:assert/strict'
import { mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { contentTypeOf } from '../../src/cli/content-type.ts'
import { filesBelow, pathBelow } from '../../src/cli/local-files.ts'
import { PeerClient } from '../../src/cli/peer-client.ts'
import {
  dropState,
  isUploadState,
  readState,
  statePath,
  writeState,
} from '../../src/cli/upload-state.ts'
import { partBytesOf, slicesOf, uploadFile } from '../../src/cli/upload.ts'
import { rejectsWith } from '../support/expect.ts'
import { withGateway } from '../support/gateway-scene.ts'
import { withDirectory } from '../support/temporary.ts'

const MIB = 2 ** 20

for (const [sizeBytes, partBytes] of [
  [1, 64 * MIB],
  [5 * 2 ** 30, 64 * MIB],
  [640_000 * MIB, 64 * MIB],
  [640_001 * MIB, 80 * MIB],
  [5 * 2 ** 40, 528 * MIB],
] as const)
  test(`${sizeBytes} bytes go in parts of ${partBytes / MIB} MiB`, () => {
    assert.equal(partBytesOf(sizeBytes), partBytes)
    assert.ok(Math.ceil(sizeBytes / partBytes) <= 10_000)
  })

test('slices cover a file without gap or overlap', () => {
  assert.deepEqual(slicesOf(10, 4), [
    { part: 1, first: 0, end: 4 },
    { part: 2, first: 4, end: 8 },
    { part: 3, first: 8, end: 10 },
  ])
  assert.deepEqual(slicesOf(8, 4).at(-1), { part: 2, first: 4, end: 8 })
})

const state = { upload: 'u', partBytes: 4, sizeBytes: 10, modifiedMs: 1.5 }

test('what was begun is found again for the same file and place only', () =>
  withDirectory(async directory => {
    const file = join(directory, 'film.mp4')
    const path = statePath(file, 'network', { bucket: 'sea', key: 'a' })
    assert.notEqual(path, statePath(file, 'network', { bucket: 'sea', key: 'b' }))
    assert.notEqual(path, statePath(file, 'other', { bucket: 'sea', key: 'a' }))
    assert.equal(await readState(path, state), undefined)
    assert.equal(await writeState(path, state), true)
    assert.deepEqual(await readState(path, state), state)
    assert.equal(await readState(path, { ...state, modifiedMs: 2 }), undefined)
    assert.equal(await readState(path, { ...state, sizeBytes: 11 }), undefined)
    writeFileSync(path, '{"upload":')
    assert.equal(await readState(path, state), undefined)
    await dropState(path)
    assert.equal(await writeState(join(directory, 'none', 'x'), state), false)
  }))

test('a file that changes while its parts go out is not stored as what it never was', () =>
  withGateway(async ({ node, directory }) => {
    await node.createBucket('sea')
    const path = join(directory, 'film')
    const sizeBytes = 64 * MIB + 1
    writeFileSync(path, new Uint8Array(sizeBytes))
    const { signal } = new AbortController()
    const upload = uploadFile(
      { path, sizeBytes, modifiedMs: statSync(path).mtimeMs },
      {
        client: await PeerClient.connect(directory, signal),
        signal,
        target: { bucket: 'sea', key: 'film' },
        network: node.status().network,
        parallel: 1,
        headers: {},
        keyHeaders: {},
        onBytes: () => utimesSync(path, 1, 1),
        onSkipped: () => undefined,
      },
    )
    await rejectsWith('BUSY', upload)
    await rejectsWith('NO_SUCH_KEY', node.head({ bucket: 'sea', key: 'film' }))
  }))

test('a folder gives its files, without what transfers left there', () =>
  withDirectory(async directory => {
    mkdirSync(join(directory, 'a', 'b'), { recursive: true })
    const files = ['top', 'a/one', 'a/b/two', '.hidden']
    const left = ['.x.0123abcd.holdfast-part', '.x.0123abcd.holdfast-upload']
    for (const name of [...files, ...left]) writeFileSync(join(directory, name), 'x')
    symlinkSync(directory, join(directory, 'a', 'loop'))
    symlinkSync(join(directory, 'top'), join(directory, 'a', 'link'))
    const found: string[] = []
    for await (const { relative } of filesBelow(directory)) found.push(relative)
    assert.deepEqual(found.toSorted(), ['.hidden', 'a/b/two', 'a/link', 'a/one', 'top'])
    assert.equal(isUploadState('holdfast-upload'), false)
  }))

test('no key leads out of the folder it is fetched into', () => {
  assert.equal(pathBelow('/d', 'a/b'), join('/d', 'a', 'b'))
  for (const key of ['../x', 'a/../../x', '/x', 'a//b', '.', 'a/.', '', 'a/', 'x\0y'])
    assert.equal(pathBelow('/d', key), undefined, key)
})

test('a type is told by the end of a name', () => {
  assert.equal(contentTypeOf('a/Film.MP4'), 'video/mp4')
  assert.equal(contentTypeOf('mp4'), 'application/octet-stream')
})
