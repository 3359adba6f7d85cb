import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { proposals } from '../../src/catalog/command-codec.ts'
import { COMMAND_BYTES_MAX } from '../../src/catalog/commands.ts'
import { rowOf } from '../../src/catalog/records.ts'
import { results } from '../../src/catalog/results.ts'
import { shardRow } from '../../src/catalog/shard-map.ts'
import { randomCatalog } from './random-catalog.ts'
import { codeOf as resultCode, Host } from './support.ts'

const decoders = { proposals, results, shardRow, ...rowOf }

/** Decodes, or says that these are no bytes of ours; anything else is a bug. */
function isOurs(name: keyof typeof decoders, bytes: Uint8Array): boolean {
  try {
    decoders[name].decode(bytes)
    return true
  } catch (error) {
    assert.ok(['MALFORMED', 'TOO_LARGE'].includes(codeOf(error) ?? ''), String(error))
    return false
  }
}

test('whatever the bytes, a decoder answers', () => {
  const names = Object.keys(decoders) as (keyof typeof decoders)[]
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      isOurs(name, bytes)
      isOurs(name, Uint8Array.of(1, ...bytes))
    }),
    { numRuns: 5_000 },
  )
})

test('entries are read as they were written, and in no other form', () => {
  const { log } = randomCatalog(11, 400)
  for (const { entry } of log) {
    assert.deepEqual(proposals.encode(proposals.decode(entry)), entry)
    assert.equal(isOurs('proposals', Uint8Array.of(...entry, 0)), false)
    assert.equal(isOurs('proposals', entry.slice(0, -1)), false)
  }
})

test('an entry with changed bytes is refused or is another command, and never throws', () => {
  const { log } = randomCatalog(12, 300)
  const random = new Prng(5)
  const host = randomCatalog(13, 60)
  const applied = new Map<string, number>()
  for (let round = 0; round < 4_000; round++) {
    const entry = random.pick(log).entry.slice()
    for (let flips = 1 + random.below(3); flips > 0; flips--) {
      const at = random.below(entry.length)
      entry[at] = (entry[at] as number) ^ (1 << random.below(8))
    }
    const code = resultCode(host.doBytes(entry))
    applied.set(code, (applied.get(code) ?? 0) + 1)
  }
  assert.ok((applied.get('INVALID_COMMAND') ?? 0) > 500)
  assert.ok(applied.size > 8, [...applied].join())
})

test('a command larger than the log takes is refused before it is read', () => {
  const host = new Host()
  const before = host.store.rows.length
  assert.equal(resultCode(host.doBytes(new Uint8Array(COMMAND_BYTES_MAX + 1))), 'INVALID_COMMAND')
  assert.equal(resultCode(host.doBytes(new Uint8Array(0))), 'INVALID_COMMAND')
  assert.equal(host.store.rows.length, before + 1)
})
