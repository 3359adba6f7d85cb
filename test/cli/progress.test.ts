import assert from 'node:assert/strict'
import { test } from 'node:test'

import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { formatBytes, formatDuration } from '../../src/cli/format.ts'
import { Progress } from '../../src/cli/progress.ts'
import { type Failure, HoldfastError } from '../../src/index.ts'

/** What a second of progress in steps of a millisecond shows. */
function shown(isTTY: boolean, seconds: number): string[] {
  const written: string[] = []
  let nowMs = 0
  const output = { isTTY, write: (text: string) => written.push(text) }
  const progress = new Progress('encode', output, () => nowMs)
  for (nowMs = 0; nowMs <= seconds * 1000; nowMs++) progress.update(nowMs * 1000, seconds * 1e6)
  progress.clear()
  return written
}

test('a terminal is drawn to at most ten times a second, and wiped', () => {
  const written = shown(true, 2)
  assert.equal(written.length, 21)
  assert.equal(
    written[9],
    '\rencode [############............] 50 %  1.00 MB of 2.00 MB  1.00 MB/s  0:01 left\u001B[K',
  )
  assert.equal(written.at(-1), '\r\u001B[K')
})

test('a log gets a line every ten seconds', () => {
  const written = shown(false, 25)
  assert.equal(written.length, 2)
  assert.match(written[0] ?? '', /^encode \[#+\.+\] 40 %.*\n$/)
})

test('what was there before says nothing of the rate', () => {
  const written: string[] = []
  let nowMs = 0
  const progress = new Progress('put', { write: text => written.push(text) }, () => nowMs)
  nowMs = 10_000
  progress.update(60_000_000, 100_000_000, 50_000_000)
  assert.match(written[0] ?? '', / 60 % .* 1\.00 MB\/s {2}0:40 left\n$/)
  nowMs = 20_000
  progress.update(50_000_000, 100_000_000, 50_000_000)
  assert.match(written[1] ?? '', / 0 B\/s {2}stalled\n$/)
})

test('a stream of unknown length shows no share of it', () => {
  const written: string[] = []
  let nowMs = 0
  const output = { write: (text: string) => written.push(text) }
  const progress = new Progress('encode', output, () => nowMs)
  nowMs = 20_000
  progress.update(40_000_000)
  assert.deepEqual(written, ['encode  40.0 MB  2.00 MB/s\n'])
})

for (const [bytes, text] of [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [9_949, '9.95 kB'],
  [12_345_678, '12.3 MB'],
  [999_499_999, '999 MB'],
  [999_500_000, '1.00 GB'],
  [2 ** 60, '1153 PB'],
] as const)
  test(`${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text))

test('spans of time are told like on a clock', () => {
  assert.deepEqual([0, 7.4, 61, 3600, 86_399].map(formatDuration), [
    '0:00',
    '0:07',
    '1:01',
    '1:00:00',
    '23:59:59',
  ])
})

const error = (details: Failure): HoldfastError => new HoldfastError('no', details)

test('exit codes tell what to do', () => {
  assert.equal(exitCodeOf(error({ code: 'INVALID_SCHEME', k: 0, m: 0 })), 2)
  assert.equal(exitCodeOf(error({ code: 'FILE_NOT_FOUND', path: 'x' })), 3)
  assert.equal(exitCodeOf(error({ code: 'KEY_WRONG' })), 4)
  assert.equal(exitCodeOf(error({ code: 'TOO_FEW_FRAGMENTS', have: 3, need: 4 })), 5)
  assert.equal(exitCodeOf(error({ code: 'DISK_FULL', path: 'x' })), 1)
  assert.equal(exitCodeOf(new Error('anything')), 1)
})
