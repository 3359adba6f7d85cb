import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RepairRecord } from '../../../src/node/store/upkeep.ts'
import { RECORDS_MAX, RepairLedger } from '../../../src/node/upkeep/repair-ledger.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

const record = (segment: number): Omit<RepairRecord, 'number'> => ({
  at: new Date(1_700_000_000_000 + segment),
  kind: 'repair',
  bucket: 'films',
  key: 'Käse/☃',
  segment,
  fragments: [{ index: 1, peer: 'p1' }],
  bytesRead: 4,
  bytesWritten: 1,
  tookMs: 12,
  outcome: 'done',
  reason: '',
  proofs: [{ index: 1, cell: 0, nonce: '00', answer: '01' }],
})

/** Plays processes on one machine, one after the other. */
async function play(
  world: World,
  programs: readonly ((ledger: RepairLedger, peer: SimPeer) => Promise<void>)[],
): Promise<void> {
  let at = 0
  let done = Promise.withResolvers<void>()
  const peer = world.addPeer('p', {
    program: async environment => {
      const ledger = await RepairLedger.open(environment.disk)
      await programs[at++]?.(ledger, peer)
      done.resolve()
    },
  })
  await world.play(async () => {
    for (const _ of programs) {
      done = Promise.withResolvers()
      peer.start()
      await done.promise
      if (peer.isRunning) peer.crash('power')
    }
  })
}

test('what was written is there after a power cut, newest first', () =>
  play(new World(1), [
    async ledger => {
      await Promise.all([1, 2, 3].map(segment => ledger.add(record(segment))))
      await ledger.add(record(4))
    },
    async ledger => {
      const [newest, ...older] = ledger.newest(10)
      assert.deepEqual(newest, { ...record(4), number: 4 })
      assert.deepEqual(
        older.map(({ number }) => number),
        [3, 2, 1],
      )
      await ledger.add(record(5))
    },
    async ledger => {
      assert.deepEqual(
        ledger.newest(2).map(({ number, segment }) => [number, segment]),
        [
          [5, 5],
          [4, 4],
        ],
      )
    },
  ]))

test('a line that rotted ends the file, and the ledger goes on', () =>
  play(new World(2), [
    async ledger => {
      for (let segment = 1; segment <= 5; segment++) await ledger.add(record(segment))
    },
    async (ledger, { drive }) => {
      assert.equal(ledger.newest(10).length, 5)
      const [file] = drive.files()
      drive.flipBit('repairs', Math.floor((file?.sizeBytes ?? 0) * 0.5), 2)
    },
    async ledger => {
      assert.deepEqual(
        ledger.newest(10).map(({ number }) => number),
        [2, 1],
      )
      await ledger.add(record(9))
      assert.equal(ledger.newest(1)[0]?.number, 3)
    },
  ]))

test('it keeps the newest lines, in a file that is written anew now and then', () =>
  play(new World(3), [
    async (ledger, { drive }) => {
      for (let at = 0; at < 45; at++) {
        await Promise.all(Array.from({ length: 100 }, (_, more) => ledger.add(record(more))))
      }
      assert.equal(ledger.newest(10_000).length, RECORDS_MAX)
      const [file] = drive.files()
      assert.ok((file?.sizeBytes ?? 0) < 2_100 * 400 * 2)
    },
    async ledger => {
      assert.equal(ledger.newest(1)[0]?.number, 4_500)
      assert.equal(ledger.newest(10_000).length, RECORDS_MAX)
    },
  ]))

test('lines that found no room are written with the next', () =>
  play(new World(4), [
    async (ledger, { drive }) => {
      await ledger.add(record(1))
      drive.capacityBytes = drive.usedBytes
      await assert.rejects(ledger.add(record(2)))
      drive.capacityBytes = Number.POSITIVE_INFINITY
      await ledger.add(record(3))
    },
    async ledger => {
      assert.deepEqual(
        ledger.newest(9).map(({ segment }) => segment),
        [3, 2, 1],
      )
    },
  ]))
