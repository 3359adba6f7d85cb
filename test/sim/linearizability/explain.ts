import { describeOperation, type Operation } from './history.ts'
import { isWrite, withoutUnseen } from './register.ts'
import { Search } from './search.ts'

/**
 * Why a key's history is bad: the few operations that contradict each other, whatever the others
 * did. Each step only ever allows more orders, so what is still bad shows the same fault:
 *
 * 1. The history ends at the return that no order got past; what was called before and returned
 *    after becomes optional.
 * 2. All but the last few becomes optional too: what changed nothing is left out, and a write
 *    happened between its call and its return, or never. As few last ones are kept as are bad.
 * 3. Of what is left, halves are tried, then quarters and so on: without what changed nothing, and
 *    with writes as optional where that makes others superfluous.
 *
 * Throughout, optional writes that the rest cannot have met are left out.
 */
export interface Explanation {
  readonly key: string
  /** In the order of their calls; an outcome that became `unknown` does not matter. */
  readonly operations: readonly Operation[]
  readonly text: string
}

/** A sub-history that takes longer than this counts as good: the explanation gets longer. */
const STEPS_MAX = 50_000
const TRIALS_MAX = 1_000
const WINDOW_MIN = 16

/** @param search that found its history bad */
export function explain({ operations: all, blockedAt }: Search): Explanation {
  const byCall = all.toSorted((a, b) => a.calledAt - b.calledAt)
  const ended = withEarlyEnd(byCall, blockedAt)
  const operations = thinned(thinned(withLateStart(ended), isRead), () => true)
  const key = all[0]?.key ?? ''
  const text = [
    `Key ${key} is not linearizable: no order explains ${operations.length} of its ` +
      `${all.length} operations`,
    ...operations.map(operation => `  ${describe(operation, all)}`),
    `  ${conclusion(operations)}`,
  ].join('\n')
  return { key, operations, text }
}

/** As it was in the full history, and whether that matters. */
function describe(operation: Operation, all: readonly Operation[]): string {
  const original = all.find(
    ({ client, calledAt, action }) =>
      client === operation.client && calledAt === operation.calledAt && action === operation.action,
  )
  const isOptional = operation.outcome.type === 'unknown' && original?.outcome.type !== 'unknown'
  return `${describeOperation(original ?? operation)}${isOptional ? ' (or not at all)' : ''}`
}

function conclusion(operations: readonly Operation[]): string {
  const search = new Search(operations, STEPS_MAX)
  search.run(STEPS_MAX)
  const { register, count } = search.deepest
  if (count === 0) return 'none of them can come first'
  return `the longest order has ${count} of them; it leaves ${register.value ?? 'nothing'} and fits no other`
}

function isBad(operations: readonly Operation[]): boolean {
  return new Search(operations, STEPS_MAX).run(STEPS_MAX) === 'bad'
}

/** A revision may contradict what comes a little later, so the end is sought from there on. */
function withEarlyEnd(operations: readonly Operation[], blockedAt: number): readonly Operation[] {
  const moments = operations
    .map(({ returnedAt }) => returnedAt)
    .filter(moment => moment >= blockedAt && moment < Infinity)
    .toSorted((a, b) => a - b)
  for (let at = 0; at < moments.length; at = at * 2 + 1) {
    const moment = moments[at] ?? Infinity
    const called = operations.filter(({ calledAt }) => calledAt <= moment)
    const ended = optionalIf(called, ({ returnedAt }) => returnedAt > moment)
    if (isBad(ended)) return ended
  }
  return operations
}

function withLateStart(operations: readonly Operation[]): readonly Operation[] {
  for (let size = WINDOW_MIN; size < operations.length; size *= 2) {
    const last = new Set(operations.slice(-size))
    const started = optionalIf(operations, operation => !last.has(operation))
    if (isBad(started)) return started
  }
  return operations
}

/** What is still bad with fewer of those that may be spared. */
function thinned(
  operations: readonly Operation[],
  maySpare: (operation: Operation) => boolean,
): readonly Operation[] {
  let kept = operations
  let trials = 0
  for (let size = Math.max(1, kept.length >> 1); ; size >>= 1) {
    for (let at = 0; at < kept.length && trials < TRIALS_MAX; at += size) {
      const chunk = new Set(kept.slice(at, at + size).filter(maySpare))
      const fewer = optionalIf(kept, operation => chunk.has(operation))
      trials++
      if (fewer.length === kept.length || !isBad(fewer)) continue
      // What moved up into the place of what was left out comes next.
      at -= kept.length - fewer.length
      kept = fewer
    }
    if (size <= 1) return kept
  }
}

const isRead = (operation: Operation): boolean => !isWrite(operation)

function optionalIf(
  operations: readonly Operation[],
  isOptional: (operation: Operation) => boolean,
): readonly Operation[] {
  return withoutUnseen(
    operations.flatMap(operation => {
      if (!isOptional(operation)) return [operation]
      if (!isWrite(operation)) return []
      return [{ ...operation, outcome: { type: 'unknown' } as const }]
    }),
  )
}
