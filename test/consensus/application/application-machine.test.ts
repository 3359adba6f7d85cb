import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import * as fc from 'fast-check'

import { fromUtf8 } from '../../../src/base/bytes.ts'
import { ApplicationMachine } from '../../../src/consensus/application/application-machine.ts'
import { checkDefinition } from '../../../src/consensus/application/check-definition.ts'
import type {
  MachineContext,
  MachineDefinition,
  MachineState,
} from '../../../src/consensus/application/definition.ts'
import {
  decodeMachineResult,
  encodeMachineCommand,
  type MachineCommand,
  type MachineResult,
} from '../../../src/consensus/application/machine-command.ts'
import {
  decodeMachineReply,
  encodeMachineQuestion,
  type MachineQuestion,
} from '../../../src/consensus/application/machine-question.ts'
import { failsWith } from '../../support/expect.ts'

type Step = (state: MachineState, context: MachineContext<unknown>) => unknown

/** A machine whose commands name what is to be done, so that each test writes its own reducer. */
class Play {
  readonly steps: Record<string, Step>
  readonly definition: MachineDefinition
  machine: ApplicationMachine
  index = 0
  timeMs = 1_000

  constructor(steps: Record<string, Step>, limits: MachineDefinition['limits'] = {}) {
    this.steps = steps
    this.definition = {
      version: 1,
      limits,
      apply: (state, command, context) => this.steps[String(command)]?.(state, context) ?? null,
      onTimer: (state, timer, context) => {
        state.set(`fired/${timer.name}`, { dueMs: timer.dueMs, atMs: context.timeMs })
        if (timer.payload === 'fail') throw new Error('a timer that fails')
      },
      query: state => state.list('').map(({ key, value }) => [key, value]),
    }
    this.machine = new ApplicationMachine({ definition: this.definition, guarded: work => work() })
    this.send({ type: 'raise', version: 1 })
  }

  send(command: MachineCommand): MachineResult {
    const data = encodeMachineCommand(command)
    const [result] = this.machine.apply([{ index: ++this.index, data, timeMs: this.timeMs }])
    return decodeMachineResult(result as Uint8Array)
  }

  do(command: string, key?: string): MachineResult {
    const print = key === undefined ? undefined : command
    return this.send({ type: 'command', command, key, print })
  }

  ask(question: MachineQuestion): ReturnType<typeof decodeMachineReply> {
    return decodeMachineReply(this.machine.query(encodeMachineQuestion(question)))
  }

  rows(): unknown {
    const reply = this.ask({ type: 'ask', question: null })
    return reply.type === 'reply' ? reply.reply : reply
  }

  /** Through a snapshot, into a machine of its own. */
  restored(): ApplicationMachine {
    const pieces = [...this.machine.snapshot()].map(piece => piece.slice())
    const copy = new ApplicationMachine({ definition: this.definition, guarded: work => work() })
    copy.restore(pieces)
    return copy
  }
}

const set: Step = state => state.set('a', { deep: [1] })

describe('a command', () => {
  test('that throws changes nothing: rows, timers, events, hash', () => {
    const play = new Play({
      begin: state => {
        state.set('a', 1)
        state.set('b', 2)
      },
      fail: (state, context) => {
        state.set('a', 5)
        state.delete('b')
        state.set('c', 3)
        context.setTimer('t', 5_000)
        context.emit('nothing')
        throw new TypeError('a bug')
      },
      refuse: (state, { refuse }) => {
        state.set('a', 5)
        return refuse('not today')
      },
    })
    play.do('begin')
    const hash = play.machine.hash()
    assert.equal(play.do('fail').type, 'failed')
    const refused = play.do('refuse')
    assert.deepEqual(
      [refused.type, 'answer' in refused && refused.answer],
      ['refused', 'not today'],
    )
    assert.equal(play.machine.hash(), hash)
    assert.deepEqual(play.rows(), [
      ['a', 1],
      ['b', 2],
    ])
    const { timers, failures, lastFailure } = play.machine.facts
    assert.deepEqual([timers, failures, lastFailure], [0, 1, 'at 3: a bug'])
    const told = play.ask({ type: 'events', after: 0, limit: 10 })
    assert.deepEqual(told.type === 'events' && told.events, [])
  })

  test('gets the first answer whenever its key comes again, a refusal as well', () => {
    let count = 0
    const play = new Play({ count: () => ++count, refuse: (_, { refuse }) => refuse('no') })
    const first = play.do('count', 'k')
    play.timeMs += 1e9
    assert.deepEqual(play.do('count', 'k'), { ...first, isRepeat: true })
    assert.equal(count, 1)
    const refused = play.do('refuse', 'r')
    play.steps['refuse'] = () => 'yes'
    assert.deepEqual(play.do('refuse', 'r'), { ...refused, isRepeat: true })
    assert.equal(play.do('refuse', 'k').type, 'reused')
  })

  test('with a new key is refused where there is no room for it, and no old key is forgotten', () => {
    const play = new Play({ one: () => 1 }, { keysMax: 2, keepKeysMs: 10_000 })
    play.do('one', 'a')
    play.timeMs += 5_000
    play.do('one', 'b')
    assert.deepEqual(play.do('one', 'c'), { type: 'full', what: 'keys' })
    assert.equal((play.do('one', 'a') as { isRepeat?: boolean }).isRepeat, true)
    // By the time of the log the first one is over now.
    play.timeMs += 5_001
    assert.equal(play.do('one', 'c').type, 'done')
    assert.equal((play.do('one', 'b') as { isRepeat?: boolean }).isRepeat, true)
  })

  test('that would exceed a bound is refused, also where its reducer catches that', () => {
    const large = 'x'.repeat(1_000)
    const play = new Play(
      {
        fill: state => state.set('large', large),
        more: state => {
          state.set('small', 1)
          state.set('other', large)
        },
        stubborn: state => {
          try {
            state.set('other', large)
          } catch {
            state.set('small', 1)
          }
        },
        huge: state => state.set('huge', 'x'.repeat(70_000)),
        nothing: state => state.set('', 1),
      },
      { stateBytesMax: 1_500, rowsMax: 3 },
    )
    assert.equal(play.do('fill').type, 'done')
    assert.deepEqual(play.do('more'), { type: 'full', what: 'bytes' })
    assert.deepEqual(play.do('stubborn'), { type: 'full', what: 'bytes' })
    assert.equal(play.do('huge').type, 'failed')
    assert.equal(play.do('nothing').type, 'failed')
    assert.equal(play.machine.facts.rows, 1)
  })

  test('sees copies: what it does to a value is nothing until it is set', () => {
    const play = new Play({
      set,
      spoil: state => state.get<{ deep: number[] }>('a')?.deep.push(2),
    })
    play.do('set')
    const hash = play.machine.hash()
    play.do('spoil')
    assert.equal(play.machine.hash(), hash)
  })

  test('that nobody of ours would send does nothing', () => {
    const play = new Play({ set })
    for (const text of ['', '[]', '{"type":"command"}', '{"type":"raise","version":"x"}', 'null']) {
      const [result] = play.machine.apply([{ index: ++play.index, data: fromUtf8(text) }])
      assert.deepEqual(decodeMachineResult(result as Uint8Array), { type: 'malformed' })
    }
  })

  test('cannot use its context once it has returned', () => {
    let kept: MachineContext<unknown> | undefined
    const play = new Play({ keep: (_, context) => void (kept = context) })
    play.do('keep')
    assert.throws(() => kept?.emit('late'), TypeError)
  })
})

describe('timers', () => {
  test('fire in the order in which they are due, each once, before the command that brings the time', () => {
    const play = new Play({
      set: (_, context) => {
        context.setTimer('b', 3_000)
        context.setTimer('a', 2_000, 'fail')
        context.setTimer('c', 9_000)
        context.setTimer('d', 2_500)
        context.cancelTimer('d')
      },
      look: state => state.list('fired/').map(({ key }) => key),
    })
    play.do('set')
    assert.equal(play.machine.nextMs, 2_000)
    play.timeMs = 4_000
    const looked = play.do('look')
    // The one that failed is over, and has changed nothing.
    assert.deepEqual('answer' in looked && looked.answer, ['fired/b'])
    assert.equal(play.machine.facts.timers, 1)
    // Time never goes back.
    play.timeMs = 10
    play.send({ type: 'tick' })
    assert.equal(play.machine.facts.timeMs, 4_000)
  })
})

describe('stages', () => {
  const stage = {
    type: 'stage',
    stage: 's',
    ttlMs: 1_000,
    files: [{ bucket: 'b', key: 'k' }],
  } as const

  test('end with their command, or are to be deleted', () => {
    const play = new Play({ take: () => 1, refuse: (_, { refuse }) => refuse('no') })
    const take = (command: string): MachineResult =>
      play.send({ type: 'command', command, stage: 's' })
    play.send(stage)
    assert.equal(take('take').type, 'done')
    assert.deepEqual(play.machine.sweepable, [])
    assert.deepEqual(take('take'), { type: 'late' })
    play.send(stage)
    assert.equal(take('refuse').type, 'refused')
    assert.deepEqual(
      play.machine.sweepable.map(({ id }) => id),
      ['s'],
    )
    play.send({ type: 'swept', stages: ['s'] })
    assert.equal(play.machine.facts.stages, 0)
  })

  test('are over by the time of the log, and nothing can take their files then', () => {
    const play = new Play({ take: () => 1 })
    play.send(stage)
    play.timeMs += 1_001
    assert.deepEqual(play.send({ type: 'command', command: 'take', stage: 's' }), { type: 'late' })
    assert.equal(play.machine.sweepable.length, 1)
  })
})

describe('events', () => {
  test('are kept as far as the bounds allow, of each entry all or none', () => {
    const play = new Play(
      { three: (_, { emit }) => [1, 2, 3].forEach(each => emit(each)) },
      { eventsMax: 7 },
    )
    for (let at = 0; at < 4; at++) play.do('three')
    const told = play.ask({ type: 'events', after: 0, limit: 1 })
    assert.ok(told.type === 'events')
    assert.equal(told.oldest, 3)
    assert.deepEqual(
      told.events.map(({ index, event, isLast }) => [index, event, isLast]),
      [
        [4, 1, false],
        [4, 2, false],
        [4, 3, true],
      ],
    )
    assert.equal(told.through, 4)
    const rest = play.ask({ type: 'events', after: 4, limit: 10 })
    assert.ok(rest.type === 'events')
    assert.deepEqual([rest.events.length, rest.through], [3, 5])
  })
})

interface Wish {
  readonly row: string
  readonly value: unknown
  readonly isKept: boolean
  readonly laterMs: number
}

describe('a snapshot', () => {
  const letters = fc.constantFrom('a', 'b', 'c', 'd', 'e')

  test('makes the same machine again, which goes on the same way', () => {
    const command = fc.record({
      key: fc.option(letters, { nil: undefined }),
      row: letters,
      value: fc.jsonValue({ maxDepth: 2 }),
      isKept: fc.boolean(),
      laterMs: fc.integer({ min: 0, max: 3_000 }),
    })
    const steps = new Proxy<Record<string, Step>>(
      {},
      {
        get: (_, text): Step => {
          const { row, value, isKept, laterMs } = JSON.parse(String(text)) as Wish
          return (state, context) => {
            if (isKept) state.set(row, value)
            else state.delete(row)
            context.setTimer(row, context.timeMs + laterMs)
            context.emit(value)
            return value
          }
        },
      },
    )
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), fc.nat(39), (commands, cut) => {
        const play = new Play(steps)
        let copy: ApplicationMachine | undefined
        for (const [at, { key, ...rest }] of commands.entries()) {
          play.timeMs += 700
          if (at === cut) copy = play.restored()
          play.do(JSON.stringify(rest), key)
          if (copy === undefined) continue
          const data = encodeMachineCommand({
            type: 'command',
            command: JSON.stringify(rest),
            ...(key === undefined ? {} : { key, print: JSON.stringify(rest) }),
          })
          copy.apply([{ index: play.index, data, timeMs: play.timeMs }])
          assert.equal(copy.hash(), play.machine.hash())
        }
        const { failures: _, lastFailure: __, ...facts } = play.restored().facts
        const { failures: ___, lastFailure: ____, ...known } = play.machine.facts
        assert.deepEqual(facts, known)
        assert.equal(play.restored().hash(), play.machine.hash())
      }),
      { numRuns: 60 },
    )
  })

  test('that was changed is refused, and leaves the machine as it was', () => {
    const play = new Play({ set })
    play.do('set')
    const [piece] = [...play.machine.snapshot()]
    assert.ok(piece !== undefined)
    for (let at = 0; at < piece.length; at++) {
      const broken = piece.slice()
      broken[at] = (broken[at] ?? 0) ^ 1
      const copy = new ApplicationMachine({ definition: play.definition, guarded: work => work() })
      try {
        copy.restore([broken])
        // Only what no hash covers may pass: when it was.
        assert.equal(copy.hash(), play.machine.hash())
      } catch (error) {
        assert.ok(error instanceof Error && error.name !== 'AssertionError', String(error))
      }
    }
  })
})

test('a replica does not apply what its program does not know', () => {
  const play = new Play({ set })
  failsWith('MACHINE_OUTDATED', () => play.send({ type: 'raise', version: 2 }))
  const later = { ...play.definition, version: 3, oldestVersion: 2 }
  const copy = new ApplicationMachine({ definition: later, guarded: work => work() })
  failsWith('MACHINE_OUTDATED', () => copy.restore([...play.machine.snapshot()]))
})

test('a definition that makes no sense is refused', () => {
  const { definition } = new Play({})
  for (const wrong of [
    { version: 0 },
    { version: 1.5 },
    { version: 1, oldestVersion: 2 },
    { limits: { rowsMax: -1 } },
    { limits: { noSuchLimit: 1 } },
    { apply: undefined },
  ]) {
    assert.throws(() => checkDefinition({ ...definition, ...wrong } as never), /./)
  }
})
