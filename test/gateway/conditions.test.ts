import assert from 'node:assert/strict'
import { test } from 'node:test'

import { judgeRead, rangeHolds } from '../../src/gateway/conditions.ts'

const now = { etag: 'abc', modified: new Date('2026-05-01T12:00:00.700Z') }
const then = 'Fri, 01 May 2026 12:00:00 GMT'
const before = 'Fri, 01 May 2026 11:59:59 GMT'

for (const [headers, verdict] of [
  [{}, 'go on'],
  [{ 'if-match': '"abc"' }, 'go on'],
  [{ 'if-match': '"x", "abc"' }, 'go on'],
  [{ 'if-match': '*' }, 'go on'],
  [{ 'if-match': '"x"' }, 'failed'],
  [{ 'if-none-match': '"abc"' }, 'not modified'],
  [{ 'if-none-match': 'W/"abc"' }, 'not modified'],
  [{ 'if-none-match': '*' }, 'not modified'],
  [{ 'if-none-match': '"x"' }, 'go on'],
  [{ 'if-modified-since': then }, 'not modified'],
  [{ 'if-modified-since': before }, 'go on'],
  [{ 'if-modified-since': 'yesterday' }, 'go on'],
  [{ 'if-unmodified-since': then }, 'go on'],
  [{ 'if-unmodified-since': before }, 'failed'],
  // What looks at the bytes goes before what looks at the clock.
  [{ 'if-match': '"abc"', 'if-unmodified-since': before }, 'go on'],
  [{ 'if-none-match': '"x"', 'if-modified-since': then }, 'go on'],
  [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'failed'],
] as const)
  test(`a read with ${JSON.stringify(headers)} is to ${verdict}`, () =>
    assert.equal(judgeRead(headers, now), verdict))

for (const [ifRange, holds] of [
  [undefined, true],
  ['"abc"', true],
  ['"x"', false],
  ['W/"abc"', false],
  [then, true],
  [before, false],
  ['soon', false],
] as const)
  test(`a range under If-Range ${ifRange} ${holds ? 'holds' : 'does not hold'}`, () =>
    assert.equal(rangeHolds(ifRange, now), holds))
