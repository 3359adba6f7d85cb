import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { fromUtf8 } from '../../src/base/bytes.ts'
import {
  createIdentity,
  identityFromSeed,
  isPeerId,
  isSignedBy,
  openIdentity,
} from '../../src/net/identity.ts'
import { rejectsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'

test('an identity is made once and found again', () =>
  withDirectory(async directory => {
    const path = join(directory, 'identity')
    const first = await openIdentity(path)
    const second = await openIdentity(path)
    assert.equal(first.peer, second.peer)
    assert.ok(isPeerId(first.peer))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(directory), ['identity'], 'no draft is left')
  }))

test('an identity that others may read, or that is a link, is refused', () =>
  withDirectory(async directory => {
    const path = join(directory, 'identity')
    await openIdentity(path)
    for (const mode of [0o644, 0o640, 0o604, 0o620]) {
      chmodSync(path, mode)
      await rejectsWith('FILE_FORBIDDEN', openIdentity(path))
    }
    chmodSync(path, 0o600)
    const link = join(directory, 'link')
    symlinkSync(path, link)
    await rejectsWith('FILE_FORBIDDEN', openIdentity(link))
    mkdirSync(join(directory, 'folder'))
    await rejectsWith('FILE_FORBIDDEN', openIdentity(join(directory, 'folder')))
  }))

test('a file that holds no key is refused and left as it is, its bytes untold', () =>
  withDirectory(async directory => {
    const path = join(directory, 'identity')
    for (const text of ['', 'secret-but-no-key', 'x'.repeat(10_000)]) {
      writeFileSync(path, text, { mode: 0o600 })
      await assert.rejects(openIdentity(path), error => !String(error).includes('secret'))
      await rejectsWith('MALFORMED', openIdentity(path))
      assert.equal(statSync(path).size, text.length)
    }
    await rejectsWith('FILE_NOT_FOUND', openIdentity(join(directory, 'nowhere', 'identity')))
  }))

test('an interrupted creation does not stand in the way', () =>
  withDirectory(async directory => {
    const path = join(directory, 'identity')
    writeFileSync(`${path}.new`, 'half', { mode: 0o600 })
    assert.ok(isPeerId((await openIdentity(path)).peer))
  }))

test('a signature is believed from its signer, for its bytes, and from nobody else', async () => {
  const [a, b] = await Promise.all([createIdentity(), createIdentity()])
  const bytes = fromUtf8('holdfast test: hello')
  const signature = a.sign(bytes)
  assert.ok(isSignedBy(a.peer, bytes, signature))
  assert.ok(!isSignedBy(b.peer, bytes, signature))
  assert.ok(!isSignedBy(a.peer, fromUtf8('holdfast test: hallo'), signature))
  assert.ok(!isSignedBy(a.peer, bytes, signature.subarray(1)))
  assert.ok(!isSignedBy('nobody', bytes, signature))
  for (const at of signature.keys()) {
    const forged = signature.slice()
    forged[at] = (forged[at] as number) ^ 1
    assert.ok(!isSignedBy(a.peer, bytes, forged))
  }
})

test('the same seed is the same peer', async () => {
  const peerOf = async (fill: number): Promise<string> =>
    (await identityFromSeed(new Uint8Array(32).fill(fill))).peer
  assert.equal(await peerOf(7), await peerOf(7))
  assert.notEqual(await peerOf(7), await peerOf(8))
  assert.ok(isPeerId(await peerOf(7)))
})

const noPeers = [
  '',
  'nobody',
  'x'.repeat(100),
  'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG',
  '__proto__',
]
for (const text of noPeers) test(`"${text}" is no peer id`, () => assert.ok(!isPeerId(text)))
