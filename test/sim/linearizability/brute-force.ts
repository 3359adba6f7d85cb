import type { Operation } from './history.ts'

/**
 * The definition of linearizability, tried out: every order of every choice of the unknown
 * operations, executed on a plain value. Only for a handful of operations; the checker is compared
 * with it. Revisions are judged last: some rising numbers must fit those that were seen.
 */
export function isLinearizable(operations: readonly Operation[]): boolean {
  const relevant = operations.filter(({ outcome }) => outcome.type !== 'refused')
  return extend([], relevant)
}

/** What the operations executed so far left: each write's revision, if it was told. */
interface Executed {
  readonly value: string | undefined
  readonly writes: readonly (number | undefined)[]
}

function extend(order: readonly Operation[], rest: readonly Operation[]): boolean {
  const executed = execute(order)
  if (executed === undefined || !canRise(executed.writes)) return false
  if (rest.every(isUnknown)) return true
  return rest.some(
    next =>
      rest.every(other => isUnknown(other) || other.returnedAt >= next.calledAt) &&
      order.every(other => other.calledAt <= next.returnedAt) &&
      extend(
        [...order, next],
        rest.filter(other => other !== next),
      ),
  )
}

const isUnknown = ({ outcome }: Operation): boolean => outcome.type === 'unknown'

function execute(order: readonly Operation[]): Executed | undefined {
  let state: Executed | undefined = { value: undefined, writes: [] }
  for (const operation of order) {
    state = executeOne(state, operation)
    if (state === undefined) return undefined
  }
  return state
}

function executeOne(state: Executed, { action, outcome }: Operation): Executed | undefined {
  const { value } = state
  if (outcome.type === 'found' && outcome.value !== value) return undefined
  const found = outcome.type === 'found' && value !== undefined ? outcome.revision : undefined
  const seen = found === undefined ? state : tell(state, found)
  if (seen === undefined) return undefined
  const write = (next: string | undefined, from: Executed): Executed => {
    const revision = outcome.type === 'written' ? outcome.revision : undefined
    return { value: next, writes: [...from.writes, revision] }
  }
  switch (action.type) {
    case 'get':
      return outcome.type === 'found' ? seen : outcome.type === 'unknown' ? state : undefined
    case 'put':
      return outcome.type === 'found' ? undefined : write(action.value, state)
    case 'delete':
      if (outcome.type === 'unknown') return value === undefined ? state : write(undefined, state)
      if (outcome.type === 'found') return value === undefined ? state : undefined
      return value === undefined ? undefined : write(undefined, state)
    case 'cas': {
      const { expected } = action
      if ('value' in expected) {
        const isMet = expected.value === value
        if (outcome.type === 'found') return isMet ? undefined : seen
        if (!isMet) return outcome.type === 'unknown' ? state : undefined
        return write(action.value, state)
      }
      if (outcome.type === 'found') {
        const isMet = value === undefined ? expected.revision === 0 : found === expected.revision
        return isMet ? undefined : seen
      }
      const isAbsent = value === undefined
      const met =
        isAbsent === (expected.revision === 0) && (isAbsent || tell(state, expected.revision))
      if (!met) return outcome.type === 'unknown' ? state : undefined
      return write(action.value, met === true ? state : met)
    }
  }
}

/** The state if its last write had this revision; undefined if it had another. */
function tell(state: Executed, revision: number): Executed | undefined {
  const known = state.writes.at(-1)
  if (known !== undefined && known !== revision) return undefined
  return { ...state, writes: [...state.writes.slice(0, -1), revision] }
}

/** Whether whole numbers that rise from 1 can stand where none was told. */
function canRise(writes: readonly (number | undefined)[]): boolean {
  let least = 1
  for (const revision of writes) {
    if (revision !== undefined && revision < least) return false
    least = (revision ?? least) + 1
  }
  return true
}
