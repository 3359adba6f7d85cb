import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseRange } from '../../src/gateway/byte-range.ts'

for (const [header, range] of [
  ['bytes=0-0', { type: 'from', from: 0, to: 1 }],
  ['bytes=10-19', { type: 'from', from: 10, to: 20 }],
  ['bytes=10-', { type: 'from', from: 10, to: undefined }],
  ['bytes=-500', { type: 'last', count: 500 }],
  ['bytes=-0', { type: 'last', count: 0 }],
  [' bytes=1-2 ', { type: 'from', from: 1, to: 3 }],
] as const)
  test(`'${header}' asks for some bytes`, () => assert.deepEqual(parseRange(header), range))

for (const header of [
  undefined,
  '',
  'bytes=',
  'bytes=-',
  'bytes=5-2',
  'bytes=0-1,3-4',
  'bytes=a-b',
  'bytes=0x1-2',
  'bytes=1-2;',
  'lines=1-2',
  `bytes=${'9'.repeat(16)}-`,
])
  test(`'${header}' asks for everything`, () => assert.equal(parseRange(header), undefined))
