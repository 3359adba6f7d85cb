import { assert } from '../base/assert.ts'
import type { Disk, DiskFile, Random } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { frameBytes, readBody, readHeader, saltFrom, SECTOR_BYTES } from './wal-frame.ts'
import {
  createSegment,
  reuseSegment,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
  setAside,
} from './wal-segment.ts'

export interface WalSegmentsOptions {
  /** Carries the writes of frames. */
  readonly disk: Disk
  /** Carries everything else: preparing, reading, removing. The same directory. */
  readonly background: Disk
  readonly random: Random
  readonly networkId: Uint8Array
  readonly segmentBytes: number
  /** What recovery found, oldest first. */
  readonly found: readonly SegmentHeader[]
  /** The one of them that still has room, from `endPosition` on. */
  readonly resume: { readonly header: SegmentHeader; readonly endPosition: number } | undefined
}

interface Active {
  readonly header: SegmentHeader
  readonly file: DiskFile
  readonly sizeBytes: number
  position: number
}

/**
 * The files of a log: one that is written to, its successor prepared ahead of time, and the older
 * ones, which are only read and in the end removed.
 */
export class WalSegments {
  readonly #options: WalSegmentsOptions
  /** Every segment that holds frames, oldest first; the active one is last. */
  readonly #headers: SegmentHeader[]
  /** Reads in progress per segment; such a segment is not removed. */
  readonly #readers = new Map<number, number>()
  #active: Active | undefined
  #next: Promise<SegmentHeader> | undefined
  #found: WalSegmentsOptions['resume']
  /** The segment whose file waits to become one again; its old name is gone for good. */
  #spare: number | undefined
  /** The same, before the directory was synced. */
  #nextSpare: number | undefined

  constructor(options: WalSegmentsOptions) {
    this.#options = options
    this.#found = options.resume
    this.#headers = [...options.found]
  }

  get count(): number {
    return this.#headers.length
  }

  get oldest(): number {
    return this.#headers[0]?.number ?? Number.POSITIVE_INFINITY
  }

  /** The active segment, if a frame of this size still fits. */
  current(sizeBytes: number): SegmentHeader | undefined {
    const active = this.#active
    if (active === undefined || active.position + sizeBytes > active.sizeBytes) return undefined
    return active.header
  }

  /** The segment the next frame of this size goes to; rolls over if the active one is full. */
  async withRoom(sizeBytes: number): Promise<SegmentHeader> {
    const { segmentBytes } = this.#options
    assert(sizeBytes <= segmentBytes - SEGMENT_HEADER_BYTES, 'a frame fits into a segment')
    await this.#resume()
    const current = this.current(sizeBytes)
    if (current !== undefined) return current
    const header = await this.#prepare()
    const file = await this.#options.disk.open(segmentName(header.number), 'write')
    this.#next = undefined
    await this.#active?.file.close()
    this.#active = { header, file, sizeBytes: segmentBytes, position: SEGMENT_HEADER_BYTES }
    this.#headers.push(header)
    return header
  }

  /** Goes on in the segment that recovery left off in. */
  async #resume(): Promise<void> {
    if (this.#found === undefined) return
    const { header, endPosition: position } = this.#found
    const file = await this.#options.disk.open(segmentName(header.number), 'write')
    this.#active = { header, file, sizeBytes: await file.sizeBytes(), position }
    this.#found = undefined
  }

  /**
   * Writes a frame where `withRoom` made room, durably, and returns its position. If that fails
   * with anything but `DISK_FAILED`, the frame is certain not to be in the log.
   */
  async write(frame: Uint8Array): Promise<number> {
    const active = this.#active
    assert(active !== undefined, 'there is an active segment')
    const { position, file } = active
    const { length } = frame
    try {
      await file.writeDurable(position, frame)
    } catch (error) {
      if (codeOf(error) !== 'DISK_FAILED') await erase(file, position, length)
      throw error
    }
    active.position += length
    if (active.position > active.sizeBytes / 2) this.#prepare().catch(retryAtRollover)
    return position
  }

  /** The body of a frame; undefined if it is not there as it was written. */
  async readFrame(segment: number, position: number): Promise<Uint8Array | undefined> {
    const salt = this.#headers.find(header => header.number === segment)?.salt
    if (salt === undefined) return undefined
    this.#readers.set(segment, (this.#readers.get(segment) ?? 0) + 1)
    const file = await this.#options.background.open(segmentName(segment), 'read')
    try {
      const sector = await file.read(position, SECTOR_BYTES)
      const header = readHeader(sector, salt)
      if (header === undefined) return undefined
      const size = frameBytes(header.bodyBytes)
      if (size > this.#options.segmentBytes) return undefined
      const frame = size <= sector.length ? sector : await file.read(position, size)
      return readBody(frame, salt, header)
    } finally {
      await file.close()
      this.#readers.set(segment, (this.#readers.get(segment) ?? 1) - 1)
    }
  }

  /** Removes the segments below `number` that nobody reads. Returns how many went. */
  async removeBelow(number: number): Promise<number> {
    let removed = 0
    for (;;) {
      const [oldest] = this.#headers
      if (oldest === undefined || oldest === this.#headers.at(-1)) break
      if (oldest.number >= number || (this.#readers.get(oldest.number) ?? 0) > 0) break
      this.#headers.shift()
      this.#readers.delete(oldest.number)
      await this.#discard(oldest.number)
      removed++
    }
    if (removed > 0) await this.#options.background.syncDirectory('.')
    this.#spare ??= this.#nextSpare
    this.#nextSpare = undefined
    return removed
  }

  /** Removes a segment's file, or sets it aside to become the next one. */
  async #discard(number: number): Promise<void> {
    const { background, segmentBytes } = this.#options
    const isWanted = this.#spare === undefined && this.#nextSpare === undefined
    if (isWanted && (await sizeOf(background, number)) === segmentBytes) {
      await setAside(background, number)
      this.#nextSpare = number
    } else {
      await background.remove(segmentName(number))
    }
  }

  async close(): Promise<void> {
    await this.#next?.catch(retryAtRollover)
    await this.#active?.file.close()
    this.#active = undefined
  }

  /** Creates the successor of the newest segment, unless that is under way already. */
  #prepare(): Promise<SegmentHeader> {
    this.#next ??= this.#create().catch((error: unknown) => {
      this.#next = undefined
      throw error
    })
    return this.#next
  }

  async #create(): Promise<SegmentHeader> {
    const { random, networkId, segmentBytes, background } = this.#options
    const number = (this.#headers.at(-1)?.number ?? 0) + 1
    const header = { number, salt: saltFrom(random.u32()), networkId }
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      await reuseSegment(background, spare, header)
    } else {
      await createSegment(background, header, segmentBytes)
    }
    return header
  }
}

/** A segment that could not be prepared ahead of time is tried again when it is needed. */
const retryAtRollover = (): void => undefined

async function sizeOf(disk: Disk, number: number): Promise<number> {
  const file = await disk.open(segmentName(number), 'read')
  try {
    return await file.sizeBytes()
  } finally {
    await file.close()
  }
}

/** Makes sure that a frame whose write failed half way is not found later. */
async function erase(file: DiskFile, position: number, sizeBytes: number): Promise<void> {
  try {
    await file.writeDurable(position, new Uint8Array(sizeBytes))
  } catch (cause) {
    const details = { code: 'DISK_FAILED', path: file.path, operation: 'erase' } as const
    throw new HoldfastError('Cannot take back a failed write', details, { cause })
  }
}
