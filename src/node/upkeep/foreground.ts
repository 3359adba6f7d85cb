import type { Clock } from '../../base/environment.ts'

/**
 * How much slower than usual those who wait are served just now. What is usual follows what is seen:
 * quickly downwards, slowly upwards, so that work in the background does not become the usual.
 */
interface Kind {
  usualMs: number
  recentMs: number
  samples: number
  seenMs: number
}

const KINDS_MAX = 16
/** Fewer say nothing yet. */
const SAMPLES_MIN = 20
/** What has not been asked for this long is not slow. */
const FRESH_MS = 5_000
const RECENT_WEIGHT = 0.2
const DOWN_WEIGHT = 0.05
const UP_WEIGHT = 0.002
/** So that a millisecond more or less is not a multiple. */
const FLOOR_MS = 2

export class Foreground {
  readonly #clock: Clock
  readonly #kinds = new Map<string, Kind>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A request was answered. @param kind of requests that usually take about as long, such as `get` */
  observe(kind: string, ms: number): void {
    const seenMs = this.#clock.monotonicMs()
    const known = this.#kinds.get(kind)
    if (known === undefined) {
      if (this.#kinds.size >= KINDS_MAX) return
      this.#kinds.set(kind, { usualMs: ms, recentMs: ms, samples: 1, seenMs })
      return
    }
    known.samples++
    known.seenMs = seenMs
    known.recentMs += (ms - known.recentMs) * RECENT_WEIGHT
    known.usualMs += (ms - known.usualMs) * (ms < known.usualMs ? DOWN_WEIGHT : UP_WEIGHT)
  }

  /** Latency now over the usual, of the kind that suffers most; 1 while nobody asks for anything. */
  ratio(): number {
    const nowMs = this.#clock.monotonicMs()
    const ratios = [...this.#kinds.values()]
      .filter(({ samples, seenMs }) => samples >= SAMPLES_MIN && nowMs - seenMs <= FRESH_MS)
      .map(({ usualMs, recentMs }) => (recentMs + FLOOR_MS) / (usualMs + FLOOR_MS))
    return Math.max(1, ...ratios)
  }
}
