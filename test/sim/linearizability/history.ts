/**
 * What clients of a key-value map saw: when each operation was called, when it returned, and with
 * what. The checker asks whether one order of all operations explains it.
 */
export interface Operation {
  readonly client: string
  readonly key: string
  readonly action: Action
  readonly calledAt: number
  /** Infinity as long as the outcome is unknown: it may take effect at any time, or never. */
  readonly returnedAt: number
  readonly outcome: Outcome
}

export type Action =
  | { readonly type: 'get' }
  | { readonly type: 'put'; readonly value: string }
  | { readonly type: 'delete' }
  /** Writes if the condition holds; an undefined `value` deletes. */
  | { readonly type: 'cas'; readonly expected: Expectation; readonly value: string | undefined }

/** A value, undefined for none; or the revision that wrote it, 0 for none. */
export type Expectation = { readonly value: string | undefined } | { readonly revision: number }

export type Outcome =
  /** It took effect. `revision` orders all writes of the key, where the map tells it. */
  | { readonly type: 'written'; readonly revision?: number }
  /** It changed nothing, for this is what was there: a get, a delete of nothing, a failed cas. */
  | { readonly type: 'found'; readonly value: string | undefined; readonly revision?: number }
  /** It surely never took and never takes effect. */
  | { readonly type: 'refused' }
  | { readonly type: 'unknown' }

/** Collects a history while it happens. */
export class HistoryRecorder {
  readonly #operations: Operation[] = []

  /** Notes a call; the returned function notes its outcome, once. Without that it stays unknown. */
  call(
    operation: { client: string; key: string; action: Action },
    calledAt: number,
  ): (outcome: Outcome, returnedAt: number) => void {
    const at = this.#operations.length
    const unknown = { type: 'unknown' } as const
    this.#operations.push({ ...operation, calledAt, returnedAt: Infinity, outcome: unknown })
    return (outcome, returnedAt) => {
      const settledAt = outcome.type === 'unknown' ? Infinity : returnedAt
      this.#operations[at] = { ...operation, calledAt, returnedAt: settledAt, outcome }
    }
  }

  get operations(): readonly Operation[] {
    return this.#operations
  }
}

/** One line for people. */
export function describeOperation({ client, action, calledAt, returnedAt, outcome }: Operation) {
  const until = returnedAt === Infinity ? '' : ` ${returnedAt}`
  return `[${calledAt} …${until}] ${client}: ${describeAction(action)} → ${describeOutcome(outcome)}`
}

function describeAction(action: Action): string {
  switch (action.type) {
    case 'get':
    case 'delete':
      return action.type
    case 'put':
      return `put ${action.value}`
    case 'cas':
      return `cas ${describeExpectation(action.expected)} to ${action.value ?? 'nothing'}`
  }
}

const describeExpectation = (expected: Expectation): string =>
  'revision' in expected ? `revision ${expected.revision}` : (expected.value ?? 'nothing')

function describeOutcome(outcome: Outcome): string {
  if (outcome.type === 'refused' || outcome.type === 'unknown') return outcome.type
  const revision = outcome.revision === undefined ? '' : ` at ${outcome.revision}`
  if (outcome.type === 'written') return `written${revision}`
  return `${outcome.value ?? 'nothing'}${outcome.value === undefined ? '' : revision}`
}
