import assert from 'node:assert/strict'
import { test } from 'node:test'

import { configurationOf, encodeConfiguration } from '../../../src/consensus/configuration.ts'
import type { Entry } from '../../../src/consensus/entry.ts'
import type { SnapshotMark } from '../../../src/consensus/raft-event.ts'
import { Applier } from '../../../src/node/consensus/applier.ts'
import type {
  HeldSnapshot,
  ReplicaState,
  Results,
  Run,
} from '../../../src/node/consensus/replica-state.ts'
import { encodeNumber, NumbersMachine } from '../../sim/scenarios/consensus-machine.ts'

const alone = configurationOf({ voters: ['a'], learners: [] })
const both = configurationOf({ voters: ['a', 'b'], learners: [] })
const start: SnapshotMark = { index: 0, term: 0, configuration: alone }

const commandAt = (index: number, number: number): Entry => ({
  index,
  term: 1,
  kind: 'command',
  data: encodeNumber(number),
})

/** A state whose snapshots and answers come when the test wants. */
class SlowState implements ReplicaState {
  readonly start = start
  readonly machine: NumbersMachine = new NumbersMachine()
  /** How the runs came, by the indexes of their commands. */
  readonly runs: string[] = []
  reading: Promise<readonly Uint8Array[]> = Promise.reject(new Error('nothing to install'))
  /** Set while `apply` is to wait. */
  applying: Promise<void> | undefined

  constructor() {
    this.reading.catch(() => undefined)
  }

  prepare(command: Uint8Array): Uint8Array {
    return command
  }

  apply({ commands, mark }: Run): Results | Promise<Results> {
    this.runs.push(
      `${commands.map(({ index }) => index).join(' ')} of ${mark.configuration.voters.join()}`,
    )
    return this.applying === undefined
      ? this.machine.apply(commands)
      : this.applying.then(() => this.machine.apply(commands))
  }

  query(question: Uint8Array): Uint8Array {
    return this.machine.query(question)
  }

  async secure({ index }: SnapshotMark): Promise<number> {
    return index
  }

  snapshot(): Promise<HeldSnapshot> {
    return Promise.reject(new Error('there is none'))
  }

  async install(): Promise<void> {
    this.machine.restore(await this.reading)
  }

  async close(): Promise<void> {}
}

function setUp() {
  const state = new SlowState()
  const told: string[] = []
  const applier = new Applier({
    state,
    applied: ({ index }, result) => told.push(`${index} ${result === undefined ? '-' : 'result'}`),
    jumped: ({ index }) => told.push(`jump ${index}`),
    progressed: () => told.push('on'),
    failed: error => told.push(String(error)),
  })
  return { state, machine: state.machine, told, applier }
}

test('entries are applied in order, and only commands have results', () => {
  const { applier, machine, told } = setUp()
  const noop: Entry = { index: 2, term: 1, kind: 'noop', data: new Uint8Array(0) }
  applier.do({ type: 'apply', entries: [commandAt(1, 7), noop, commandAt(3, 8)] })
  assert.deepEqual(told, ['1 result', '2 -', '3 result', 'on'])
  assert.deepEqual(machine.numbers, [7, 8])
})

test('the state carries the configuration that was in force at its place', () => {
  const { applier } = setUp()
  const data = encodeConfiguration(both)
  applier.do({ type: 'apply', entries: [{ index: 1, term: 1, kind: 'configuration', data }] })
  assert.deepEqual(applier.mark, { index: 1, term: 1, configuration: both })
})

test('what comes behind a snapshot waits until that is in place', async () => {
  const { applier, state, machine, told } = setUp()
  const reading = Promise.withResolvers<readonly Uint8Array[]>()
  state.reading = reading.promise
  const other = new NumbersMachine()
  other.apply([{ index: 9, data: encodeNumber(1) }])
  applier.do({ type: 'install', snapshot: { index: 9, term: 2, configuration: both } })
  applier.do({ type: 'apply', entries: [commandAt(10, 2)] })
  assert.deepEqual(told, [])
  reading.resolve([...other.snapshot()])
  await settled()
  assert.deepEqual(told, ['jump 9', 'on', '10 result', 'on'])
  assert.deepEqual(machine.numbers, [1, 2])
  assert.equal(applier.mark.index, 10)
  assert.equal(applier.waitingBytes, 0)
})

test('what comes while a run is applied is the next run, and a configuration begins one', async () => {
  const { applier, state, machine, told } = setUp()
  const applying = Promise.withResolvers<void>()
  state.applying = applying.promise
  const change: Entry = {
    index: 4,
    term: 1,
    kind: 'configuration',
    data: encodeConfiguration(both),
  }
  applier.do({ type: 'apply', entries: [commandAt(1, 1)] })
  applier.do({ type: 'apply', entries: [commandAt(2, 2)] })
  applier.do({ type: 'apply', entries: [commandAt(3, 3), change, commandAt(5, 5)] })
  assert.ok(applier.waitingBytes > 0)
  assert.deepEqual([applier.mark.index, told], [0, []])
  applying.resolve()
  await settled()
  assert.deepEqual(state.runs, ['1 of a', '2 3 of a', '5 of a,b'])
  assert.deepEqual(machine.numbers, [1, 2, 3, 5])
  assert.deepEqual(told.slice(0, 2), ['1 result', 'on'])
})

test('after a failure, or once stopped, nothing more is applied', async () => {
  const { applier, state, told, machine } = setUp()
  state.applying = Promise.reject(new Error('the disk is full'))
  applier.do({ type: 'apply', entries: [commandAt(1, 1)] })
  applier.do({ type: 'apply', entries: [commandAt(2, 2)] })
  await settled()
  assert.deepEqual(told, ['Error: the disk is full'])
  assert.deepEqual(machine.numbers, [])
})

test('an entry that is missing, or comes twice, stops the replica', () => {
  const { applier } = setUp()
  assert.throws(() => applier.do({ type: 'apply', entries: [commandAt(2, 1)] }), /in order/)
})

/** Resolves when no promise can go on by itself. */
const settled = (): Promise<void> =>
  new Promise(resolve => {
    process.nextTick(resolve)
  })
