import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Operation } from './history.ts'
import { faultOfWatch, type WatchedEvent } from './watches.ts'

const put = (value: string, revision: number): Operation => ({
  client: 'c',
  key: 'k',
  action: { type: 'put', value },
  calledAt: revision,
  returnedAt: revision + 1,
  outcome: { type: 'written', revision },
})

const history = [put('a', 3), put('b', 5), put('c', 8), { ...put('z', 6), key: 'other' }]

const watches: [string, number, WatchedEvent[], RegExp | undefined][] = [
  ['nothing yet', 0, [], undefined],
  ['all from the beginning', 0, [event(3, 'a'), event(5, 'b'), event(8, 'c')], undefined],
  ['all from the middle', 3, [event(5, 'b')], undefined],
  ['a write of unknown outcome', 0, [event(3, 'a'), event(4, 'x'), event(5, 'b')], undefined],
  ['a gap', 0, [event(3, 'a'), event(8, 'c')], /missed revision 5, which wrote b/],
  ['a gap at the beginning', 2, [event(5, 'b')], /missed revision 3/],
  ['a step back', 0, [event(5, 'b'), event(3, 'a')], /told of revision 3 after 5/],
  ['the same twice', 0, [event(3, 'a'), event(3, 'a')], /told of revision 3 after 3/],
  ['what it did not ask for', 5, [event(5, 'b')], /told of revision 5 after 5/],
  ['another value', 0, [event(3, 'x')], /told x for revision 3, which wrote a/],
]

function event(revision: number, value: string): WatchedEvent {
  return { revision, value }
}

for (const [what, after, events, fault] of watches) {
  test(`a watcher told of ${what} is ${fault === undefined ? 'right' : 'wrong'}`, () => {
    const found = faultOfWatch({ watcher: 'w', key: 'k', after, events }, history)
    if (fault === undefined) assert.equal(found, undefined)
    else assert.match(found ?? '', fault)
  })
}
