import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../../src/base/prng.ts'
import { isLinearizable } from './brute-force.ts'
import { checkHistory } from './checker.ts'
import {
  type Action,
  describeOperation,
  HistoryRecorder,
  type Operation,
  type Outcome,
} from './history.ts'

/** `[calledAt, returnedAt]`, or `[calledAt]` for an outcome that is unknown. */
type Span = readonly [number, number?]

const operation = (span: Span, action: Action, outcome: Outcome, key = 'k'): Operation => ({
  client: 'c',
  key,
  action,
  calledAt: span[0],
  returnedAt: span[1] ?? Infinity,
  outcome,
})

const put = (span: Span, value: string, revision?: number): Operation =>
  operation(span, { type: 'put', value }, wrote(span, revision))
const get = (span: Span, value: string | undefined, revision?: number): Operation =>
  operation(span, { type: 'get' }, found(value, revision))
const remove = (span: Span, hadOne = true): Operation =>
  operation(span, { type: 'delete' }, hadOne ? wrote(span) : found(undefined))
const cas = (span: Span, expected: string | undefined, value: string): Operation =>
  operation(span, { type: 'cas', expected: { value: expected }, value }, wrote(span))
const casFound = (span: Span, expected: string | undefined, there: string): Operation =>
  operation(span, { type: 'cas', expected: { value: expected }, value: 'x' }, found(there))
const casAt = (span: Span, revision: number, value: string, written: number): Operation =>
  operation(span, { type: 'cas', expected: { revision }, value }, wrote(span, written))

const wrote = (span: Span, revision?: number): Outcome =>
  span[1] === undefined
    ? { type: 'unknown' }
    : { type: 'written', ...(revision === undefined ? {} : { revision }) }
const found = (value: string | undefined, revision?: number): Outcome => ({
  type: 'found',
  value,
  ...(revision === undefined ? {} : { revision }),
})

const good: Record<string, Operation[]> = {
  'nothing at all': [],
  'a read of what was never written': [get([0, 1], undefined)],
  'a read of the last write': [put([0, 1], 'a'), get([2, 3], 'a')],
  'a read that sees a write under way': [put([0, 10], 'a'), get([2, 3], 'a')],
  'a read that does not see a write under way': [put([0, 10], 'a'), get([2, 3], undefined)],
  'two reads around a write under way': [
    put([0, 10], 'a'),
    get([1, 2], undefined),
    get([3, 4], 'a'),
  ],
  'writes under way at once, in either order': [
    put([0, 10], 'a'),
    put([0, 10], 'b'),
    get([11, 12], 'a'),
  ],
  'an unknown write that happened': [put([0], 'a'), get([5, 6], 'a')],
  'an unknown write that never happened': [put([0], 'a'), get([5, 6], undefined)],
  'an unknown write that happened late': [put([0], 'a'), get([5, 6], undefined), get([7, 8], 'a')],
  'an unknown write after another write': [put([0], 'a'), put([1, 2], 'b'), get([3, 4], 'a')],
  'a refused write nobody saw': [
    operation([0, 1], { type: 'put', value: 'a' }, { type: 'refused' }),
    get([2, 3], undefined),
  ],
  'a chain of unknown writes': [put([0], 'a'), cas([1], 'a', 'b'), get([5, 6], 'b')],
  'an unknown cas that failed unseen': [put([0, 1], 'a'), cas([2], 'z', 'b'), get([5, 6], 'a')],
  'cas by one of two rivals': [cas([0, 10], undefined, 'a'), casFound([0, 10], undefined, 'a')],
  'delete between writes': [
    put([0, 1], 'a'),
    remove([2, 3]),
    get([4, 5], undefined),
    put([6, 7], 'b'),
  ],
  'delete of nothing': [remove([0, 1], false)],
  'an unknown delete': [put([0, 1], 'a'), remove([2]), get([3, 4], 'a'), get([5, 6], undefined)],
  'operations that touch in one moment': [put([0, 5], 'a'), get([5, 6], undefined)],
  'revisions that rise': [put([0, 9], 'a', 7), put([0, 9], 'b', 3), get([10, 11], 'a', 7)],
  'a cas at the revision that was read': [
    put([0, 1], 'a', 4),
    get([2, 3], 'a', 4),
    casAt([4, 5], 4, 'b', 6),
    get([6, 7], 'b', 6),
  ],
  'an unknown write whose revision a read tells': [
    put([0, 1], 'a', 4),
    put([2], 'b'),
    get([3, 4], 'b', 5),
    casAt([5, 6], 5, 'c', 9),
  ],
  'keys that do not touch': [
    { ...put([0, 1], 'a'), key: 'x' },
    { ...get([2, 3], undefined), key: 'y' },
  ],
}

const bad: Record<string, { history: Operation[]; core: number }> = {
  'a read from nowhere': { history: [get([0, 1], 'a')], core: 1 },
  'a stale read': { history: [put([0, 1], 'a'), put([2, 3], 'b'), get([4, 5], 'a')], core: 3 },
  'a lost write': { history: [put([0, 1], 'a'), get([2, 3], undefined)], core: 2 },
  'a read of the future': { history: [get([0, 1], 'a'), put([2, 3], 'a')], core: 1 },
  'reads that go back': {
    history: [put([0, 1], 'a'), put([2, 20], 'b'), get([3, 4], 'b'), get([5, 6], 'a')],
    core: 4,
  },
  'readers who disagree on the order': {
    history: [put([0, 9], 'a'), put([0, 9], 'b'), get([10, 11], 'a'), get([12, 13], 'b')],
    core: 4,
  },
  'a refused write that was seen': {
    history: [
      operation([0, 1], { type: 'put', value: 'a' }, { type: 'refused' }),
      get([2, 3], 'a'),
    ],
    core: 1,
  },
  'an unknown write that happened twice': {
    history: [
      put([0, 1], 'a'),
      put([2], 'b'),
      get([3, 4], 'b'),
      put([5, 6], 'c'),
      get([7, 8], 'b'),
    ],
    core: 4,
  },
  'an unknown write seen before its call': { history: [get([0, 1], 'a'), put([2], 'a')], core: 1 },
  'two winners of one cas': {
    history: [cas([0, 10], undefined, 'a'), cas([0, 10], undefined, 'b')],
    core: 2,
  },
  'a cas that failed on what it expected': {
    history: [put([0, 1], 'a'), casFound([2, 3], 'a', 'a')],
    core: 2,
  },
  'a cas that lost its write': {
    history: [put([0, 1], 'a'), cas([2, 3], 'a', 'b'), get([4, 5], 'a')],
    core: 3,
  },
  'a delete that came back': {
    history: [put([0, 1], 'a'), remove([2, 3]), get([4, 5], undefined), get([6, 7], 'a')],
    core: 3,
  },
  'a delete of nothing that found something': { history: [remove([0, 1])], core: 1 },
  'a delete that missed what was there': {
    history: [put([0, 1], 'a'), remove([2, 3], false)],
    core: 2,
  },
  'revisions against time': { history: [put([0, 1], 'a', 7), put([2, 3], 'b', 6)], core: 2 },
  'one revision twice': { history: [put([0, 9], 'a', 7), put([0, 9], 'b', 7)], core: 2 },
  'a value under another revision': {
    history: [put([0, 1], 'a', 7), get([2, 3], 'a', 8)],
    core: 2,
  },
  'a cas at an old revision': {
    history: [put([0, 1], 'a', 4), put([2, 3], 'b', 5), casAt([4, 5], 4, 'c', 6)],
    core: 3,
  },
}

for (const [what, history] of Object.entries(good)) {
  test(`${what} is linearizable`, () => {
    assert.equal(checkHistory(history).type, 'linearizable')
    assert.ok(isLinearizable(history.filter(({ key }) => key === 'k')))
  })
}

for (const [what, { history, core }] of Object.entries(bad)) {
  test(`${what} is not linearizable, as ${core} operations show`, () => {
    assert.ok(!isLinearizable(history))
    const verdict = checkHistory(history)
    assert.ok(verdict.type === 'violated')
    assert.ok(!isLinearizable(verdict.explanation.operations))
    assert.equal(verdict.explanation.operations.length, core, verdict.explanation.text)
  })
}

const actions: fc.Arbitrary<Action> = fc.oneof(
  fc.constant<Action>({ type: 'get' }),
  fc.constant<Action>({ type: 'delete' }),
  fc.constantFrom('a', 'b').map((value): Action => ({ type: 'put', value })),
  fc
    .record({
      expected: fc.oneof(
        fc.constantFrom('a', 'b', undefined).map(value => ({ value })),
        fc.integer({ min: 0, max: 4 }).map(revision => ({ revision })),
      ),
      value: fc.constantFrom('a', 'b', undefined),
    })
    .map((cases): Action => ({ type: 'cas', ...cases })),
)

const operations: fc.Arbitrary<Operation> = fc
  .record({
    action: actions,
    calledAt: fc.integer({ min: 0, max: 12 }),
    lastsMs: fc.integer({ min: 0, max: 6 }),
    value: fc.constantFrom('a', 'b', undefined),
    revision: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    kind: fc.constantFrom('known', 'known', 'known', 'unknown', 'refused'),
    isFound: fc.boolean(),
  })
  .map(({ action, calledAt, lastsMs, value, revision, kind, isFound }): Operation => {
    const isUnknown = kind === 'unknown'
    const span: Span = isUnknown ? [calledAt] : [calledAt, calledAt + lastsMs]
    if (isUnknown || kind === 'refused')
      return operation(span, action, { type: isUnknown ? 'unknown' : 'refused' })
    const isRead = action.type === 'get' || (action.type !== 'put' && isFound)
    if (!isRead) return operation(span, action, wrote(span, revision))
    const there = action.type === 'delete' ? undefined : value
    return operation(span, action, found(there, there === undefined ? undefined : (revision ?? 1)))
  })

test('the checker agrees with the definition on small histories', () => {
  const seen = { linearizable: 0, violated: 0, undecided: 0 }
  fc.assert(
    fc.property(fc.array(operations, { minLength: 1, maxLength: 6 }), history => {
      const verdict = checkHistory(history)
      seen[verdict.type]++
      assert.equal(verdict.type === 'linearizable', isLinearizable(history))
    }),
    { numRuns: 3_000 },
  )
  assert.ok(seen.linearizable > 100 && seen.violated > 100, JSON.stringify(seen))
})

test('what an explanation keeps is bad by itself', () => {
  fc.assert(
    fc.property(fc.array(operations, { minLength: 3, maxLength: 7 }), history => {
      const verdict = checkHistory(history)
      if (verdict.type === 'violated') assert.ok(!isLinearizable(verdict.explanation.operations))
    }),
    { numRuns: 1_000 },
  )
})

/** What clients of one correct key see; one write in a hundred never hears what became of it. */
function played(seed: number, size: number, clients: number, tellsRevisions: boolean): Operation[] {
  const random = new Prng(seed)
  const idleFrom = Array.from({ length: clients }, () => 0)
  const calls = Array.from({ length: size }, (_, at) => {
    const client = at % clients
    const calledAt = (idleFrom[client] ?? 0) + random.exponential(1)
    const effectAt = calledAt + random.exponential(2)
    const returnedAt = effectAt + random.exponential(2)
    idleFrom[client] = returnedAt
    return { client: String(client), calledAt, effectAt, returnedAt }
  })
  const recorder = new HistoryRecorder()
  let value: string | undefined
  let revision = 0
  for (const { client, calledAt, returnedAt } of calls.toSorted(
    (a, b) => a.effectAt - b.effectAt,
  )) {
    const isWrite = random.chance(0.4)
    if (isWrite) value = String(++revision)
    const told = tellsRevisions && revision > 0 ? { revision } : {}
    const action: Action = isWrite ? { type: 'put', value: String(revision) } : { type: 'get' }
    const settle = recorder.call({ client, key: 'k', action }, calledAt)
    if (isWrite && random.chance(0.01)) continue
    settle(isWrite ? { type: 'written', ...told } : { type: 'found', value, ...told }, returnedAt)
  }
  return [...recorder.operations]
}

for (const tellsRevisions of [false, true]) {
  const how = tellsRevisions ? 'with' : 'without'
  test(`10,000 operations of 8 clients on one key are checked in a moment, ${how} revisions`, () => {
    const history = played(7, 10_000, 8, tellsRevisions)
    const verdict = checkHistory(history, { stepsMax: 400_000 })
    assert.equal(verdict.type, 'linearizable')
  })

  test(`one stale read among 10,000 operations is found and explained, ${how} revisions`, () => {
    const history = played(11, 10_000, 8, tellsRevisions)
    const late = history.findIndex(
      ({ action, outcome, calledAt }) =>
        action.type === 'get' && outcome.type === 'found' && calledAt > 6_000,
    )
    const old = history.find(
      ({ action, outcome }) => action.type === 'get' && outcome.type === 'found',
    )
    history[late] = { ...(history[late] as Operation), outcome: (old as Operation).outcome }
    const verdict = checkHistory(history, { stepsMax: 400_000 })
    assert.ok(verdict.type === 'violated')
    assert.ok(verdict.explanation.operations.length <= 4, verdict.explanation.text)
    assert.match(verdict.explanation.text, /no order explains/)
    assert.ok(
      verdict.explanation.operations.some(({ calledAt }) => calledAt === history[late]?.calledAt),
    )
  })
}

test('too much to decide within the limits is neither good nor bad', () => {
  const rivals = Array.from({ length: 24 }, (_, at) => put([0, 100], String(at)))
  const verdict = checkHistory([...rivals, get([200, 201], 'never')], { memoryMax: 1_000 })
  assert.equal(verdict.type, 'undecided')
})

test('a bad key is found although another cannot be decided', () => {
  const rivals = Array.from({ length: 24 }, (_, at) => put([0, 100], String(at)))
  const hard = [...rivals, get([200, 201], 'never')].map(each => ({ ...each, key: 'hard' }))
  const verdict = checkHistory([...hard, get([0, 1], 'x')], { stepsMax: 30_000 })
  assert.equal(verdict.type, 'violated')
})

test('an explanation reads like this', () => {
  const verdict = checkHistory([
    put([0, 1], 'a'),
    get([1, 2], 'a'),
    put([2, 3], 'b'),
    get([4, 5], 'a'),
    get([6, 7], 'b'),
  ])
  assert.ok(verdict.type === 'violated')
  assert.equal(
    verdict.explanation.text,
    [
      'Key k is not linearizable: no order explains 3 of its 5 operations',
      '  [0 … 1] c: put a → written',
      '  [2 … 3] c: put b → written',
      '  [4 … 5] c: get → a',
      '  the longest order has 2 of them; it leaves b and fits no other',
    ].join('\n'),
  )
})

test('an operation is described in one line', () => {
  assert.equal(describeOperation(put([3], 'a')), '[3 …] c: put a → unknown')
  assert.equal(
    describeOperation(casAt([0, 1], 4, 'b', 6)),
    '[0 … 1] c: cas revision 4 to b → written at 6',
  )
})
