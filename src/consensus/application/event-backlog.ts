import type { MachineLimits } from './definition.ts'

export interface KeptEvent {
  readonly index: number
  readonly ms: number
  readonly count: number
  /** JSON. */
  readonly text: string
  /** It is the last one of its entry. */
  readonly isLast: boolean
}

/**
 * What machines have told, the newest last: as much as the limits allow, and of each entry all or
 * nothing. Events up to `oldest` are gone.
 */
export class EventBacklog {
  readonly #limits: MachineLimits
  #events: KeptEvent[] = []
  /** Where the first one kept stands; what comes before was dropped and is cut off now and then. */
  #from = 0
  #bytes = 0
  #oldest = 0

  constructor(limits: MachineLimits) {
    this.#limits = limits
  }

  /** Events of entries up to this are not known any more. */
  get oldest(): number {
    return this.#oldest
  }

  push(event: KeptEvent): void {
    this.#events.push(event)
    this.#bytes += event.text.length
    if (!event.isLast) return
    const { eventsMax, eventBytesMax } = this.#limits
    while (this.#size > eventsMax || this.#bytes > eventBytesMax) this.#drop()
    if (this.#from > this.#events.length >> 1) {
      this.#events = this.#events.slice(this.#from)
      this.#from = 0
    }
  }

  /** Events of entries behind `after`, about `limit` of them: of each entry all. */
  behind(after: number, limit: number): KeptEvent[] {
    const found: KeptEvent[] = []
    for (let at = this.#position(after); at < this.#events.length; at++) {
      const event = this.#events[at] as KeptEvent
      found.push(event)
      if (event.isLast && found.length >= limit) break
    }
    return found
  }

  all(): KeptEvent[] {
    return this.#events.slice(this.#from)
  }

  load(events: readonly KeptEvent[], oldest: number): void {
    this.#oldest = oldest
    for (const event of events) this.push(event)
  }

  get #size(): number {
    return this.#events.length - this.#from
  }

  #drop(): void {
    for (let isLast = false; !isLast && this.#size > 0; this.#from++) {
      const event = this.#events[this.#from] as KeptEvent
      isLast = event.isLast
      this.#bytes -= event.text.length
      this.#oldest = event.index
    }
  }

  /** Of the first event behind an entry. */
  #position(after: number): number {
    let low = this.#from
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#events[middle] as KeptEvent).index <= after) low = middle + 1
      else high = middle
    }
    return low
  }
}
