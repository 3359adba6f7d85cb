import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { Sweeper } from '../../src/net/sweeper.ts'

const MIB = 1_048_576
const CHUNK_BYTES = 65_536

/** What 256 MiB in chunks, none of them needed again, leave in memory at most. */
function mostGarbage(sweeper: Sweeper | undefined): number {
  const chunk = new Uint8Array(CHUNK_BYTES)
  const startBytes = process.memoryUsage().external
  let mostBytes = 0
  for (let at = 0; at < 4_096; at++) {
    createCipheriv('aes-256-gcm', randomBytes(32), randomBytes(12)).update(chunk)
    sweeper?.passed(CHUNK_BYTES)
    mostBytes = Math.max(mostBytes, process.memoryUsage().external - startBytes)
  }
  return mostBytes
}

test('what passed through is swept before much of it has gathered', () => {
  const left = mostGarbage(undefined)
  const swept = mostGarbage(new Sweeper())
  assert.ok(swept < 10 * MIB, `${swept} bytes had gathered`)
  // Else it would take no sweeper.
  assert.ok(left > swept, `${left} bytes gather without it`)
})
