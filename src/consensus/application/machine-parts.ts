import { StateHash } from '../state-hash.ts'
import type { MachineLimits, MachineRows, MachineState } from './definition.ts'
import { EventBacklog } from './event-backlog.ts'
import { KeyBook } from './key-book.ts'
import { Rows } from './machine-rows.ts'
import { StageBook } from './stage-book.ts'
import { TimerBook } from './timer-book.ts'

type Told = Parameters<EventBacklog['push']>[0]

/** What the state of a machine consists of. */
export interface Parts {
  readonly hash: StateHash
  readonly rows: Rows
  readonly keys: KeyBook
  readonly timers: TimerBook
  readonly stages: StageBook
  readonly events: EventBacklog
  tell(event: Omit<Told, 'isLast'>): void
  /** No more events come of this entry. */
  flush(): void
}

export function partsFor(limits: MachineLimits): Parts {
  const hash = new StateHash()
  const keys = new KeyBook(limits, hash)
  const events = new EventBacklog(limits)
  let last: Omit<Told, 'isLast'> | undefined
  return {
    hash,
    keys,
    events,
    rows: new Rows(limits, hash, () => keys.bytes),
    timers: new TimerBook(hash),
    stages: new StageBook(hash),
    tell: event => {
      if (last !== undefined) events.push({ ...last, isLast: false })
      last = event
    },
    flush: () => {
      if (last !== undefined) events.push({ ...last, isLast: true })
      last = undefined
    },
  }
}

export const digest = (hash: StateHash, version: number): string => `${hash.digest()}-${version}`

/** What a query sees. */
export const readOnly = (rows: Rows): MachineRows => ({
  get: key => rows.get(key),
  has: key => rows.has(key),
  list: (prefix, options) => rows.list(prefix, options),
})

/** What a reducer sees. */
export const writable = (rows: Rows): MachineState => ({
  ...readOnly(rows),
  set: (key, value) => rows.set(key, value),
  delete: key => rows.delete(key),
})
