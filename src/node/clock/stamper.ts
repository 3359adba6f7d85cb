import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Hlc, MARK_AHEAD_MS } from '../../clock/hlc.ts'
import type { Timestamp } from '../../clock/timestamp.ts'
import type { MarkStore } from './mark-store.ts'

export interface StamperOptions {
  readonly store: MarkStore
  readonly maxOffsetMs: number
}

/**
 * Gives out timestamps, none of which exceeds the mark on disk, and none before physical time has
 * passed the mark of the run before.
 */
export class Stamper {
  readonly #store: MarkStore
  readonly #hlc: Hlc
  /** The mark this run found; undefined if it cannot be read, and has yet to be assumed. */
  #pastMarkMs: number | undefined
  #writing: Promise<void> | undefined

  private constructor({ store, maxOffsetMs }: StamperOptions, pastMarkMs: number | undefined) {
    this.#store = store
    this.#hlc = new Hlc({ maxOffsetMs })
    this.#pastMarkMs = pastMarkMs
  }

  static async open(options: StamperOptions): Promise<Stamper> {
    return new Stamper(options, await pastMark(options.store))
  }

  get maxOffsetMs(): number {
    return this.#hlc.maxOffsetMs
  }

  /** How long until physical time has passed what may have been given out before the start. */
  waitMs(ptMs: number): number {
    // A mark that cannot be read was no further ahead of time than timestamps may lead, and a mark
    // may be set ahead of them; and time was then no later than it is now.
    this.#pastMarkMs ??= ptMs + this.#hlc.maxOffsetMs + MARK_AHEAD_MS
    return Math.max(0, Math.floor(this.#pastMarkMs - Math.floor(ptMs)) + 1)
  }

  /** A timestamp, if the mark allows it. The next mark is written in good time. */
  tick(ptMs: number): Timestamp | undefined {
    const stamp = this.#hlc.tick(ptMs)
    if (this.#hlc.markWanted(ptMs) !== undefined) {
      // Whoever cannot go on without the mark will try again, and see the failure.
      this.advance(ptMs).catch(() => undefined)
    }
    return stamp
  }

  /** @returns its lead if the timestamp was refused. */
  receive(remote: Timestamp, ptMs: number): number | undefined {
    return this.#hlc.receive(remote, ptMs)
  }

  /** @returns its lead if that is too much; it was merged all the same. */
  receiveCommitted(remote: Timestamp, ptMs: number): number | undefined {
    return this.#hlc.receiveCommitted(remote, ptMs)
  }

  /** Returns when there is a durable mark ahead of now. One write at a time. */
  advance(ptMs: number): Promise<void> {
    this.#writing ??= this.#write(ptMs).finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #write(ptMs: number): Promise<void> {
    const markMs = this.#hlc.markWanted(ptMs)
    if (markMs === undefined) return
    await this.#store.write(markMs)
    this.#hlc.setMark(markMs)
  }
}

/** 0 where nothing was ever given out; undefined where that cannot be told. */
async function pastMark(store: MarkStore): Promise<number | undefined> {
  try {
    return (await store.read()) ?? 0
  } catch (error) {
    if (codeOf(error) === 'CORRUPT' || codeOf(error) === 'DISK_IO') return undefined
    throw error
  }
}

export const notReady = (status: string, waitMs: number): HoldfastError =>
  new HoldfastError(`Cannot stamp: the clock is ${status}, ${Math.ceil(waitMs)} ms to wait`, {
    code: 'CLOCK_NOT_READY',
    status,
    waitMs,
  })
