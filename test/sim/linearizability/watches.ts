import type { Operation } from './history.ts'

/** What a watcher of one key was told, in the order in which it was told. */
export interface WatchRecord {
  readonly watcher: string
  readonly key: string
  /** Changes of higher revision than this were asked for. */
  readonly after: number
  readonly events: readonly WatchedEvent[]
}

export interface WatchedEvent {
  readonly revision: number
  /** Undefined if the key was deleted. */
  readonly value: string | undefined
}

/**
 * Why a watch is wrong; undefined if it is right: it goes upwards from where it was asked to begin,
 * tells of every write that is known to lie between its ends, and nothing that another client saw
 * otherwise. The history must tell revisions.
 */
export function faultOfWatch(
  { watcher, key, after, events }: WatchRecord,
  history: readonly Operation[],
): string | undefined {
  const fault = (what: string): string => `watcher ${watcher} of key ${key} ${what}`
  let last = after
  for (const { revision } of events) {
    if (revision <= last) return fault(`was told of revision ${revision} after ${last}`)
    last = revision
  }
  const told = new Map(events.map(({ revision, value }) => [revision, value]))
  for (const operation of history) {
    const known = operation.key === key ? knownBy(operation) : undefined
    if (known === undefined || known.revision <= after || known.revision > last) continue
    const { revision, value = 'nothing' } = known
    if (!told.has(revision)) return fault(`missed revision ${revision}, which wrote ${value}`)
    const other = told.get(revision)
    if (other !== known.value) {
      return fault(`was told ${other ?? 'nothing'} for revision ${revision}, which wrote ${value}`)
    }
  }
  return undefined
}

/** The revision this operation proves, and the value it wrote. */
function knownBy({ action, outcome }: Operation): WatchedEvent | undefined {
  if (outcome.type !== 'written' && outcome.type !== 'found') return undefined
  const { revision } = outcome
  if (revision === undefined || revision === 0) return undefined
  if (outcome.type === 'found') return { revision, value: outcome.value }
  if (action.type === 'get') return undefined
  return { revision, value: action.type === 'delete' ? undefined : action.value }
}
