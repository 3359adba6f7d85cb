import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Progress } from '../../src/consensus/progress.ts'

const progressOf = (messagesMax = 4, bytesMax = 1_000): Progress =>
  new Progress(11, 0, { messagesMax, bytesMax })

/** Past the slow beginning. */
function opened(): Progress {
  const progress = progressOf()
  progress.hit(10)
  for (let index = 11; index <= 16; index++) {
    progress.sent(index, 10)
    progress.hit(index)
  }
  return progress
}

test('a probe is one message, then silence', () => {
  const progress = progressOf()
  progress.sent(12, 20)
  assert.equal(progress.isPaused, true)
  assert.equal(progress.next, 11)
})

test('behind a probe the window opens slowly', () => {
  const progress = progressOf()
  progress.hit(10)
  const sent = (from: number): number => {
    let count = 0
    for (; !progress.isPaused; count++) progress.sent(from + count, 10)
    return count
  }
  assert.equal(sent(11), 2)
  progress.hit(12)
  assert.equal(sent(13), 4)
})

test('bytes on their way fill a window as well as messages', () => {
  const progress = opened()
  progress.sent(17, 1_000)
  assert.equal(progress.isPaused, true)
  progress.hit(17)
  assert.equal(progress.isPaused, false)
})

test('a miss goes back to where the logs may agree, and no further than what is known', () => {
  const progress = opened()
  progress.sent(20, 10)
  assert.equal(progress.miss(20, 18), true)
  assert.deepEqual([progress.state, progress.next], ['probe', 19])
  const low = opened()
  low.sent(20, 10)
  assert.equal(low.miss(20, 3), true)
  assert.equal(low.next, 17)
})

test('a miss that was overtaken is ignored', () => {
  const progress = opened()
  assert.equal(progress.miss(16, 3), false)
  progress.sent(20, 10)
  progress.miss(20, 18)
  // Of the probe that is out now, only its own miss counts.
  assert.equal(progress.miss(20, 18), false)
  assert.equal(progress.miss(18, 17), true)
})

test('a hit that was overtaken changes nothing', () => {
  const progress = opened()
  assert.equal(progress.hit(12), false)
  assert.deepEqual([progress.match, progress.next, progress.state], [16, 17, 'replicate'])
})

test('nothing is sent while a snapshot travels, and its end begins a probe', () => {
  const progress = opened()
  progress.awaitSnapshot(40)
  assert.equal(progress.isPaused, true)
  assert.equal(progress.miss(30, 3), false)
  progress.snapshotEnded(true)
  assert.deepEqual([progress.state, progress.next, progress.isPaused], ['probe', 41, false])
})

test('a snapshot that failed waits for the next heartbeat', () => {
  const progress = opened()
  progress.awaitSnapshot(40)
  progress.snapshotEnded(false)
  assert.deepEqual([progress.state, progress.next, progress.isPaused], ['probe', 17, true])
})

test('the word of the replica itself ends the wait for a snapshot', () => {
  const progress = opened()
  progress.awaitSnapshot(40)
  progress.hit(45)
  assert.deepEqual([progress.state, progress.next], ['replicate', 46])
})
