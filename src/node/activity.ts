/**
 * What a peer remembers of its last hour: every few seconds a sample of what was done for its clients,
 * how long that took, and what there is to repair. A ring of a fixed number of samples; within one,
 * percentiles come from as many latencies as are kept, the newest in the place of the oldest.
 */
import type { Clock, Timer, Timers } from '../base/environment.ts'

/** What clients ask for, as far as it is told apart. */
const kinds = ['get', 'put', 'list', 'head'] as const
export type ActivityKind = (typeof kinds)[number]

export interface LatencyView {
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** What happened since the sample before. */
export interface ActivitySample {
  /** Milliseconds since 1970, by the wall clock of this machine. */
  readonly atMs: number
  readonly readBytes: number
  readonly writtenBytes: number
  readonly requests: number
  readonly errors: number
  /** Of small requests; null where nothing was asked. */
  readonly latency: Readonly<Record<ActivityKind, LatencyView | null>>
  readonly repairWaiting: number
  readonly repairRunning: number
  readonly repairedBytes: number
  readonly usedBytes: number
  readonly peersAlive: number
}

export interface ActivityHistory {
  readonly everyMs: number
  readonly samples: readonly ActivitySample[]
}

/** What is looked up when a sample is taken. */
export type Surroundings = Pick<
  ActivitySample,
  'repairWaiting' | 'repairRunning' | 'usedBytes' | 'peersAlive'
> & {
  /** Since the peer has started. */
  readonly repairedBytesTotal: number
}

export const EVERY_MS = 5_000
export const SAMPLES_MAX = 720
const LATENCIES_MAX = 1_000

export interface ActivityOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly around: () => Surroundings
}

export class Activity {
  readonly #options: ActivityOptions
  readonly #samples: ActivitySample[] = []
  #current = emptyCounts()
  #repairedBytes = 0
  #timer: Timer | undefined

  /** Begins to take samples. */
  constructor(options: ActivityOptions) {
    this.#options = options
    this.#wait()
  }

  get history(): ActivityHistory {
    return { everyMs: EVERY_MS, samples: [...this.#samples] }
  }

  /** Something was asked for; `tookMs` if how long that took is comparable. */
  asked(kind: ActivityKind | 'other', isDone: boolean, tookMs?: number): void {
    this.#current.requests++
    if (!isDone) this.#current.errors++
    if (kind === 'other' || tookMs === undefined || !isDone) return
    const { latencies, seen } = this.#current
    latencies[kind][seen[kind]++ % LATENCIES_MAX] = tookMs
  }

  read(bytes: number): void {
    this.#current.readBytes += bytes
  }

  written(bytes: number): void {
    this.#current.writtenBytes += bytes
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    this.#timer = this.#options.timers.after(EVERY_MS, () => {
      this.#take()
      this.#wait()
    })
  }

  #take(): void {
    const { clock, around } = this.#options
    const { readBytes, writtenBytes, requests, errors, latencies } = this.#current
    const { repairedBytesTotal, ...surroundings } = around()
    this.#samples.push({
      atMs: Math.round(clock.wallMs()),
      readBytes,
      writtenBytes,
      requests,
      errors,
      latency: {
        get: percentilesOf(latencies.get),
        put: percentilesOf(latencies.put),
        list: percentilesOf(latencies.list),
        head: percentilesOf(latencies.head),
      },
      ...surroundings,
      repairedBytes: Math.max(0, repairedBytesTotal - this.#repairedBytes),
    })
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift()
    this.#repairedBytes = repairedBytesTotal
    this.#current = emptyCounts()
  }
}

const emptyCounts = () => ({
  readBytes: 0,
  writtenBytes: 0,
  requests: 0,
  errors: 0,
  latencies: { get: [], put: [], list: [], head: [] } as Record<ActivityKind, number[]>,
  seen: { get: 0, put: 0, list: 0, head: 0 },
})

function percentilesOf(latencies: readonly number[]): LatencyView | null {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): number => {
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return Math.round(value * 100) / 100
  }
  return sorted.length === 0 ? null : { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }
}
