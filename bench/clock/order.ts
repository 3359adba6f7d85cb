import type { Random } from '../../src/base/environment.ts'
import { Prng } from '../../src/base/prng.ts'
import { Hlc } from '../../src/clock/hlc.ts'
import { OffsetHistory } from '../../src/clock/offset-history.ts'
import { ReorderBuffer } from '../../src/clock/reorder-buffer.ts'
import { shareOutOfOrder } from '../../src/clock/skew-report.ts'

/** What became of the order of events at one skew, as shares of events behind a later one. */
export interface OrderRow {
  readonly skewMs: number
  readonly arrival: number
  readonly buffered: number
  readonly corrected: number
  readonly late: number
}

const SOURCES = 8
const PER_SECOND = 20
const SECONDS = 600
const POLL_MS = 16_000
const STALL_MS = 2_000
const HEARTBEAT_MS = 100

interface Happened {
  readonly source: string
  readonly trueMs: number
  readonly monotonicMs: number
  readonly arrivesMs: number
}

/** A source whose clock is off by a constant, runs at its own rate, and is measured now and then. */
class BiasedSource {
  readonly name: string
  readonly biasMs: number
  readonly #rate: number
  readonly #history = new OffsetHistory(0)
  readonly hlc = new Hlc({ maxOffsetMs: 10_000 })

  constructor(name: string, random: Random, skewMs: number) {
    this.name = name
    this.biasMs = (random.float() * 2 - 1) * skewMs
    this.#rate = 1 + (random.float() * 2 - 1) * 50e-6
    this.hlc.setMark(Number.MAX_SAFE_INTEGER)
    for (let atMs = 0; atMs <= SECONDS * 1_000; atMs += POLL_MS) this.#measure(atMs, random)
  }

  /** The quickest of eight answers over a link with 5 ms jitter. */
  #measure(trueMs: number, random: Random): void {
    const tries = Array.from({ length: 8 }, () => [random.exponential(5), random.exponential(5)])
    const [there = 0, back = 0] = tries.toSorted(
      ([a = 0, b = 0], [c = 0, d = 0]) => a + b - (c + d),
    )[0] as number[]
    const atMs = trueMs * this.#rate
    const delayMs = 4 + there + back
    const correctionMs = trueMs - atMs + (there - back) / 2
    this.#history.add({ atMs, correctionMs, delayMs, errorMs: delayMs / 2 })
  }

  monotonicMs(trueMs: number): number {
    return trueMs * this.#rate
  }

  correctedMs(monotonicMs: number): number {
    return this.#history.correct(0, monotonicMs, 15e-6)?.utcMs ?? Number.NaN
  }
}

/** Events at random, that travel 2 ms and an exponential 20; now and then a source stalls. */
function happen(source: BiasedSource, random: Random): Happened[] {
  const events: Happened[] = []
  let [trueMs, lastArrivalMs, stalledUntilMs] = [0, 0, 0]
  while (trueMs < SECONDS * 1_000) {
    trueMs += random.exponential(1_000 / PER_SECOND)
    if (random.chance(0.001)) stalledUntilMs = trueMs + STALL_MS
    const travelledMs = Math.max(trueMs, stalledUntilMs) + 2 + random.exponential(20)
    lastArrivalMs = Math.max(lastArrivalMs, travelledMs)
    const monotonicMs = source.monotonicMs(trueMs)
    events.push({ source: source.name, trueMs, monotonicMs, arrivesMs: lastArrivalMs })
  }
  return events
}

export function orderAt(skewMs: number): OrderRow {
  const random = new Prng(5)
  const sources = new Map(
    Array.from({ length: SOURCES }, (_, at) => [
      `s${at}`,
      new BiasedSource(`s${at}`, random.fork(`source ${at}`), skewMs),
    ]),
  )
  const happened = [...sources.values()]
    .flatMap(source => happen(source, random.fork(`events ${source.name}`)))
    .toSorted((a, b) => a.trueMs - b.trueMs)
    .map(event => {
      const source = sources.get(event.source) as BiasedSource
      const stamp = source.hlc.tick(event.trueMs + source.biasMs + 10_000) ?? { ms: 0, count: 0 }
      return { ...event, stamp, correctedMs: source.correctedMs(event.monotonicMs) }
    })
  const arrived = happened.toSorted((a, b) => a.arrivesMs - b.arrivesMs)
  const buffer = new ReorderBuffer<number>()
  for (const name of sources.keys()) buffer.addSource(name, 0)
  const buffered: number[] = []
  let heartbeatMs = 0
  for (const { source, stamp, trueMs, arrivesMs } of arrived) {
    for (; heartbeatMs < arrivesMs; heartbeatMs += HEARTBEAT_MS) {
      buffered.push(...buffer.poll(heartbeatMs).map(({ value }) => value))
    }
    const event = { source, stamp, sizeBytes: 64, value: trueMs }
    buffered.push(...buffer.push(event, arrivesMs).map(({ value }) => value))
  }
  buffered.push(...buffer.poll(Number.POSITIVE_INFINITY).map(({ value }) => value))
  const corrected = happened.toSorted((a, b) => a.correctedMs - b.correctedMs)
  return {
    skewMs,
    arrival: shareOutOfOrder(arrived.map(({ trueMs }) => trueMs)),
    buffered: shareOutOfOrder(buffered),
    corrected: shareOutOfOrder(corrected.map(({ trueMs }) => trueMs)),
    late: buffer.late / arrived.length,
  }
}
