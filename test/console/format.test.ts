import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import {
  ago,
  clip,
  counted,
  duration,
  milliseconds,
  percent,
  rate,
  shortId,
} from '../../console/logic/format.ts'

describe('numbers as people read them', () => {
  const cases: readonly (readonly [string, string])[] = [
    [counted(1, 'object'), '1 object'],
    [counted(1204, 'object'), '1,204 objects'],
    [counted(2, 'entry', 'entries'), '2 entries'],
    [rate(1_500_000), '1.50 MB/s'],
    [duration(0), '0 ms'],
    [duration(-5), '0 ms'],
    [duration(9_940), '9.9 s'],
    [duration(59_999), '59 s'],
    [duration(180_000), '3 min'],
    [duration(7_500_000), '2 h 5 min'],
    [duration(7_200_000), '2 h'],
    [duration(90_000_000), '1 d 1 h'],
    [duration(86_400_000 * 1200), '1,200 d'],
    [ago(1999), 'just now'],
    [ago(61_000), '1 min ago'],
    [milliseconds(0), '0 ms'],
    [milliseconds(0.4), '0.4 ms'],
    [milliseconds(-0.001), '0 ms'],
    [milliseconds(-1.5), '−1.5 ms'],
    [milliseconds(100), '100 ms'],
    [milliseconds(61_000), '1 min'],
    [percent(0), '0 %'],
    [percent(0.001), '< 1 %'],
    [percent(0.999), '> 99 %'],
    [percent(1), '100 %'],
    [shortId('short'), 'short'],
    [shortId('12D3KooWABCDEFGH'), '…ABCDEFGH'],
    [clip('abcdef', 3), 'abc…'],
    [clip('abc', 3), 'abc'],
  ]
  for (const [shown, wanted] of cases) test(`reads ${wanted}`, () => assert.equal(shown, wanted))
})
