import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import type { UpkeepSettings } from '../../../src/node/upkeep/upkeep-settings.ts'
import { UpkeepTown } from '../../support/upkeep-town.ts'

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `p${at}`)

/** Slow loops that a test does not look at are left out. */
const quiet: Partial<UpkeepSettings> = {
  auditEveryMs: 600_000,
  rebalanceEveryMs: 86_400_000,
  schemeEveryMs: 86_400_000,
  scrubPauseMs: 86_400_000,
  sweepEveryMs: 1_000,
  collectEveryMs: 1_000,
  garbageGraceMs: 2_000,
}

const play = (
  count: number,
  body: (upkeep: UpkeepTown) => Promise<void>,
  settings: Partial<UpkeepSettings> = {},
): Promise<void> => UpkeepTown.play(names(count), body, { settings: { ...quiet, ...settings } })

const someBytes = (size: number): Uint8Array => new Prng(size).bytes(size)

test('what a dead peer held is made anew, proven, and listed under others', () =>
  play(8, async upkeep => {
    const stored = [
      await upkeep.objects.put('a', someBytes(300_000), { k: 4, m: 2 }),
      await upkeep.objects.put('b', someBytes(10), { k: 4, m: 2 }),
      await upkeep.objects.put('c', someBytes(600_001), { k: 4, m: 2 }),
    ]
    assert.equal(await upkeep.objects.lacking(), 0)
    upkeep.kill('p7')
    await upkeep.town.world.sleep(90_000)
    assert.equal(await upkeep.objects.lacking(), 0)
    for (const object of stored) await upkeep.objects.check(object)
    const ledger = await upkeep.service().repairs()
    assert.ok(ledger.length > 0)
    assert.ok(ledger.every(({ outcome, proofs }) => outcome === 'done' && proofs.length > 0))
  }))
