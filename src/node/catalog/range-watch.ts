/**
 * Looks, where a range is led, how much it holds, and has it split in half when that is too much. It
 * goes through the range's objects page by page with pauses in between, so that it costs the group
 * next to nothing; a pass over ten million objects takes a quarter of an hour.
 *
 * A range is split between buckets if one begins near its middle, for what is asked about one bucket
 * then stays in one group; inside a bucket otherwise.
 */
import { compare, toUtf8 } from '../../base/bytes.ts'
import type { Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import { bucketPosition, type Place, type Position } from '../../catalog/position.ts'
import { rangeOf } from '../../catalog/queries.ts'
import type { RangeState } from '../../catalog/records.ts'
import { type Program, stored } from '../../catalog/rows.ts'
import { tableRange } from '../../catalog/tables.ts'
import type { CatalogStates } from './catalog-states.ts'
import type { Ranges } from './ranges.ts'

export interface RangeWatchOptions {
  readonly timers: Timers
  readonly states: Pick<CatalogStates, 'state'>
  readonly ranges: Pick<Ranges, 'split'>
  readonly led: () => readonly number[]
  /** A range that holds more objects is split. */
  readonly objectsMax: number
}

/** What a range holds, and where half of it lies behind. */
interface Extent {
  readonly objects: number
  readonly middle: Place | undefined
}

const PAGE_ROWS = 1_000
const PAGE_EVERY_MS = 100
const LOOK_EVERY_MS = 60_000
/** Places that are remembered of one pass. */
const SAMPLES_MAX = 4_096
const HASH_BYTES = 8

export class RangeWatch {
  readonly #options: RangeWatchOptions

  constructor(options: RangeWatchOptions) {
    this.#options = options
  }

  /** Begins; ends with the tasks. Does nothing where no range is ever too large. */
  start(tasks: Tasks): void {
    if (this.#options.objectsMax === Infinity) return
    tasks.start('large ranges', async signal => {
      for (;;) {
        await sleep(this.#options.timers, LOOK_EVERY_MS, signal)
        for (const group of this.#options.led()) await this.#look(group, signal)
      }
    })
  }

  /** Splits a range if it is too large. Failures that may pass are left to the next look. */
  async #look(group: number, signal: AbortSignal): Promise<void> {
    try {
      const pause = (): Promise<void> => sleep(this.#options.timers, PAGE_EVERY_MS, signal)
      const extent = await measureRange(this.#options.states, group, pause)
      if (extent.objects <= this.#options.objectsMax || extent.middle === undefined) return
      await this.#options.ranges.split(extent.middle, { signal })
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }
}

/** Goes through the objects of a group that has a state here. */
export async function measureRange(
  states: Pick<CatalogStates, 'state'>,
  group: number,
  pause: () => Promise<void>,
): Promise<Extent> {
  const state = states.state(group)
  const range = await state?.ask(rangeOf(group))
  const samples = new Samples()
  if (state === undefined || range === undefined) return { objects: 0, middle: undefined }
  const whole = tableRange('o', range.lo, range.hi)
  for (let { after } = whole; ;) {
    const rows = await state.ask(page({ ...whole, after }))
    const last = rows.at(-1)
    if (last === undefined) break
    for (const { key } of rows) samples.add(key)
    after = last.key
    await pause()
  }
  return { objects: samples.count, middle: middleOf(samples.places, range) }
}

/** Some of many places, as far from each other; few enough to keep. */
class Samples {
  count = 0
  places: Position[] = []
  #stride = 1

  add(row: Uint8Array): void {
    if (this.count++ % this.#stride > 0) return
    this.places.push(row.slice(1))
    if (this.places.length < SAMPLES_MAX) return
    this.places = this.places.filter((_, at) => at % 2 === 0)
    this.#stride *= 2
  }
}

function* page(range: {
  readonly after: Uint8Array
  readonly before: Uint8Array
}): Program<readonly { readonly key: Uint8Array }[]> {
  return yield* stored.page({ ...range, limit: PAGE_ROWS })
}

/** Between buckets if one begins in the quarter before the middle. */
function middleOf(samples: readonly Position[], { lo }: RangeState): Place | undefined {
  const at = samples[samples.length >> 1]
  const quarter = samples[samples.length >> 2]
  if (at === undefined || quarter === undefined) return undefined
  const end = at.indexOf(0, HASH_BYTES)
  const bucket = toUtf8(at.subarray(HASH_BYTES, end))
  const begin = bucketPosition(bucket)
  const isNear = compare(begin, quarter) > 0 && compare(begin, lo) > 0
  return { bucket, key: isNear ? '' : toUtf8(at.subarray(end + 1)) }
}
