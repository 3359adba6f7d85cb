/**
 * Makes one segment durable, if need be under another scheme: when too few holders take their
 * fragments, and nobody can replace them, what is left of the network may still do with fewer. Then
 * the segment is cut anew for those, and whichever becomes durable first counts.
 */
import type { Scheme } from '../../erasure/scheme.ts'
import type { Coder } from '../coder/coder.ts'
import { type EncodedSegment, recut, releaseCells } from './encoded-segment.ts'
import {
  type HeldFragment,
  SegmentWrite,
  type SegmentWriteDrivers,
  type SegmentWriteOptions,
} from './segment-write.ts'
import { targetScheme } from './target-scheme.ts'

/** How often a segment is cut anew. */
const RECUTS_MAX = 3

export interface SegmentJobOptions extends Omit<SegmentWriteOptions, 'sealed'> {
  readonly drivers: SegmentWriteDrivers & { readonly coder: Coder }
  /** The header of a fragment, which names the scheme. */
  readonly sealed: (encoded: EncodedSegment, index: number) => Uint8Array
  readonly signal: AbortSignal
}

export class SegmentJob {
  /** The write that made it durable. @throws {HoldfastError} `TOO_FEW_PEERS`; the signal's reason */
  readonly durable: Promise<SegmentWrite>
  /** Resolves once nobody is being asked any more, and the cells were given back. */
  readonly over: Promise<void>
  readonly #options: SegmentJobOptions
  readonly #writes: SegmentWrite[] = []
  #winner: SegmentWrite | undefined

  constructor(options: SegmentJobOptions) {
    this.#options = options
    const { signal } = options
    const abort = (): void => this.giveUp(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    this.durable = this.#run().finally(() => signal.removeEventListener('abort', abort))
    this.over = this.#end()
  }

  /** What is held for this segment and not listed: what else was tried, and what came too late. */
  surplus(): readonly HeldFragment[] {
    const listed = new Set(this.#winner?.held().listed.map(nameOf) ?? [])
    return this.#writes
      .flatMap(write => {
        const { listed: own, surplus } = write.held()
        return write === this.#winner ? surplus : [...own, ...surplus]
      })
      .filter(held => !listed.has(nameOf(held)))
  }

  /** Asks nobody any more. */
  giveUp(reason: Error): void {
    for (const write of this.#writes) write.giveUp(reason)
  }

  async #end(): Promise<void> {
    await this.durable.catch(() => undefined)
    await Promise.all(this.#writes.map(write => write.over))
    for (const { encoded } of this.#writes) releaseCells(encoded)
  }

  async #run(): Promise<SegmentWrite> {
    const { encoded, without = [] } = this.#options
    let write = this.#write(encoded, without)
    const unfit = new Set(without)
    for (let round = 0; round < RECUTS_MAX && (await isStuck(write)); round++) {
      for (const each of this.#writes) for (const seat of each.unfit) unfit.add(seat)
      const next = await this.#recut(write, [...unfit])
      if (next === undefined) break
      write = next
    }
    this.#winner = await firstOf(this.#writes)
    for (const other of this.#writes) {
      if (other !== this.#winner) other.giveUp(new Error('another way was quicker'))
    }
    return this.#winner
  }

  async #recut(
    { encoded }: SegmentWrite,
    without: readonly number[],
  ): Promise<SegmentWrite | undefined> {
    const { drivers, signal } = this.#options
    const { seats, coder } = drivers
    const fragmentBytes = encoded.fragments[0]?.sizeBytes ?? 0
    let scheme: Scheme
    try {
      const wish = { views: seats.views(), uptime: seats.uptime(), fragmentBytes, without }
      scheme = targetScheme(wish)
    } catch {
      // Nobody else is there: the holders that were asked are all there is.
      return undefined
    }
    if (scheme.k === encoded.scheme.k && scheme.m === encoded.scheme.m) return undefined
    return this.#write(await recut(coder, encoded, { scheme, signal }), without)
  }

  #write(encoded: EncodedSegment, without: readonly number[]): SegmentWrite {
    const { sealed, ...options } = this.#options
    const ofThis = (index: number): Uint8Array => sealed(encoded, index)
    const write = new SegmentWrite({ ...options, encoded, without, sealed: ofThis })
    this.#writes.push(write)
    return write
  }
}

/** False once it is durable. */
const isStuck = (write: SegmentWrite): Promise<boolean> =>
  Promise.race([
    write.durable.then(
      () => false,
      () => true,
    ),
    write.stuck.then(() => true),
  ])

/** The first that is durable. @throws {HoldfastError} what the last one failed with */
async function firstOf(writes: readonly SegmentWrite[]): Promise<SegmentWrite> {
  const outcomes = writes.map(async write => {
    await write.durable
    return write
  })
  try {
    return await Promise.any(outcomes)
  } catch (error) {
    throw (error as AggregateError).errors.at(-1)
  }
}

const nameOf = ({ seat, id, index }: HeldFragment): string => `${seat} ${index} ${id}`
