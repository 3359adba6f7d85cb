import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import {
  decodeFooter,
  decodeHeader,
  decodeManifest,
  encodeHeader,
  encodeManifest,
  type Manifest,
} from '../../../src/node/archive/fragment-file.ts'

const random = new Prng(4)
const fragments = Array.from({ length: 3 }, () => ({
  algorithm: 'sha2-256' as const,
  digest: random.bytes(32),
}))
const manifest: Manifest = {
  k: 2,
  m: 1,
  plainBytes: 20_000_000,
  objectId: random.bytes(16),
  encryption: { noncePrefix: random.bytes(7), wrappedKey: random.bytes(60) },
  segments: [
    { k: 2, fragments },
    { k: 2, fragments },
  ],
}

test('headers and manifests are read back', () => {
  assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest)
  const plain = { ...manifest, encryption: undefined }
  assert.deepEqual(decodeManifest(encodeManifest(plain)), plain)
  const header = { objectId: manifest.objectId, index: 2, k: 2, m: 1 }
  assert.deepEqual(decodeHeader(encodeHeader(header)), header)
})

test('bytes from anywhere are read or refused, and never more', () => {
  const good = encodeManifest(manifest)
  const refused = new Set(['MALFORMED', 'INVALID_SCHEME', 'HASH_UNKNOWN', 'TOO_LARGE'])
  const tryAll = (bytes: Uint8Array): void => {
    for (const decode of [decodeHeader, decodeFooter, decodeManifest])
      try {
        decode(bytes)
      } catch (error) {
        assert.ok(refused.has(codeOf(error) ?? ''), String(error))
      }
  }
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, end) => {
      tryAll(good.with(at, byte).subarray(0, end))
      tryAll(good.with(at, byte))
    }),
    { numRuns: 3000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryAll), { numRuns: 3000 })
})
