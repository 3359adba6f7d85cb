import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Source } from '../../src/clock/source.ts'

const sample = { atMs: 0, correctionMs: 0, delayMs: 1, errorMs: 1 }

/** Polls it was asked in, of `polls` in which it never answers. */
const askedOf = (source: Source, polls: number): number => {
  let asked = 0
  for (let poll = 0; poll < polls; poll++) {
    if (source.beginPoll(8)) asked++
    source.endPoll()
  }
  return asked
}

test('a burst is asked to its end, and one question of who was silent', () => {
  const source = new Source('server', 'a')
  source.beginPoll(8)
  assert.equal(source.asksLeft, 8)
  source.ask()
  assert.deepEqual([source.asksLeft, source.outstanding], [7, 1])
  source.endPoll()
  assert.equal(source.verdict, 'silent')
  source.beginPoll(8)
  assert.equal(source.asksLeft, 1)
  source.ask()
  source.answer(sample, undefined)
  source.endPoll()
  source.beginPoll(8)
  assert.equal(source.asksLeft, 8)
})

test('a silent server is asked less and less, a peer always', () => {
  assert.ok(askedOf(new Source('server', 'a'), 200) < 25)
  assert.equal(askedOf(new Source('peer', 'a'), 200), 200)
})

test('a server that asks for rest gets it at once', () => {
  const source = new Source('server', 'a')
  source.beginPoll(8)
  source.ask()
  source.refuse('rate')
  assert.deepEqual([source.asksLeft, source.outstanding], [0, 0])
  source.endPoll()
  assert.equal(source.verdict, 'unusable')
  assert.equal(source.beginPoll(8), false)
})

test('three rejected timestamps within a minute exclude a peer, for a minute', () => {
  const source = new Source('peer', 'a')
  for (const atMs of [0, 10_000]) source.rejected(atMs)
  assert.ok(!source.isExcluded(10_000))
  source.rejected(20_000)
  assert.ok(source.isExcluded(20_000))
  assert.ok(!source.isExcluded(60_000))
})
