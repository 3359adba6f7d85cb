/**
 * Makes one segment durable, if need be under another scheme: when too few holders take their
 * fragments, and nobody can replace them, what is left of the network may still do with fewer. Then
 * the segment is cut anew for those, and whichever becomes durable first counts.
 */
import { codeOf } from '../../base/errors.ts'
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
  /** The segment as it was handed in, and as it was cut anew. */
  readonly #cuts: EncodedSegment[]
  #winner: SegmentWrite | undefined
  /** Why not even a first holder was asked. */
  #refusal: Error = new Error('nobody was asked')

  constructor(options: SegmentJobOptions) {
    this.#options = options
    this.#cuts = [options.encoded]
    const { signal } = options
    const abort = (): void => this.giveUp(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    this.durable = this.#run().finally(() => signal.removeEventListener('abort', abort))
    this.over = this.#end()
  }

  /** Everything that is held for this segment, or may be. */
  held(): readonly HeldFragment[] {
    return this.#writes.flatMap(write => Object.values(write.held()).flat())
  }

  /** The same but for what is to be listed: what else was tried, and what came too late. */
  surplus(): readonly HeldFragment[] {
    const listed = new Set(this.#winner?.held().listed.map(nameOf) ?? [])
    return this.held().filter(held => !listed.has(nameOf(held)))
  }

  /** Asks nobody any more. */
  giveUp(reason: Error): void {
    for (const write of this.#writes) write.giveUp(reason)
  }

  async #end(): Promise<void> {
    await this.durable.catch(() => undefined)
    await Promise.all(this.#writes.map(write => write.over))
    for (const cut of this.#cuts) releaseCells(cut)
  }

  async #run(): Promise<SegmentWrite> {
    const { encoded, without = [] } = this.#options
    const unfit = new Set(without)
    let cut: EncodedSegment | undefined = encoded
    for (let round = 0; round <= RECUTS_MAX && cut !== undefined; round++) {
      const write = this.#write(cut, [...unfit])
      if (write !== undefined && !(await isStuck(write))) break
      for (const each of this.#writes) for (const seat of each.unfit) unfit.add(seat)
      cut = await this.#recut(cut, [...unfit])
    }
    if (this.#writes.length === 0) throw this.#refusal
    this.#winner = await firstOf(this.#writes)
    for (const other of this.#writes) {
      if (other !== this.#winner) other.giveUp(new Error('another way was quicker'))
    }
    return this.#winner
  }

  /** For those that are left; undefined if these cannot do better. */
  async #recut(
    encoded: EncodedSegment,
    without: readonly number[],
  ): Promise<EncodedSegment | undefined> {
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
    const cut = await recut(coder, encoded, { scheme, signal })
    this.#cuts.push(cut)
    return cut
  }

  /** Undefined if not enough peers are there to begin with. */
  #write(encoded: EncodedSegment, without: readonly number[]): SegmentWrite | undefined {
    const { sealed, signal, ...options } = this.#options
    signal.throwIfAborted()
    const ofThis = (index: number): Uint8Array => sealed(encoded, index)
    try {
      const write = new SegmentWrite({ ...options, encoded, without, sealed: ofThis })
      this.#writes.push(write)
      return write
    } catch (error) {
      if (codeOf(error) !== 'TOO_FEW_PEERS') throw error
      this.#refusal = error as Error
      return undefined
    }
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
