import { Prng } from '../../src/base/prng.ts'
import { type Due, TimerQueue } from '../../src/base/timer-queue.ts'
import { SimNetworkFabric } from './sim-fabric.ts'
import { SimPeer, type SimPeerOptions } from './sim-peer.ts'
import { Trace } from './trace.ts'

/** What may be scheduled at once, and how many events a run may take. */
const PENDING_MAX = 1_000_000
const EVENTS_MAX = 50_000_000

export interface SimEvent {
  cancel(): void
}

/**
 * A whole network in one process: virtual time, one queue of events, and peers whose clocks, disks
 * and connections obey it. Between two events all promises that can go on do, so plain async code
 * runs here unchanged; time passes only in the queue.
 *
 * Everything random comes from the seed. Same seed, same trace.
 */
export class World {
  readonly seed: number
  readonly random: Prng
  readonly trace: Trace = new Trace()
  readonly network: SimNetworkFabric
  readonly peers: Map<string, SimPeer> = new Map()
  readonly #queue = new TimerQueue<() => void>(PENDING_MAX)
  #nowMs = 0
  #events = 0
  #failure: { error: unknown } | undefined

  constructor(seed: number) {
    this.seed = seed
    this.random = new Prng(seed)
    this.network = new SimNetworkFabric(this)
  }

  /** True time, which no peer can see. */
  get nowMs(): number {
    return this.#nowMs
  }

  get events(): number {
    return this.#events
  }

  /** Runs `callback` in `delayMs`, as an event of its own. */
  schedule(delayMs: number, callback: () => void): SimEvent {
    const due: Due<() => void> = this.#queue.push(this.#nowMs + Math.max(0, delayMs), callback)
    return { cancel: () => this.#queue.cancel(due) }
  }

  addPeer(name: string, options: SimPeerOptions): SimPeer {
    const peer = new SimPeer(this, name, options)
    this.peers.set(name, peer)
    return peer
  }

  note(who: string, what: string): void {
    this.trace.add(this.#nowMs, who, what)
  }

  /** Ends the run with an error at the next event. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      this.schedule(ms, resolve)
    })
  }

  /** Lets time pass until `director` has returned, and returns what it did. */
  async play<Result>(director: () => Promise<Result>): Promise<Result> {
    const outcomes: Result[] = []
    director().then(
      value => outcomes.push(value),
      (error: unknown) => this.fail(error),
    )
    await settle()
    while (outcomes.length === 0) {
      this.#throwFailure()
      if (!this.#step()) throw new Error('the world stands still: everybody waits, nothing is due')
      await settle()
    }
    this.#throwFailure()
    return outcomes[0] as Result
  }

  #step(): boolean {
    const due = this.#queue.pop()
    if (due === undefined) return false
    if (++this.#events > EVENTS_MAX) throw new Error(`the run takes over ${EVENTS_MAX} events`)
    this.#nowMs = due.atMs
    due.value()
    return true
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/**
 * Returns when no promise can go on by itself. A tick runs once the microtask queue is empty, so
 * chains of any length are finished by then.
 */
function settle(): Promise<void> {
  return new Promise(resolve => {
    process.nextTick(resolve)
  })
}
