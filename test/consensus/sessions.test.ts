import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { KvMachine } from '../../src/consensus/kv-machine.ts'
import {
  decodeSessionReply,
  encodeSessionRequest,
  type SessionReply,
  type SessionRequest,
} from '../../src/consensus/session-command.ts'
import { SessionMachine } from '../../src/consensus/session-machine.ts'
import { SESSION_TTL_MS, SESSION_WINDOW, type SessionLimits } from '../../src/consensus/sessions.ts'
import type { Command, StateMachine } from '../../src/consensus/state-machine.ts'

/** Counts what it is asked to count, so that a command done twice shows. */
class Counter implements StateMachine {
  total = 0

  apply(commands: readonly Command[]): readonly Uint8Array[] {
    return commands.map(({ data }) => {
      this.total += Number(toUtf8(data))
      return fromUtf8(`total ${this.total}`)
    })
  }

  query(): Uint8Array {
    return fromUtf8(String(this.total))
  }

  snapshot(): Iterable<Uint8Array> {
    return [fromUtf8(String(this.total))]
  }

  restore(pieces: readonly Uint8Array[]): void {
    this.total = Number(toUtf8(pieces[0] ?? new Uint8Array()))
  }
}

/** A session machine over a counter, and a log that gives out indexes. */
class Bench {
  machine: SessionMachine
  index = 0
  readonly #limits: Partial<SessionLimits>

  constructor(limits: Partial<SessionLimits> = {}) {
    this.#limits = limits
    this.machine = new SessionMachine(new Counter(), limits)
  }

  send(request: SessionRequest): SessionReply {
    const data = encodeSessionRequest(request)
    const [reply] = this.machine.apply([{ index: ++this.index, data }])
    return decodeSessionReply(reply as Uint8Array)
  }

  register(timeMs = 0): number {
    const reply = this.send({ type: 'register', timeMs })
    assert.ok(reply.type === 'registered')
    return reply.session
  }

  /** What came of it, as text. */
  add(session: number, sequence: number, { amount = 1, ackedBelow = 1, timeMs = 0 } = {}): string {
    const payload = fromUtf8(String(amount))
    const reply = this.send({ type: 'command', timeMs, session, sequence, ackedBelow, payload })
    return reply.type === 'done' ? toUtf8(reply.payload) : reply.type
  }

  restart(): void {
    const pieces = [...this.machine.snapshot()].map(piece => piece.slice())
    this.machine = new SessionMachine(new Counter(), this.#limits)
    this.machine.restore(pieces)
    assert.deepEqual([...this.machine.snapshot()], pieces)
  }
}

test('a command sent again gets its first answer and is not done again', () => {
  const bench = new Bench()
  const session = bench.register()
  assert.equal(bench.add(session, 1), 'total 1')
  assert.equal(bench.add(session, 2), 'total 2')
  assert.equal(bench.add(session, 1), 'total 1')
  bench.restart()
  assert.equal(bench.add(session, 1, { amount: 50 }), 'total 1')
  assert.equal(bench.add(session, 3), 'total 3')
})

test('sessions do not share their numbers', () => {
  const bench = new Bench()
  const [a, b] = [bench.register(), bench.register()]
  assert.equal(bench.add(a, 1), 'total 1')
  assert.equal(bench.add(b, 1), 'total 2')
})

test('commands of one session may arrive out of order', () => {
  const bench = new Bench()
  const session = bench.register()
  assert.equal(bench.add(session, 3), 'total 1')
  assert.equal(bench.add(session, 1), 'total 2')
  assert.equal(bench.add(session, 3), 'total 1')
})

test('an answer the client has is forgotten, and its command never done again', () => {
  const bench = new Bench()
  const session = bench.register()
  bench.add(session, 1)
  bench.add(session, 2, { ackedBelow: 2 })
  assert.equal(bench.machine.size.bytes, 'total 2'.length)
  assert.equal(bench.add(session, 1), 'acked')
  assert.equal(bench.add(session, 3, { ackedBelow: 1 }), 'total 3')
  assert.equal(bench.add(session, 1), 'acked')
})

test('a command far ahead of what the client has heard is turned away, not done', () => {
  const bench = new Bench()
  const session = bench.register()
  assert.equal(bench.add(session, SESSION_WINDOW), 'total 1')
  assert.equal(bench.add(session, SESSION_WINDOW + 1), 'ahead')
  assert.equal(bench.add(session, SESSION_WINDOW + 1, { ackedBelow: 2 }), 'total 2')
})

test('a command outside of sessions is done each time', () => {
  const bench = new Bench()
  const once = { type: 'plain', timeMs: 0, payload: fromUtf8('1') } as const
  bench.send(once)
  assert.deepEqual(bench.send(once), { type: 'done', payload: fromUtf8('total 2') })
})

test('a session unused for its time ends by the time in the log', () => {
  const bench = new Bench()
  const session = bench.register(1_000)
  assert.equal(bench.add(session, 1, { timeMs: 1_000 + SESSION_TTL_MS }), 'total 1')
  assert.equal(bench.add(session, 2, { timeMs: 1_001 + 2 * SESSION_TTL_MS }), 'expired')
  assert.equal(bench.machine.size.sessions, 0)
})

test('time in the log that goes back ends nothing and prolongs nothing', () => {
  const bench = new Bench()
  const session = bench.register(5_000)
  bench.add(session, 1, { timeMs: 0 })
  const other = bench.register(5_000 + SESSION_TTL_MS)
  assert.equal(bench.add(session, 2, { timeMs: 10 }), 'total 2')
  assert.equal(bench.add(other, 1, { timeMs: 5_001 + 2 * SESSION_TTL_MS }), 'expired')
})

test('a touch keeps a session alive and acknowledges', () => {
  const bench = new Bench()
  const session = bench.register()
  bench.add(session, 1)
  const touch = { type: 'touch', session, ackedBelow: 2 } as const
  assert.deepEqual(bench.send({ ...touch, timeMs: SESSION_TTL_MS }), { type: 'ok' })
  assert.equal(bench.machine.size.bytes, 0)
  assert.equal(bench.add(session, 2, { timeMs: 2 * SESSION_TTL_MS }), 'total 2')
  assert.deepEqual(bench.send({ ...touch, timeMs: 4 * SESSION_TTL_MS }), { type: 'expired' })
})

test('a closed session is gone', () => {
  const bench = new Bench()
  const session = bench.register()
  assert.deepEqual(bench.send({ type: 'close', timeMs: 0, session }), { type: 'ok' })
  assert.equal(bench.add(session, 1), 'expired')
  assert.deepEqual(bench.send({ type: 'close', timeMs: 0, session }), { type: 'ok' })
})

test('of too many sessions the one unused for longest ends', () => {
  const bench = new Bench({ sessionsMax: 2 })
  const [a, b] = [bench.register(), bench.register()]
  bench.add(a, 1)
  const c = bench.register()
  assert.equal(bench.add(b, 1), 'expired')
  assert.equal(bench.add(a, 1), 'total 1')
  assert.equal(bench.add(c, 1), 'total 2')
})

test('answers that take too much room end the sessions unused for longest', () => {
  const bench = new Bench({ bytesMax: 20 })
  const [a, b] = [bench.register(), bench.register()]
  bench.add(a, 1)
  bench.add(b, 1)
  bench.add(b, 2)
  assert.equal(bench.machine.size.bytes, 14)
  assert.equal(bench.add(a, 1), 'expired')
  assert.equal(bench.add(b, 1), 'total 2')
})

test('what is not understood is answered and changes nothing', () => {
  const bench = new Bench()
  const good = encodeSessionRequest({ type: 'register', timeMs: 0 })
  for (const data of [new Uint8Array(), Uint8Array.of(77), good.subarray(1), good.subarray(0, 4)]) {
    const [reply] = bench.machine.apply([{ index: ++bench.index, data }])
    assert.deepEqual(decodeSessionReply(reply as Uint8Array), { type: 'malformed' })
  }
  for (const timeMs of [Number.NaN, -1, Infinity]) {
    assert.deepEqual(bench.send({ type: 'register', timeMs }), { type: 'malformed' })
  }
  assert.equal(bench.machine.size.sessions, 0)
})

test('every request and reply survives its encoding; random bytes are refused in order', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), data => {
      const bench = new Bench()
      bench.machine.apply([{ index: 1, data }])
      try {
        decodeSessionReply(data)
      } catch (error) {
        assert.ok(codeOf(error) !== undefined)
      }
    }),
  )
})

interface Step {
  readonly type: 'register' | 'command' | 'touch' | 'close' | 'restart'
  readonly session: number
  readonly sequence: number
  readonly ackedBelow: number
  readonly passMs: number
}

const steps: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('register', 'command', 'command', 'command', 'touch', 'close', 'restart'),
  session: fc.integer({ min: 0, max: 3 }),
  sequence: fc.integer({ min: 1, max: 6 }),
  ackedBelow: fc.integer({ min: 1, max: 6 }),
  passMs: fc.constantFrom(0, 0, 1, 40, 70, -30),
})

/** Sessions as a list that is searched and filtered, and never forgets what was done. */
class NaiveSessions {
  nowMs = 0
  total = 0
  list: { id: number; usedMs: number; ackedBelow: number; done: Map<number, string> }[] = []

  run(
    { type, sequence, ackedBelow }: Step,
    session: number,
    index: number,
    timeMs: number,
  ): string {
    this.nowMs = Math.max(this.nowMs, timeMs)
    this.list = this.list.filter(({ usedMs }) => usedMs + 100 >= this.nowMs)
    if (type === 'register') {
      this.list.push({ id: index, usedMs: this.nowMs, ackedBelow: 1, done: new Map() })
      this.list = this.list.slice(-3)
      return 'registered'
    }
    const found = this.list.find(({ id }) => id === session)
    this.list = this.list.filter(({ id }) => id !== session)
    if (type === 'close') return 'ok'
    if (found === undefined) return 'expired'
    this.list.push(found)
    found.usedMs = this.nowMs
    const acked = type === 'command' ? Math.min(sequence, ackedBelow) : ackedBelow
    found.ackedBelow = Math.max(found.ackedBelow, acked)
    if (type === 'touch') return 'ok'
    if (sequence < found.ackedBelow) return 'acked'
    const before = found.done.get(sequence)
    if (before !== undefined) return before
    this.total++
    found.done.set(sequence, `total ${this.total}`)
    return `total ${this.total}`
  }
}

test('sessions do what a naive list of them does', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60, size: 'max' }), list => {
      const bench = new Bench({ ttlMs: 100, sessionsMax: 3 })
      const model = new NaiveSessions()
      const ids: number[] = []
      let timeMs = 1_000
      for (const step of list) {
        if (step.type === 'restart') {
          bench.restart()
          continue
        }
        timeMs += step.passMs
        const session = ids.at(-1 - step.session) ?? 999
        const wanted = model.run(step, session, bench.index + 1, timeMs)
        const actual = play(bench, step, session, timeMs)
        if (step.type === 'register') ids.push(bench.index)
        seen.add(wanted.split(' ')[0] ?? '')
        assert.equal(actual, wanted)
      }
    }),
    { numRuns: 500 },
  )
  assert.deepEqual([...seen].toSorted(), ['acked', 'expired', 'ok', 'registered', 'total'])
})

function play(bench: Bench, step: Step, session: number, timeMs: number): string {
  const { type, sequence, ackedBelow } = step
  if (type === 'command') return bench.add(session, sequence, { ackedBelow, timeMs })
  if (type === 'register') return bench.send({ type, timeMs }).type
  if (type === 'touch') return bench.send({ type, timeMs, session, ackedBelow }).type
  return bench.send({ type: 'close', timeMs, session }).type
}

test('no snapshot at all is an empty state', () => {
  const machine = new SessionMachine(new KvMachine())
  machine.apply([{ index: 1, data: encodeSessionRequest({ type: 'register', timeMs: 1 }) }])
  machine.restore([])
  assert.deepEqual(machine.size, { sessions: 0, bytes: 0 })
  assert.deepEqual([...machine.snapshot()], [...new SessionMachine(new KvMachine()).snapshot()])
})

test('a broken snapshot is refused and leaves the sessions as they were', () => {
  const bench = new Bench()
  const session = bench.register(7)
  bench.add(session, 1, { timeMs: 7 })
  const pieces = [...bench.machine.snapshot()]
  const [first = new Uint8Array(), ...rest] = pieces
  for (const broken of [
    [first.subarray(0, 5), ...rest],
    [first.subarray(0, -1), ...rest],
  ]) {
    assert.throws(
      () => bench.machine.restore(broken),
      error => codeOf(error) === 'MALFORMED',
    )
  }
  assert.equal(bench.add(session, 1), 'total 1')
})

test('a snapshot of many sessions over a key-value map comes back whole', () => {
  const machine = new SessionMachine(new KvMachine())
  const inner = new KvMachine()
  const copy = new SessionMachine(inner)
  for (let index = 1; index <= 500; index++) {
    machine.apply([{ index, data: encodeSessionRequest({ type: 'register', timeMs: index }) }])
  }
  const pieces = [...machine.snapshot()]
  copy.restore(pieces)
  assert.deepEqual(copy.size, machine.size)
  assert.deepEqual([...copy.snapshot()], pieces)
})
