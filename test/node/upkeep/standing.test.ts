import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fromUtf8 } from '../../../src/base/bytes.ts'
import { decodeStanding, encodeStanding } from '../../../src/node/upkeep/standing.ts'
import { VerifiedBook } from '../../../src/node/upkeep/verified-book.ts'

const nameOf = (content: number, segment = 0) => ({
  bucket: 'b',
  key: 'k',
  content: Uint8Array.from({ length: 16 }, (_, at) => (content >>> (8 * (at % 4))) & 255),
  blob: new Uint8Array(8).fill(7),
  segment,
})

test('the last time that a fragment was verified is what is remembered', () => {
  const book = new VerifiedBook()
  book.note(nameOf(1), { index: 2, seat: 3, atMs: 10 })
  book.note(nameOf(1), { index: 2, seat: 4, atMs: 20 })
  book.note(nameOf(1, 5), { index: 2, seat: 4, atMs: 30 })
  const blob = '07'.repeat(8)
  assert.deepEqual(book.of(nameOf(1).content), [
    { blob, segment: 0, index: 2, seat: 4, atMs: 20 },
    { blob, segment: 5, index: 2, seat: 4, atMs: 30 },
  ])
  assert.deepEqual(book.of(nameOf(2).content), [])
})

test('what was verified long ago makes room', () => {
  const book = new VerifiedBook()
  for (let content = 0; content < 10_001; content++)
    book.note(nameOf(content), { index: 0, seat: 1, atMs: content })
  assert.equal(book.of(nameOf(0).content).length, 0)
  assert.equal(book.of(nameOf(1).content).length, 1)
})

test('what a peer says of its fragments comes out as it went in, up to what fits', () => {
  const rows = Array.from({ length: 20_000 }, (_, segment) => ({
    blob: '07'.repeat(8),
    segment,
    index: 1,
    seat: 2,
    atMs: 1_700_000_000_000,
  }))
  const bytes = encodeStanding({ verified: rows, repairing: rows.slice(0, 3) })
  assert.ok(bytes.length < 786_432)
  const decoded = decodeStanding(bytes)
  assert.deepEqual(decoded?.verified, rows.slice(-12_000))
  assert.deepEqual(decoded.repairing[2], { blob: '07'.repeat(8), segment: 2, index: 1 })
})

test('what is no word of fragments is none, whatever it is', () => {
  for (const bad of [
    'null',
    '[]',
    '{"verified":[],"repairing":[[1,2,3]]}',
    '{"verified":[["a",1,2,3]],"repairing":[]}',
    '{"verified":[["a",1,2,-3,4]],"repairing":[]}',
  ])
    assert.equal(decodeStanding(fromUtf8(bad)), undefined)
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), text => {
      assert.equal(decodeStanding(fromUtf8(text.toWellFormed())), undefined)
    }),
  )
})
