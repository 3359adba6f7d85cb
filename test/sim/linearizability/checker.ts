import { assert } from '../../../src/base/assert.ts'
import { type Explanation, explain } from './explain.ts'
import type { Operation } from './history.ts'
import { withoutUnseen } from './register.ts'
import { Search } from './search.ts'

/**
 * Whether a history of a key-value map is linearizable: every operation seems to happen at one
 * moment between its call and its return. Keys do not touch each other, so each is judged alone;
 * they take turns, the shortest first, until one is bad or all are good. `undecided` is no pass:
 * make histories shorter, or of more keys.
 */
export type Verdict =
  | { readonly type: 'linearizable'; readonly steps: number }
  | { readonly type: 'violated'; readonly explanation: Explanation }
  | { readonly type: 'undecided'; readonly key: string; readonly steps: number }

export interface CheckLimits {
  /** Configurations to enter in all. @default 20_000_000 */
  readonly stepsMax?: number
  /** Configurations to remember for one key: about 100 bytes each. @default 2_000_000 */
  readonly memoryMax?: number
}

const SLICE_STEPS = 20_000

export function checkHistory(history: readonly Operation[], limits: CheckLimits = {}): Verdict {
  const { stepsMax = 20_000_000, memoryMax = 2_000_000 } = limits
  let waiting = [...byKey(history).values()]
    .toSorted((a, b) => a.length - b.length)
    .map(operations => new Search(withoutUnseen(operations), memoryMax))
  let steps = 0
  while (waiting.length > 0) {
    const unfinished: Search[] = []
    for (const search of waiting) {
      const before = search.steps
      const result = search.run(SLICE_STEPS)
      steps += search.steps - before
      if (result === 'bad') return { type: 'violated', explanation: explain(search) }
      if (result === 'full' || steps > stepsMax) {
        return { type: 'undecided', key: keyOf(search), steps }
      }
      if (result === undefined) unfinished.push(search)
    }
    waiting = unfinished
  }
  return { type: 'linearizable', steps }
}

const keyOf = (search: Search): string => search.operations[0]?.key ?? ''

/** What can matter of each key. Refused operations never happened; reads without answer say nothing. */
function byKey(history: readonly Operation[]): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>()
  for (const operation of history) {
    checkOperation(operation)
    const { key, action, outcome } = operation
    if (outcome.type === 'refused' || (outcome.type === 'unknown' && action.type === 'get'))
      continue
    const operations = keys.get(key)
    if (operations === undefined) keys.set(key, [operation])
    else operations.push(operation)
  }
  return keys
}

function checkOperation({ action, calledAt, returnedAt, outcome }: Operation): void {
  assert(calledAt <= returnedAt, `called at ${calledAt}, before it returned at ${returnedAt}`)
  assert(
    (outcome.type === 'unknown') === (returnedAt === Infinity),
    'exactly what is unknown never returned',
  )
  const isVague =
    action.type === 'cas' &&
    'revision' in action.expected &&
    outcome.type === 'found' &&
    outcome.value !== undefined &&
    outcome.revision === undefined
  assert(!isVague, 'a cas that expected a revision and failed says which it found')
}
