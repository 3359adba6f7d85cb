/**
 * Objects on their way out: entry → extents → segments → cells → bytes. What a range needs is fetched
 * and no more, a page of segments at a time; the next page is looked up while one is read.
 *
 * Contents never change once they are kept, only the placement of their segments does. So all but the
 * entry may be asked of any replica, and where too few fragments of a segment can be had its page is
 * looked up once more, in the newest state: a repair may have moved them.
 */
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { FoundObject } from '../../catalog/query-objects.ts'
import type { ContentName, Extent, Segment } from '../../catalog/records.ts'
import { decodeFragmentId } from '../../erasure/fragment-id.ts'
import { SEGMENT_BYTES } from '../../erasure/layout.ts'
import { UNIT_BYTES, UNIT_PLAIN_BYTES } from '../../erasure/sealing.ts'
import type { Catalog, CatalogAsk } from '../catalog/catalog.ts'
import { placeOf } from '../catalog/places.ts'
import type { Coder } from '../coder/coder.ts'
import { decodeStream } from '../coder/decode-stream.ts'
import type { UnitKey } from '../coder/unit-cipher.ts'
import type { ContentKeys } from './content-keys.ts'
import { infoOf, needsKey } from './descriptions.ts'
import { checkKey } from './object-writes.ts'
import { PlacedSource, type PlacedSourceDrivers } from './placed-source.ts'
import type {
  GetOptions,
  ObjectInfo,
  ObjectPlace,
  ObjectReading,
  WriteConditions,
} from './store.ts'

/** Segments looked up at once: half a GiB. */
const PAGE_SEGMENTS = 32
const SEGMENT_PLAIN_BYTES: number = (SEGMENT_BYTES / UNIT_BYTES) * UNIT_PLAIN_BYTES

/** A fragment that was read in vain: to be looked at, and perhaps repaired. */
export interface ReadFault {
  readonly name: ContentName
  readonly blob: Uint8Array
  readonly segment: number
  readonly index: number
  readonly seat: number
  readonly error: unknown
}

export interface ObjectReadsDrivers extends PlacedSourceDrivers {
  readonly catalog: Catalog
  readonly coder: Coder
  readonly keys: ContentKeys
  readonly onFault: (fault: ReadFault) => void
}

type PlacedExtent = Extent & { readonly source: ContentName }

/** A run of bytes of one blob, with the segments that hold it. */
interface Page {
  readonly extent: PlacedExtent
  readonly key: UnitKey
  readonly first: number
  readonly segments: readonly Segment[]
  /** Bytes of the blob. */
  readonly from: number
  readonly to: number
  readonly onServed: GetOptions['onServed']
}

interface BodyRange {
  readonly from: number
  readonly to: number
  readonly signal: AbortSignal | undefined
  readonly encryptionKey: Uint8Array | undefined
  readonly onServed: GetOptions['onServed']
}

export class ObjectReads {
  readonly #drivers: ObjectReadsDrivers

  constructor(drivers: ObjectReadsDrivers) {
    this.#drivers = drivers
  }

  async head(place: ObjectPlace, options: Omit<GetOptions, 'from' | 'to'>): Promise<ObjectInfo> {
    return infoOf(place, await this.find(place, options))
  }

  async get(place: ObjectPlace, options: GetOptions): Promise<ObjectReading> {
    checkKey(options.encryptionKey)
    const found = await this.find(place, options)
    const { sizeBytes } = found.version
    const { from, to } = rangeOf(options, sizeBytes)
    const { signal, encryptionKey, onProgress, onServed } = options
    if (needsKey(found.version) && encryptionKey === undefined) throw keyNeeded()
    const bytes = await this.#open(place, found, { from, to, signal, encryptionKey, onServed })
    const totalBytes = to - from
    const body = async function* (): AsyncGenerator<Uint8Array> {
      let sent = 0
      for await (const chunk of bytes) {
        yield chunk
        sent += chunk.length
        onProgress?.({ bytes: sent, totalBytes })
      }
    }
    return { ...infoOf(place, found), from, to, body: body() }
  }

  /** The version asked for, if the conditions hold. */
  async find(
    place: ObjectPlace,
    { version, consistency, signal, ...conditions }: Omit<GetOptions, 'from' | 'to'>,
  ): Promise<FoundObject> {
    const { bucket, key } = place
    placeOf(place)
    const ask = { consistency, signal }
    const found = await this.#drivers.catalog.ask('object', { bucket, key, version }, ask)
    if (found.version.body.type === 'marker') throw markerFound(place, found.id)
    checkConditions(conditions, found.version.etag)
    return found
  }

  /** Where the bytes of a version are; undefined if they are in its row. */
  contentOf({ bucket, key }: ObjectPlace, { version }: FoundObject): ContentName | undefined {
    const { body } = version
    if (body.type !== 'content') return undefined
    return { ...(body.home ?? { bucket, key }), content: body.content }
  }

  /** Runs of bytes of a content, one after another. */
  async *extents(
    name: ContentName,
    { from, to }: { readonly from: number; readonly to: number },
    signal: AbortSignal | undefined,
  ): AsyncGenerator<PlacedExtent> {
    for (let at = from; at < to;) {
      const asked = { ...name, fromBytes: at, lengthBytes: to - at }
      const { extents, endBytes } = await this.#askAny(
        ask => this.#drivers.catalog.ask('extents', asked, ask),
        answer => answer.endBytes > at,
        signal,
      )
      if (endBytes <= at) throw gone(name)
      yield* extents
      at = endBytes
    }
  }

  /** Some segments of a blob, as a replica knows them, or as they are now. */
  async segments(
    { source, blob }: Pick<PlacedExtent, 'source' | 'blob'>,
    { first, count }: { readonly first: number; readonly count: number },
    { isNewest = false, signal }: { isNewest?: boolean; signal: AbortSignal | undefined },
  ): Promise<readonly Segment[]> {
    const asked = { ...source, blob, first, count }
    const ask = (options: CatalogAsk): Promise<readonly Segment[]> =>
      this.#drivers.catalog.ask('segments', asked, options)
    const isEnough = (answer: readonly Segment[]): boolean => answer.length === count
    const segments = await (isNewest ? ask({ signal }) : this.#askAny(ask, isEnough, signal))
    if (segments.length < count) throw gone(source)
    return segments
  }

  /** Looks up what comes first, so that what cannot be read is refused before a byte was promised. */
  async #open(
    place: ObjectPlace,
    found: FoundObject,
    range: BodyRange,
  ): Promise<AsyncIterable<Uint8Array>> {
    const { from, to } = range
    const name = this.contentOf(place, found)
    if (from === to) return pieces([])
    if (name === undefined) return pieces([(found.bytes ?? new Uint8Array(0)).subarray(from, to)])
    const pages = this.#pages(name, range)
    const first = await pages.next()
    return this.#bytes(first, pages, range.signal)
  }

  async *#bytes(
    first: IteratorResult<Page, void>,
    pages: AsyncGenerator<Page, void>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    let next = Promise.resolve(first)
    try {
      for (;;) {
        const { value: page, done } = await next
        if (done === true) return
        next = pages.next()
        next.catch(() => undefined)
        yield* this.#read(page, signal)
      }
    } finally {
      void pages.return().catch(() => undefined)
    }
  }

  async *#pages(
    name: ContentName,
    { from, to, signal, encryptionKey, onServed }: BodyRange,
  ): AsyncGenerator<Page, void> {
    const { keys } = this.#drivers
    for await (const extent of this.extents(name, { from, to }, signal)) {
      const { source, blob, envelope, fromBytes, lengthBytes } = extent
      const key = keys.open({ content: source.content, blob }, envelope, encryptionKey)
      const end = fromBytes + lengthBytes
      const last = Math.floor((end - 1) / SEGMENT_PLAIN_BYTES)
      let at = fromBytes
      while (at < end) {
        const segment = Math.floor(at / SEGMENT_PLAIN_BYTES)
        const count = Math.min(PAGE_SEGMENTS, last - segment + 1)
        const pageEnd = Math.min(end, (segment + count) * SEGMENT_PLAIN_BYTES)
        const segments = await this.segments(extent, { first: segment, count }, { signal })
        yield { extent, key, first: segment, segments, from: at, to: pageEnd, onServed }
        at = pageEnd
      }
    }
  }

  /** The bytes of one page; where too few fragments are at hand it is looked up once more. */
  async *#read(page: Page, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    let { segments, from } = page
    for (let isAgain = false; ; isAgain = true) {
      try {
        for await (const bytes of this.#decode({ ...page, segments, from }, signal)) {
          from += bytes.length
          yield bytes
        }
        return
      } catch (error) {
        if (isAgain || codeOf(error) !== 'TOO_FEW_FRAGMENTS') throw error
      }
      const asked = { first: page.first, count: page.segments.length }
      segments = await this.segments(page.extent, asked, { isNewest: true, signal })
    }
  }

  #decode(page: Page, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const { extent, key, first, segments, from, to, onServed } = page
    const { coder, onFault } = this.#drivers
    const stored = segments.map(({ k, fragments }) => ({
      k,
      fragments: fragments.map(({ id }) => decodeFragmentId(id)),
    }))
    const object = { plainBytes: extent.blobBytes, key, segments: stored, firstSegment: first }
    const { source: name, blob } = extent
    return decodeStream(object, {
      coder,
      source: new PlacedSource({ ...this.#drivers, onServed }, segments, first),
      from,
      to,
      onFault: ({ segment, column: index, error }) => {
        const seat = segments[segment - first]?.fragments[index]?.seat ?? 0
        if (seat !== 0) onFault({ name, blob, segment, index, seat, error })
      },
      ...(signal && { signal }),
    })
  }

  /** Any replica will do, if its answer is enough; else the newest state is asked. */
  async #askAny<Answer>(
    ask: (options: CatalogAsk) => Promise<Answer>,
    isEnough: (answer: Answer) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    try {
      const answer = await ask({ consistency: 'stale', signal })
      if (isEnough(answer)) return answer
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    }
    return ask({ signal })
  }
}

async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all
}

/** @throws {HoldfastError} `RANGE_UNSATISFIABLE` */
function rangeOf(
  { from = 0, to = Number.POSITIVE_INFINITY }: Pick<GetOptions, 'from' | 'to'>,
  sizeBytes: number,
): { from: number; to: number } {
  const isWhole = Number.isSafeInteger(from) && (Number.isSafeInteger(to) || to === Infinity)
  if (!(isWhole && from >= 0 && to >= from)) throw new RangeError(`Bytes ${from} to ${to}`)
  if (from > 0 && from >= sizeBytes) {
    const details = { code: 'RANGE_UNSATISFIABLE', from, sizeBytes } as const
    throw new HoldfastError(`Cannot read from byte ${from}: there are ${sizeBytes}`, details)
  }
  return { from, to: Math.min(to, sizeBytes) }
}

function checkConditions({ ifMatch, ifNoneMatch }: WriteConditions, etag: string): void {
  const is = (wanted: string): boolean => wanted === '*' || wanted === etag
  const fails =
    ifMatch !== undefined && !is(ifMatch)
      ? 'ifMatch'
      : ifNoneMatch !== undefined && is(ifNoneMatch)
        ? 'ifNoneMatch'
        : undefined
  if (fails === undefined) return
  const details = { code: 'PRECONDITION_FAILED', condition: fails } as const
  throw new HoldfastError(`Cannot read: ${fails} does not hold, the etag is ${etag}`, details)
}

const markerFound = ({ bucket, key }: ObjectPlace, marker: string): HoldfastError =>
  new HoldfastError(`There is no ${key} in ${bucket}: ${marker} is a delete marker`, {
    code: 'NO_SUCH_KEY',
    bucket,
    key,
    marker,
  })

/** Deleted while it was read. */
const gone = ({ bucket, key }: ContentName): HoldfastError =>
  new HoldfastError(`Cannot read on: ${key} in ${bucket} was deleted meanwhile`, {
    code: 'NO_SUCH_KEY',
    bucket,
    key,
  })

const keyNeeded = (): HoldfastError =>
  new HoldfastError('Cannot read: the object is encrypted under a key of its own', {
    code: 'KEY_NEEDED',
  })
