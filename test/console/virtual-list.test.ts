import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { scrollFor, windowOf } from '../../console/logic/virtual-list.ts'

const list = fc.record({
  count: fc.nat(100_000),
  rowPx: fc.integer({ min: 10, max: 60 }),
  scrollPx: fc.nat(4_000_000),
  viewPx: fc.integer({ min: 50, max: 2000 }),
})

test('every row in sight is in the page, and few others', () =>
  fc.assert(
    fc.property(list, view => {
      const { first, end, totalPx } = windowOf(view)
      const scrollPx = Math.min(view.scrollPx, Math.max(0, totalPx - view.viewPx))
      const seen = [
        Math.floor(scrollPx / view.rowPx),
        Math.min(view.count, Math.ceil((scrollPx + view.viewPx) / view.rowPx)),
      ] as const
      assert.ok(first <= seen[0] && end >= seen[1], `${first} to ${end} for ${seen.join(' to ')}`)
      assert.ok(end - first <= Math.ceil(view.viewPx / view.rowPx) + 17)
    }),
  ))

test('a row that is scrolled to is seen whole', () =>
  fc.assert(
    fc.property(list, fc.nat(), (view, seed) => {
      fc.pre(view.count > 0 && view.viewPx >= view.rowPx)
      const row = seed % view.count
      const top = scrollFor(row, view)
      assert.ok(row * view.rowPx >= top)
      assert.ok((row + 1) * view.rowPx <= top + view.viewPx)
    }),
  ))

test('a row that is seen already stays where it is', () =>
  assert.equal(scrollFor(5, { count: 100, rowPx: 10, scrollPx: 20, viewPx: 100 }), 20))
