import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { BinaryReader } from '../../../src/base/binary-reader.ts'
import { BinaryWriter } from '../../../src/base/binary-writer.ts'
import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import { REQUEST_BYTES_MAX } from '../../../src/base/environment.ts'
import { codeOf, HoldfastError } from '../../../src/base/errors.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_COMMANDS_MAX,
  batchBytes,
  decodeOutcomes,
  encodeOutcomes,
  type Outcome,
  readCommands,
  writeCommands,
} from '../../../src/node/consensus/command-batch.ts'
import {
  CommandGatherer,
  type GatheredOptions,
} from '../../../src/node/consensus/command-gatherer.ts'
import { World } from '../../sim/world.ts'

interface Run {
  readonly commands: readonly string[]
  readonly options: GatheredOptions
  readonly finish: (outcomes: readonly Outcome[]) => void
  readonly fail: (error: Error) => void
}

interface Bench {
  readonly world: World
  readonly gatherer: CommandGatherer
  readonly runs: Run[]
  /** Ends the turn. */
  readonly turn: () => Promise<void>
}

/** A gatherer whose runs end when the test says so. */
async function withGatherer(body: (bench: Bench) => Promise<void>): Promise<void> {
  const world = new World(1)
  await world.play(async () => {
    const runs: Run[] = []
    const ends: (() => void)[] = []
    const timers = {
      after: (ms: number, callback: () => void) => {
        const sleeping = async (): Promise<void> => {
          await world.sleep(ms)
          callback()
        }
        void sleeping()
        return { cancel: () => undefined }
      },
    }
    const gatherer = new CommandGatherer({
      timers,
      afterTurn: work => ends.push(work),
      run: (commands, options) =>
        new Promise((finish, fail) => {
          runs.push({ commands: commands.map(toUtf8), options, finish, fail })
        }),
      late: deadlineMs => new Error(`late after ${deadlineMs}`),
    })
    const turn = async (): Promise<void> => {
      for (const end of ends.splice(0)) end()
    }
    await body({ world, gatherer, runs, turn })
  })
}

const done = (text: string): Outcome => ({ result: fromUtf8(text) })
const told = (promise: Promise<Uint8Array>): Promise<string> =>
  promise.then(toUtf8, (error: Error) => `! ${error.message}`)

test('commands of one turn go on together, and each has its own outcome', () =>
  withGatherer(async ({ gatherer, runs, turn }) => {
    const first = told(gatherer.add(fromUtf8('a'), { deadlineMs: 100 }))
    const second = told(gatherer.add(fromUtf8('b'), { deadlineMs: 300 }))
    assert.equal(runs.length, 0)
    await turn()
    const third = told(gatherer.add(fromUtf8('c'), { deadlineMs: 200 }))
    await turn()
    assert.deepEqual(
      runs.map(({ commands, options }) => [...commands, options.deadlineMs]),
      [
        ['a', 'b', 300],
        ['c', 200],
      ],
    )
    runs[0]?.finish([done('A'), { error: new Error('no') }])
    runs[1]?.fail(new Error('lost'))
    assert.deepEqual([await first, await second, await third], ['A', '! no', '! lost'])
  }))

test('a command ends at its own deadline, others go on', () =>
  withGatherer(async ({ world, gatherer, runs, turn }) => {
    const hasty = told(gatherer.add(fromUtf8('a'), { deadlineMs: 100 }))
    const patient = told(gatherer.add(fromUtf8('b'), { deadlineMs: 300 }))
    await turn()
    await world.sleep(150)
    assert.equal(await hasty, '! late after 100')
    assert.equal(runs[0]?.options.signal.aborted, false)
    runs[0]?.finish([done('A'), done('B')])
    assert.equal(await patient, 'B')
  }))

test('who gives up is told at once; when all have, so is the other side', () =>
  withGatherer(async ({ gatherer, runs, turn }) => {
    const [one, two] = [new AbortController(), new AbortController()]
    const first = told(gatherer.add(fromUtf8('a'), { deadlineMs: 100, signal: one.signal }))
    const second = told(gatherer.add(fromUtf8('b'), { deadlineMs: 100, signal: two.signal }))
    await turn()
    one.abort(new Error('enough'))
    assert.equal(await first, '! enough')
    assert.equal(runs[0]?.options.signal.aborted, false)
    two.abort(new Error('enough'))
    assert.equal(await second, '! enough')
    assert.equal(runs[0]?.options.signal.aborted, true)
    const third = told(gatherer.add(fromUtf8('c'), { deadlineMs: 100, signal: one.signal }))
    assert.equal(await third, '! enough')
    await turn()
    assert.equal(runs.length, 1)
  }))

test('a batch has bounds, beyond which the next begins', () =>
  withGatherer(async ({ gatherer, runs, turn }) => {
    const add = (size: number): void =>
      void told(gatherer.add(new Uint8Array(size), { deadlineMs: 100 }))
    for (let at = 0; at <= BATCH_COMMANDS_MAX; at++) add(1)
    await turn()
    assert.deepEqual(
      runs.map(({ commands }) => commands.length),
      [BATCH_COMMANDS_MAX, 1],
    )
    // One that is too large for company still goes.
    add(BATCH_BYTES_MAX + 1)
    add(1)
    await turn()
    assert.deepEqual(
      runs.slice(2).map(({ commands }) => commands.length),
      [1, 1],
    )
  }))

const bytes = fc.uint8Array({ maxLength: 40 })

test('commands are read as they were written, within the size that was told', () => {
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 20 }), commands => {
      const size = batchBytes(commands)
      const writer = new BinaryWriter(size, size)
      writeCommands(writer, commands)
      const reader = new BinaryReader(writer.finish())
      assert.deepEqual(
        readCommands(reader).map(each => [...each]),
        commands.map(each => [...each]),
      )
      reader.end()
    }),
  )
})

test('outcomes arrive in their order, failures with their code', () => {
  const details = { code: 'BUSY', what: 'commands', limit: 1 } as const
  const busy = new HoldfastError('Cannot take a command', details)
  const encoded = encodeOutcomes([done('A'), { error: busy }, { error: new Error('?') }], 7, 'x')
  const [first, second, third] = decodeOutcomes(encoded, 3, 'x')
  assert.ok(first !== undefined && 'result' in first && toUtf8(first.result) === 'A')
  const codes = [second, third].map(each => each && 'error' in each && codeOf(each.error))
  assert.deepEqual(codes, ['BUSY', 'PEER_FAILED'])
})

test('of results that do not fit into an answer nobody knows whether they were', () => {
  const large = { result: new Uint8Array(60_000) }
  const outcomes = Array.from({ length: BATCH_COMMANDS_MAX }, () => large)
  const encoded = encodeOutcomes(outcomes, 7, 'x')
  assert.ok(encoded.length <= REQUEST_BYTES_MAX)
  const decoded = decodeOutcomes(encoded, outcomes.length, 'x')
  const unknown = decoded.filter(
    each => 'error' in each && codeOf(each.error) === 'OUTCOME_UNKNOWN',
  )
  assert.ok(unknown.length > 0 && unknown.length < outcomes.length)
  assert.ok(decoded.every(each => 'result' in each || unknown.includes(each)))
})

test('whatever comes as commands or outcomes, it is read or refused', () => {
  const isExpected = (work: () => unknown): void => {
    try {
      work()
    } catch (error) {
      assert.ok(['MALFORMED', 'TOO_LARGE'].includes(codeOf(error) ?? ''), String(error))
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), input => {
      isExpected(() => readCommands(new BinaryReader(input)))
      isExpected(() => decodeOutcomes(input, 2, 'x'))
    }),
  )
})
