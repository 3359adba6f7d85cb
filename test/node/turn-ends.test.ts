import assert from 'node:assert/strict'
import { test } from 'node:test'

import { turnEnds } from '../../src/node/turn-ends.ts'

/** Turns that end when they are told to. */
function turns(): { afterTurn: (work: () => void) => void; end: () => void; due: () => number } {
  const scheduled: (() => void)[] = []
  const afterTurn = turnEnds(run => scheduled.push(run))
  return { afterTurn, end: () => scheduled.shift()?.(), due: () => scheduled.length }
}

test('work of one turn is done at its end, in order, and what it adds at the same end', () => {
  const { afterTurn, end, due } = turns()
  const done: string[] = []
  afterTurn(() => {
    done.push('1')
    afterTurn(() => done.push('3'))
  })
  afterTurn(() => done.push('2'))
  assert.deepEqual([done, due()], [[], 1])
  end()
  assert.deepEqual([done, due()], [['1', '2', '3'], 0])
  afterTurn(() => done.push('4'))
  end()
  assert.deepEqual(done, ['1', '2', '3', '4'])
})

test('work that throws is done, and keeps nobody else from its turn', () => {
  const { afterTurn, end, due } = turns()
  const done: string[] = []
  afterTurn(() => done.push('1'))
  afterTurn(() => {
    throw new Error('a bug')
  })
  afterTurn(() => done.push('2'))
  assert.throws(end, /a bug/)
  assert.deepEqual([done, due()], [['1'], 1])
  end()
  assert.deepEqual([done, due()], [['1', '2'], 0])
})
