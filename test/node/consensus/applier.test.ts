import assert from 'node:assert/strict'
import { test } from 'node:test'

import { configurationOf, encodeConfiguration } from '../../../src/consensus/configuration.ts'
import type { Entry } from '../../../src/consensus/entry.ts'
import type { SnapshotMark } from '../../../src/consensus/raft-event.ts'
import { Applier } from '../../../src/node/consensus/applier.ts'
import type { Snapshot } from '../../../src/node/consensus/snapshot-file.ts'
import { encodeNumber, NumbersMachine } from '../../sim/scenarios/consensus-machine.ts'

const alone = configurationOf({ voters: ['a'], learners: [] })
const both = configurationOf({ voters: ['a', 'b'], learners: [] })
const start: SnapshotMark = { index: 0, term: 0, configuration: alone }

const command = (index: number, number: number): Entry => ({
  index,
  term: 1,
  kind: 'command',
  data: encodeNumber(number),
})

function setUp(
  read: (mark: SnapshotMark) => Promise<Snapshot> = () => Promise.reject(new Error()),
) {
  const machine = new NumbersMachine()
  const told: string[] = []
  const applier = new Applier({
    machine,
    start,
    read,
    applied: ({ index }, result) => told.push(`${index} ${result === undefined ? '-' : 'result'}`),
    jumped: ({ index }) => told.push(`jump ${index}`),
    rested: () => told.push('rest'),
    failed: error => told.push(String(error)),
  })
  return { machine, told, applier }
}

test('entries are applied in order, and only commands have results', () => {
  const { applier, machine, told } = setUp()
  const noop: Entry = { index: 2, term: 1, kind: 'noop', data: new Uint8Array(0) }
  applier.do({ type: 'apply', entries: [command(1, 7), noop, command(3, 8)] })
  assert.deepEqual(told, ['1 result', '2 -', '3 result', 'rest'])
  assert.deepEqual(machine.numbers, [7, 8])
})

test('the state carries the configuration that was in force at its place', () => {
  const { applier } = setUp()
  const data = encodeConfiguration(both)
  applier.do({ type: 'apply', entries: [{ index: 1, term: 1, kind: 'configuration', data }] })
  assert.deepEqual(applier.mark, { index: 1, term: 1, configuration: both })
})

test('what comes behind a snapshot waits until that is in place', async () => {
  const reading = Promise.withResolvers<Snapshot>()
  const { applier, machine, told } = setUp(() => reading.promise)
  const other = new NumbersMachine()
  other.apply([{ index: 9, data: encodeNumber(1) }])
  const mark: SnapshotMark = { index: 9, term: 2, configuration: both }
  applier.do({ type: 'install', snapshot: mark })
  applier.do({ type: 'apply', entries: [command(10, 2)] })
  assert.deepEqual([told, applier.isIdle], [[], false])
  reading.resolve({ mark, pieces: [...other.snapshot()] })
  await reading.promise
  await Promise.resolve()
  assert.deepEqual(told, ['jump 9', '10 result', 'rest'])
  assert.deepEqual(machine.numbers, [1, 2])
  assert.equal(applier.mark.index, 10)
})

test('an entry that is missing, or comes twice, stops the replica', () => {
  const { applier } = setUp()
  assert.throws(() => applier.do({ type: 'apply', entries: [command(2, 1)] }), /in order/)
})
