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
  capacityBytes: number = 1 << 30,
): Promise<void> =>
  UpkeepTown.play(names(count), body, { settings: { ...quiet, ...settings }, capacityBytes })

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

test('an outage of thirty seconds moves nothing where more than one fragment may be lost', () =>
  play(8, async upkeep => {
    await upkeep.objects.put('a', someBytes(300_000), { k: 2, m: 3 })
    const [before] = await upkeep.objects.segments()
    upkeep.kill(upkeep.nameAt(before?.record.fragments[0]?.seat ?? 0))
    await upkeep.town.world.sleep(30_000)
    await upkeep.restart(upkeep.nameAt(before?.record.fragments[0]?.seat ?? 0))
    await upkeep.town.world.sleep(120_000)
    assert.deepEqual(await upkeep.objects.segments(), [before])
    assert.equal(await upkeep.objects.lacking(), 0)
    assert.deepEqual(await upkeep.service().repairs(), [])
  }))

test('a peer that stands still for a moment keeps what it has', () =>
  play(8, async upkeep => {
    await upkeep.objects.put('a', someBytes(300_000), { k: 4, m: 2 })
    const before = await upkeep.objects.segments()
    const holder = upkeep.nameAt(before[0]?.record.fragments[1]?.seat ?? 0)
    upkeep.freeze(holder)
    await upkeep.town.world.sleep(5_000)
    upkeep.thaw(holder)
    await upkeep.town.world.sleep(60_000)
    assert.deepEqual(await upkeep.objects.segments(), before)
  }))

test('a peer that does not answer audits for a moment is not taken for a liar', () =>
  play(
    8,
    async upkeep => {
      for (let at = 0; at < 10; at++) {
        await upkeep.objects.put(`o${at}`, someBytes(100_000 + at), { k: 2, m: 3 })
      }
      const before = await upkeep.objects.segments()
      const [frozen = ''] = upkeep.town.names.filter(name => name !== upkeep.leader)
      upkeep.freeze(frozen)
      await upkeep.town.world.sleep(12_000)
      upkeep.thaw(frozen)
      await upkeep.town.world.sleep(60_000)
      assert.deepEqual(await upkeep.objects.segments(), before)
      const { audits } = upkeep.service().upkeep()
      assert.ok(audits.unknown + audits.offline > 0 && audits.wrong === 0)
      assert.deepEqual(await upkeep.service().repairs(), [])
    },
    { auditEveryMs: 20 },
  ))

test('a fragment that was owed is made at once', () =>
  play(7, async upkeep => {
    const object = await upkeep.objects.put('a', someBytes(300_000), { k: 4, m: 2 }, { missing: 1 })
    assert.equal(await upkeep.objects.lacking(), 1)
    upkeep.service('p6').reportDebt()
    await upkeep.town.world.sleep(3_000)
    assert.equal(await upkeep.objects.lacking(), 0)
    await upkeep.objects.check(object)
  }))

test('whoever leads next goes on where the last one was', () =>
  play(9, async upkeep => {
    for (let at = 0; at < 12; at++) {
      await upkeep.objects.put(`o${at}`, someBytes(200_000 + at), { k: 4, m: 2 })
    }
    const [victim = ''] = upkeep.town.names.filter(name => name !== upkeep.leader)
    upkeep.kill(victim)
    await upkeep.town.world.sleep(7_100)
    upkeep.kill(upkeep.leader)
    await upkeep.town.world.sleep(120_000)
    assert.equal(await upkeep.objects.lacking(), 0)
  }))

test('parity is added when the network grows, and k changes where that is worth it', () =>
  play(
    2,
    async upkeep => {
      const stored = [
        await upkeep.objects.put('large', someBytes(400_000), { k: 1, m: 1 }),
        await upkeep.objects.put('small', someBytes(900), { k: 1, m: 1 }),
      ]
      const schemes = async (): Promise<string[]> =>
        (await upkeep.objects.segments()).map(
          ({ record }) => `${record.k}+${record.fragments.length - record.k}`,
        )
      for (const [count, expected] of [
        [3, ['2+1', '1+1']],
        [4, ['2+2', '1+2']],
        [8, ['4+3', '1+3']],
      ] as const) {
        while (upkeep.town.names.length < count) {
          const name = `p${upkeep.town.names.length}`
          upkeep.town.add(name)
          await upkeep.town.until(() => upkeep.town.names.includes(name))
        }
        await upkeep.town.world.sleep(60_000)
        assert.deepEqual(new Set(await schemes()), new Set(expected))
        assert.equal(await upkeep.objects.lacking(), 0)
        for (const object of stored) await upkeep.objects.check(object)
      }
      assert.equal(await upkeep.objects.unlisted(), 0)
    },
    { schemeEveryMs: 1_000 },
  ))

test('a peer that is drained ends up empty, and serves meanwhile', () =>
  play(8, async upkeep => {
    const stored = []
    for (let at = 0; at < 6; at++) {
      stored.push(await upkeep.objects.put(`o${at}`, someBytes(100_000 + at), { k: 4, m: 2 }))
    }
    const service = upkeep.service('p3')
    await service.drain('p2')
    assert.deepEqual(await service.drains(), [{ peer: 'p2', state: 'draining' }])
    await upkeep.town.world.sleep(120_000)
    assert.deepEqual(await service.drains(), [{ peer: 'p2', state: 'drained' }])
    assert.equal(await upkeep.objects.lacking(), 0)
    assert.equal((await upkeep.town.peer('p2').fragments.store.list()).length, 0)
    for (const object of stored) await upkeep.objects.check(object)
    await service.undrain('p2')
    assert.deepEqual(await service.drains(), [])
  }))

test('drains shrink the schemes when peers become too few for them', () =>
  play(
    6,
    async upkeep => {
      const object = await upkeep.objects.put('a', someBytes(400_000), { k: 4, m: 2 })
      for (const name of ['p4', 'p5']) await upkeep.service('p0').drain(name)
      await upkeep.town.world.sleep(120_000)
      const [segment] = await upkeep.objects.segments()
      assert.deepEqual([segment?.record.k, segment?.record.fragments.length], [2, 4])
      assert.equal(await upkeep.objects.lacking(), 0)
      await upkeep.objects.check(object)
      const states = (await upkeep.service('p0').drains()).map(({ state }) => state)
      assert.deepEqual(states, ['drained', 'drained'])
    },
    { schemeEveryMs: 1_000 },
  ))

test('what was deleted is dropped everywhere, and what was never listed expires', () =>
  play(7, async upkeep => {
    await upkeep.objects.put('a', someBytes(300_000), { k: 4, m: 2 })
    await upkeep.objects.put('b', someBytes(300_001), { k: 4, m: 2 }, { isListed: false })
    const kept = await upkeep.objects.put('c', someBytes(300_002), { k: 4, m: 2 })
    await upkeep.objects.delete('a')
    await upkeep.town.world.sleep(700_000)
    assert.equal(await upkeep.objects.garbage(), 0)
    assert.equal(await upkeep.objects.unlisted(), 0)
    assert.equal(await upkeep.objects.lacking(), 0)
    await upkeep.objects.check(kept)
  }))

test('a hung peer keeps nobody else from being told of garbage', () =>
  play(7, async upkeep => {
    for (let at = 0; at < 8; at++) {
      await upkeep.objects.put(`o${at}`, someBytes(70_000 + at), { k: 4, m: 2 })
    }
    const [hung = ''] = upkeep.town.names.filter(name => name !== upkeep.leader)
    upkeep.freeze(hung)
    for (let at = 0; at < 8; at++) await upkeep.objects.delete(`o${at}`)
    await upkeep.town.world.sleep(60_000)
    upkeep.thaw(hung)
    await upkeep.town.world.sleep(60_000)
    assert.equal(await upkeep.objects.garbage(), 0)
    assert.equal(await upkeep.objects.unlisted(), 0)
  }))

test('what rotted is mended in place, from others', () =>
  play(
    7,
    async upkeep => {
      const object = await upkeep.objects.put('a', someBytes(700_000), { k: 4, m: 2 })
      const before = await upkeep.objects.segments()
      const { machine } = upkeep.town.peer(upkeep.nameAt(before[0]?.record.fragments[2]?.seat ?? 0))
      const [file] = machine.drive.files().filter(({ path }) => path.startsWith('frag/'))
      assert.ok(file !== undefined)
      machine.drive.flipBit(file.path, file.sizeBytes - 5, 3)
      await upkeep.town.world.sleep(120_000)
      assert.deepEqual(await upkeep.objects.segments(), before)
      assert.equal(await upkeep.objects.lacking(), 0)
      await upkeep.objects.check(object)
      const [repair] = await upkeep.service().repairs()
      assert.equal(repair?.reason, 'in place')
    },
    { scrubPassMs: 10_000, scrubPauseMs: 20_000 },
  ))

test('audits find what a peer has lost without a word', () =>
  play(
    7,
    async upkeep => {
      await upkeep.objects.put('a', someBytes(700_000), { k: 4, m: 2 })
      const [segment] = await upkeep.objects.segments()
      const holder = upkeep.nameAt(segment?.record.fragments[2]?.seat ?? 0)
      const { store } = upkeep.town.peer(holder).fragments
      const [info] = await store.list()
      for (const reference of info?.references ?? []) {
        await store.release(info?.id ?? '', reference, 0)
      }
      await upkeep.town.world.sleep(10)
      await store.collect(async () => false)
      assert.equal(await upkeep.objects.lacking(), 1)
      await upkeep.town.world.sleep(60_000)
      assert.equal(await upkeep.objects.lacking(), 0)
      assert.ok(upkeep.service().upkeep().audits.wrong >= 1)
      assert.ok(upkeep.service().upkeep().audits.ok >= 10)
    },
    { auditEveryMs: 500 },
  ))

test('the ledger is told by all peers, and a hung one costs less than a second', () =>
  play(8, async upkeep => {
    await upkeep.objects.put('a', someBytes(300_000), { k: 4, m: 2 })
    const [segment] = await upkeep.objects.segments()
    const seats = segment?.record.fragments.map(({ seat }) => upkeep.nameAt(seat)) ?? []
    const victim = seats.find(name => name !== upkeep.leader) ?? ''
    upkeep.kill(victim)
    await upkeep.town.world.sleep(90_000)
    const asker = upkeep.town.names.find(name => name !== upkeep.leader) ?? ''
    const hung = upkeep.town.names.find(name => name !== upkeep.leader && name !== asker) ?? ''
    upkeep.freeze(hung)
    const beganMs = upkeep.town.world.nowMs
    const repairs = await upkeep.service(asker).repairs({ limit: 5 })
    assert.ok(upkeep.town.world.nowMs - beganMs < 1_000)
    assert.deepEqual(
      repairs.map(({ by, kind, outcome }) => [by, kind, outcome]),
      [[upkeep.leader, 'repair', 'done']],
    )
  }))

test('a new peer attracts data until it is about as full as the others', () =>
  play(
    5,
    async upkeep => {
      for (let at = 0; at < 30; at++) {
        await upkeep.objects.put(`o${at}`, someBytes(120_000 + at), { k: 2, m: 2 })
      }
      upkeep.town.add('p5')
      await upkeep.town.until(() => upkeep.town.names.includes('p5'))
      await upkeep.town.world.sleep(2_000)
      const plan = await upkeep.service('p1').rebalance({ dryRun: true })
      assert.ok(plan.moves > 0 && plan.before.emptiest === 0 && plan.after.emptiest > 0)
      await upkeep.town.world.sleep(600_000)
      const used = upkeep.town.names.map(
        name => upkeep.town.peer(name).fragments.store.usage.usedBytes,
      )
      assert.ok(Math.min(...used) > Math.max(...used) / 2, used.join(' '))
      assert.equal(await upkeep.objects.lacking(), 0)
    },
    { rebalanceEveryMs: 10_000 },
    4_000_000,
  ))
