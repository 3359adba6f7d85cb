import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import type { Entry } from '../../src/consensus/entry.ts'
import { RaftLog } from '../../src/consensus/raft-log.ts'

const entry = (index: number, term: number): Entry => ({
  index,
  term,
  kind: 'command',
  data: new Uint8Array(4),
})

/** Entries behind `from` with these terms. */
const entries = (from: number, ...terms: number[]): Entry[] =>
  terms.map((term, at) => entry(from + 1 + at, term))

const logOf = (commit: number, ...terms: number[]): RaftLog =>
  new RaftLog({ index: 0, term: 0 }, entries(0, ...terms), commit)

const termsOf = (log: RaftLog): (number | undefined)[] =>
  Array.from({ length: log.last.index }, (_, at) => log.termAt(at + 1))

test('entries that are here already stay, and so does what follows them', () => {
  const log = logOf(1, 1, 1, 2)
  assert.deepEqual(log.missingFrom(entries(1, 1)), [])
  assert.deepEqual(log.missingFrom(entries(0, 1, 1)), [])
})

test('the first entry of another term replaces everything from there on', () => {
  const log = logOf(1, 1, 1, 2, 2)
  const missing = log.missingFrom(entries(1, 1, 3))
  assert.deepEqual(missing, entries(2, 3))
  log.append(missing)
  assert.deepEqual(termsOf(log), [1, 1, 3])
})

test('what is committed is never replaced', () => {
  const log = logOf(2, 1, 1, 2)
  assert.throws(() => log.append(entries(1, 3)), /replaces none up to 2/)
})

test('entries below the base count as being here', () => {
  const log = logOf(3, 1, 1, 2, 2)
  log.trim(3)
  assert.deepEqual(log.missingFrom(entries(0, 1, 1, 2, 2)), [])
  assert.deepEqual(log.missingFrom(entries(1, 1, 2, 2, 2)), entries(4, 2))
  assert.equal(log.termAt(3), 2)
  assert.equal(log.termAt(2), undefined)
})

test('a write that ends late says nothing about the entry that took the place of its own', () => {
  const log = logOf(1, 1)
  log.append(entries(1, 1))
  log.append(entries(1, 2))
  assert.equal(log.storedTo({ index: 2, term: 1 }), false)
  assert.equal(log.stored, 1)
  assert.equal(log.storedTo({ index: 2, term: 2 }), true)
  assert.equal(log.stored, 2)
})

test('commit goes forward, and not past the end', () => {
  const log = logOf(1, 1, 1)
  assert.equal(log.commitTo(2), true)
  assert.equal(log.commitTo(1), false)
  assert.throws(() => log.commitTo(3), /which ends at 2/)
})

test('only what is committed is forgotten', () => {
  assert.throws(() => logOf(1, 1, 1).trim(2), /only what is committed/)
})

test('a log that begins with a gap is refused', () => {
  assert.throws(() => new RaftLog({ index: 3, term: 1 }, entries(4, 1), 3), /no gap/)
})

test('a snapshot takes the place of everything, and must bring news', () => {
  const log = logOf(1, 1, 1, 1)
  log.restart({ index: 9, term: 4 })
  assert.deepEqual([log.last, log.commit, log.stored], [{ index: 9, term: 4 }, 9, 9])
  assert.throws(() => log.restart({ index: 9, term: 4 }), /brings news/)
})

test('a message holds what fits, but at least one entry', () => {
  const log = logOf(0, 1, 1, 1, 1)
  const counts = (limitBytes: number, limitCount = 99): number =>
    log.sliceBytes(2, limitBytes, limitCount).length
  assert.deepEqual([counts(1), counts(56), counts(1_000), counts(1_000, 2)], [1, 2, 3, 2])
  assert.deepEqual(log.sliceBytes(5, 1_000, 9), [])
})

test('the hints of two logs lead to the last place that both have in common', () => {
  const rising = fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }).map(rises => {
    let term = 1
    return rises.map(rise => (term += rise))
  })
  fc.assert(
    fc.property(rising, rising, fc.nat(12), (mine, theirs, shared) => {
      // Two logs that share a beginning, and go on in terms that the other has not.
      const common = mine.slice(0, shared)
      const last = common.at(-1) ?? 0
      const leader = logOf(0, ...common, ...mine.slice(shared).map(term => last + 2 * term))
      const follower = logOf(0, ...common, ...theirs.map(term => last + 2 * term + 1))
      let at = leader.last.index
      for (let rounds = 0; ; rounds++) {
        assert.ok(rounds < 20, 'the search ends')
        if (follower.termAt(at) === leader.termAt(at)) break
        const hint = follower.agreementHint({ index: at, term: leader.termAt(at) as number })
        at = leader.agreementHint(hint).index
      }
      assert.equal(at, common.length)
    }),
  )
})
