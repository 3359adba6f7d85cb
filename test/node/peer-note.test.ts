import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { NAME_BYTES_MAX } from '../../src/node/node-options.ts'
import { decodeNote, encodeNote, fittingName } from '../../src/node/peer-note.ts'

test('a name that fits is told as it is', () => {
  for (const name of ['', 'attic', 'Dachböden', '🪸'])
    assert.deepEqual(decodeNote(encodeNote({ name: fittingName(name) })), { name })
})

test('any name is cut to what fits, and never in the middle of a character', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), name => {
      const fitting = fittingName(name)
      assert.ok(Buffer.byteLength(fitting) <= NAME_BYTES_MAX)
      assert.ok(name.toWellFormed().startsWith(fitting))
    }),
  ))

test('what another peer says that cannot be read is no name', () => {
  for (const bytes of [[], [2, 1, 65], [1, 200, 1], [1, 1, 0xff]])
    assert.deepEqual(decodeNote(Uint8Array.from(bytes)), { name: '' })
})
