import assert from 'node:assert/strict'
import { test } from 'node:test'

import { assert as check, property, string, uniqueArray } from 'fast-check'

import { listName } from '../../../src/node/admission/circle-messages.ts'
import {
  type CircleEffect,
  FoundingCircle,
  INVITING_MS,
} from '../../../src/node/admission/founding-circle.ts'

const peers = ['a', 'b', 'c']
const list = listName(peers)
const circle = (self: string): FoundingCircle => new FoundingCircle({ self, peers, list })
const typesOf = (effects: readonly CircleEffect[]): readonly string[] =>
  effects.map(({ type }) => type)
const empty = (from: string) => ({ type: 'answered', from, answer: 'empty' }) as const

test('the lowest founds when all others have said that they are empty', () => {
  const lowest = circle('a')
  assert.deepEqual(typesOf(lowest.step({ type: 'tick' }, 0)), ['ask', 'ask'])
  assert.deepEqual(lowest.step(empty('b'), 10), [])
  assert.deepEqual(lowest.step(empty('b'), 20), [])
  assert.deepEqual(typesOf(lowest.step(empty('c'), 30)), ['found'])
  assert.deepEqual(lowest.step(empty('c'), 40), [])
})

test('who has not answered is asked again, the others are not', () => {
  const lowest = circle('a')
  lowest.step({ type: 'tick' }, 0)
  lowest.step(empty('b'), 10)
  assert.deepEqual(lowest.step({ type: 'tick' }, 100), [])
  const [again, ...more] = lowest.step({ type: 'tick' }, 600)
  assert.ok(again?.type === 'ask' && again.to === 'c' && more.length === 0)
})

test('nobody but the lowest ever asks or founds', () => {
  const other = circle('b')
  assert.deepEqual(other.step({ type: 'tick' }, 0), [])
  for (const from of ['a', 'c']) assert.deepEqual(other.step(empty(from), 1), [])
})

test('an invite is taken from the lowest alone, once, and said again', () => {
  const other = circle('b')
  const asked = (from: string, invite: string) =>
    other.step({ type: 'asked', from, question: { list, invite } }, 1)
  assert.deepEqual(asked('c', 'hf1forged'), [{ type: 'answer', answer: 'other list' }])
  assert.deepEqual(asked('a', 'hf1x'), [{ type: 'answer', answer: 'taken', take: 'hf1x' }])
  assert.deepEqual(asked('a', 'hf1x'), [{ type: 'answer', answer: 'taken' }])
  assert.deepEqual(asked('a', 'hf1y'), [{ type: 'answer', answer: 'other list' }])
})

test('another list is named on both sides, and counts for nothing', () => {
  const lowest = circle('a')
  lowest.step({ type: 'tick' }, 0)
  lowest.step(empty('b'), 1)
  const answer = { type: 'answered', from: 'c', answer: 'other list' } as const
  assert.deepEqual(lowest.step(answer, 2), [{ type: 'differs', peer: 'c' }])
  const question = { list: listName(['a', 'b']), invite: undefined }
  const told = circle('c').step({ type: 'asked', from: 'a', question }, 3)
  assert.deepEqual(typesOf(told), ['differs', 'answer'])
})

test('a founder ends when all have the invite, or have had time enough', () => {
  for (const isHeard of [true, false]) {
    const lowest = circle('a')
    const asks = lowest.step({ type: 'founded', invite: 'hf1x' }, 0)
    assert.deepEqual(typesOf(asks), ['ask', 'ask'])
    lowest.step({ type: 'answered', from: 'b', answer: 'taken' }, 1)
    if (isHeard) {
      const last = lowest.step({ type: 'answered', from: 'c', answer: 'taken' }, 2)
      assert.deepEqual(typesOf(last), ['end'])
    } else {
      assert.deepEqual(typesOf(lowest.step({ type: 'tick' }, INVITING_MS - 1)), ['ask'])
      assert.deepEqual(typesOf(lowest.step({ type: 'tick' }, INVITING_MS)), ['end'])
    }
    assert.deepEqual(lowest.step({ type: 'tick' }, 2 * INVITING_MS), [])
  }
})

test('a list has the same name in any order, and another for any other', () => {
  check(
    property(uniqueArray(string({ minLength: 1 }), { minLength: 2 }), names => {
      assert.equal(listName(names), listName(names.toReversed()))
      assert.notEqual(listName(names), listName(names.slice(1)))
    }),
  )
})
