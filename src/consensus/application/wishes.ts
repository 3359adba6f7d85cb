import type { MachineContext, MachineLimits, MachineMoment } from './definition.ts'
import { checkKey, NoRoom, textOf } from './machine-rows.ts'
import type { SetTimer, TimerBook } from './timer-book.ts'

const EVENTS_PER_COMMAND_MAX = 256

/** Thrown by `context.refuse`. */
export class Refusal extends Error {
  readonly reason: string

  constructor(reason: string) {
    super(reason)
    this.reason = reason
  }
}

/** What a reducer asks for beside its rows: granted once it has ended well. */
export class Wishes {
  readonly timers: Map<string, SetTimer | undefined> = new Map()
  readonly events: string[] = []
  readonly context: MachineContext<unknown>
  readonly #book: TimerBook
  readonly #limits: MachineLimits
  #isClosed = false

  constructor(
    moment: MachineMoment & Pick<MachineContext<unknown>, 'key' | 'files'>,
    book: TimerBook,
    limits: MachineLimits,
  ) {
    this.#book = book
    this.#limits = limits
    this.context = {
      ...moment,
      emit: event => this.#emit(event),
      setTimer: (name, atMs, payload) => this.#setTimer(name, atMs, payload),
      cancelTimer: name => {
        this.#check()
        this.timers.set(name, undefined)
      },
      refuse: reason => {
        throw new Refusal(reason)
      },
    }
  }

  /** The reducer is done: what it kept of its context is of no use any more. */
  close(): void {
    this.#isClosed = true
  }

  #check(): void {
    if (this.#isClosed) throw new TypeError('a reducer is done when it returns')
  }

  #emit(event: unknown): void {
    this.#check()
    if (this.events.length >= EVENTS_PER_COMMAND_MAX) throw new NoRoom('events')
    this.events.push(textOf(event, 'event'))
  }

  #setTimer(name: string, atMs: number, payload: unknown): void {
    this.#check()
    checkKey(name, 'name of a timer')
    const isTime = Number.isFinite(atMs) && atMs >= 0 && atMs < 2 ** 48
    if (!isTime) throw new RangeError('a timer is due at a time in milliseconds since 1970')
    const added = [...this.timers].filter(([each, timer]) => timer && !this.#book.has(each)).length
    if (this.#book.size + added >= this.#limits.timersMax) throw new NoRoom('timers')
    const text = textOf(payload ?? null, 'payload of a timer')
    this.timers.set(name, { name, dueMs: Math.ceil(atMs), payload: text })
  }
}
