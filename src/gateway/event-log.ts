import { randomBytes } from 'node:crypto'

import type { HoldfastNode } from '../node/create-node.ts'
import type { NodeEvent } from '../node/views.ts'

/** How many events a newcomer can still be told of. */
export const EVENTS_KEPT_MAX = 1000
const LISTENERS_MAX = 64

/** Something that happened on this peer. */
export interface LoggedEvent {
  /** `<epoch>-<number>`; the numbers of one run of the peer have no gaps. */
  readonly id: string
  /** ISO 8601, by the wall clock of this machine. */
  readonly at: string
  readonly event: NodeEvent
}

/** Remembers the last events of a peer, and tells those who listen of new ones. */
export class EventLog {
  /** Another one each time: numbers of an earlier run mean nothing any more. */
  readonly #epoch = randomBytes(4).toString('hex')
  readonly #kept: LoggedEvent[] = []
  readonly #listeners = new Set<(event: LoggedEvent) => void>()
  readonly #unwatch: () => void
  readonly #closing = new AbortController()
  #next = 1

  constructor(node: Pick<HoldfastNode, 'onEvent'>) {
    this.#unwatch = node.onEvent(event => this.#add(event))
  }

  /** Aborts when nothing more will be told. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** The newest ones, oldest first. */
  newest(count: number): readonly LoggedEvent[] {
    return count === 0 ? [] : this.#kept.slice(-count)
  }

  /** What happened after an event; undefined if that is not known any more. */
  after(id: string): readonly LoggedEvent[] | undefined {
    const [epoch, digits] = id.split('-')
    const missed = this.#next - 1 - Number(digits)
    const isKnown = epoch === this.#epoch && missed >= 0 && missed <= this.#kept.length
    return isKnown ? this.newest(missed) : undefined
  }

  /** Tells of what happens from now on; undefined if too many listen already. */
  listen(listener: (event: LoggedEvent) => void): (() => void) | undefined {
    if (this.#listeners.size >= LISTENERS_MAX) return undefined
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#unwatch()
    this.#listeners.clear()
    this.#closing.abort()
  }

  #add(event: NodeEvent): void {
    const at = new Date().toISOString()
    const logged = { id: `${this.#epoch}-${this.#next++}`, at, event }
    this.#kept.push(logged)
    if (this.#kept.length > EVENTS_KEPT_MAX) this.#kept.shift()
    for (const listener of this.#listeners) listener(logged)
  }
}
