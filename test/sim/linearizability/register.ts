import type { Action, Expectation, Operation } from './history.ts'

/**
 * What one key of a correct map does, one operation after the other: the specification.
 *
 * Revisions are optional in a history, so a state knows its own either exactly or from below, and
 * learns it from whoever saw it.
 */
export interface Register {
  readonly value: string | undefined
  /** The revision of the last write, or the least it can be. */
  readonly revision: number
  readonly isExact: boolean
}

export const emptyRegister: Register = { value: undefined, revision: 0, isExact: true }

/**
 * The register after the operation, the same object if it is unchanged; undefined if the operation
 * cannot have had its outcome here. One with an unknown outcome is tried with an effect only: had it
 * none, it can be left out.
 */
export function take(register: Register, { action, outcome }: Operation): Register | undefined {
  if (outcome.type === 'found') return find(register, action, outcome)
  const before = permits(register, action)
  if (before === undefined || action.type === 'get') return undefined
  const value = action.type === 'delete' ? undefined : action.value
  const least = before.revision + 1
  if (outcome.type !== 'written' || outcome.revision === undefined) {
    return { value, revision: least, isExact: false }
  }
  return outcome.revision < least ? undefined : { value, revision: outcome.revision, isExact: true }
}

/** Whether the outcome depends on what was there, so that a write before it can matter. */
export const observes = ({ action, outcome }: Operation): boolean =>
  outcome.type === 'found' || action.type !== 'put'

/** Whether it can have changed anything. */
export const isWrite = ({ action, outcome }: Operation): boolean =>
  action.type !== 'get' && outcome.type !== 'found'

/**
 * The operations without optional writes that no other can have met: if one was there, it was
 * overwritten unseen. Keeps the order.
 */
export function withoutUnseen(operations: readonly Operation[]): readonly Operation[] {
  const met = new Set<string | undefined>()
  let meetsAny = false
  for (const { action, outcome } of operations) {
    if (outcome.type === 'found') met.add(outcome.value)
    else if (action.type === 'delete') meetsAny = true
    else if (action.type === 'cas' && 'value' in action.expected) met.add(action.expected.value)
    else if (action.type === 'cas') meetsAny = true
  }
  if (meetsAny) return operations
  return operations.filter(
    ({ action, outcome }) =>
      outcome.type !== 'unknown' || action.type !== 'put' || met.has(action.value),
  )
}

/** The register in which this write has an effect; undefined if it has none here. */
function permits(register: Register, action: Action): Register | undefined {
  switch (action.type) {
    case 'get':
    case 'put':
      return register
    case 'delete':
      return register.value === undefined ? undefined : register
    case 'cas':
      return meet(register, action.expected)
  }
}

function meet(register: Register, expected: Expectation): Register | undefined {
  if ('value' in expected) return expected.value === register.value ? register : undefined
  if (expected.revision === 0) return register.value === undefined ? register : undefined
  return register.value === undefined ? undefined : learn(register, expected.revision)
}

function find(
  register: Register,
  action: Action,
  { value, revision }: { value: string | undefined; revision?: number },
): Register | undefined {
  if (value !== register.value || action.type === 'put') return undefined
  if (action.type === 'delete') return value === undefined ? register : undefined
  const seen = value === undefined || revision === undefined ? register : learn(register, revision)
  if (seen === undefined || action.type === 'get') return seen
  return disagrees(seen, action.expected) ? seen : undefined
}

/** Whether a cas that expected this may have failed. */
function disagrees(register: Register, expected: Expectation): boolean {
  if ('value' in expected) return expected.value !== register.value
  if (register.value === undefined) return expected.revision !== 0
  return !register.isExact || register.revision !== expected.revision
}

function learn(register: Register, revision: number): Register | undefined {
  if (register.isExact) return register.revision === revision ? register : undefined
  return revision < register.revision ? undefined : { ...register, revision, isExact: true }
}
