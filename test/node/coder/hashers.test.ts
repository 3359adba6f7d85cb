import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { toHex } from '../../../src/base/bytes.ts'
import { Prng } from '../../../src/base/prng.ts'
import { loadHashers } from '../../../src/node/coder/hashers.ts'

/** From the test vectors of BLAKE3: the empty input. */
const emptyDigest = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'
const sizes = [0, 1, 63, 64, 65, 1023, 1024, 1025, 65_545]

test('native and portable BLAKE3 give equal digests', async () => {
  const [any, portable] = [await loadHashers(), await loadHashers('portable')]
  assert.equal(portable.blake3, 'portable')
  assert.equal(toHex(portable.get('blake3').hash(new Uint8Array())), emptyDigest)
  for (const size of sizes) {
    const bytes = new Prng(size).bytes(size)
    assert.equal(toHex(any.get('blake3').hash(bytes)), toHex(portable.get('blake3').hash(bytes)))
  }
})

test('sha2-256 is that of everybody else', async () => {
  const hasher = (await loadHashers()).get('sha2-256')
  for (const size of sizes) {
    const bytes = new Prng(size).bytes(size)
    assert.equal(toHex(hasher.hash(bytes)), createHash('sha256').update(bytes).digest('hex'))
  }
})

test('without the native binding BLAKE3 is portable', () => {
  const url = new URL('../../../src/node/coder/hashers.ts', import.meta.url).href
  const script = `const hashers = await (await import('${url}')).loadHashers()
    console.log(hashers.blake3, Buffer.from(hashers.get('blake3').hash(new Uint8Array())).toString('hex'))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '/nonexistent.node' },
  })
  assert.equal(stdout, `portable ${emptyDigest}\n`, stderr)
})
