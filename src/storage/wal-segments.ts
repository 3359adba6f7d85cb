import { assert } from '../base/assert.ts'
import type { Disk, DiskFile, Random } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { withFile } from './disk.ts'
import { drawSalt, frameBytes, readBody, readHeader, SECTOR_BYTES } from './wal-frame.ts'
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
  /** The last frame; the log goes on behind it. */
  readonly tail: { readonly header: SegmentHeader; readonly endPosition: number } | undefined
  /** The background disk failed for good. */
  readonly failed: (error: unknown) => void
}

/** Files kept to be used again: groups are trimmed in steps, so segments come free in twos. */
const SPARES_MAX = 2
/** Frames that may be read at once. */
const READS_MAX = 64

interface Active {
  readonly header: SegmentHeader
  readonly file: DiskFile
  readonly sizeBytes: number
  position: number
  /** Whether its successor was prepared, or that was tried in vain. */
  isHalfFull: boolean
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
  /** Under way, or done and waiting to be used. */
  #next: Promise<SegmentHeader> | undefined
  #reads = 0
  /** Where recovery left off, until the first frame is written there. */
  #tail: WalSegmentsOptions['tail']
  /** Segments whose files wait to become new ones; their old names are gone for good. */
  readonly #spares: SegmentHeader[] = []
  /** The same, before the directory was synced. */
  readonly #nextSpares: SegmentHeader[] = []

  constructor(options: WalSegmentsOptions) {
    this.#options = options
    this.#tail = options.tail
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
    const position = SEGMENT_HEADER_BYTES
    this.#active = { header, file, sizeBytes: segmentBytes, position, isHalfFull: false }
    this.#headers.push(header)
    return header
  }

  /** Goes on in the segment that recovery left off in. */
  async #resume(): Promise<void> {
    if (this.#tail === undefined) return
    const { header, endPosition: position } = this.#tail
    const sizeBytes = await sizeOf(this.#options.disk, header.number)
    const file = await this.#options.disk.open(segmentName(header.number), 'write')
    this.#active = { header, file, sizeBytes, position, isHalfFull: false }
    this.#tail = undefined
  }

  /**
   * Writes the frame in `memory` where `withRoom` made room, durably, and says where that is. If it
   * fails with anything but `DISK_FAILED`, the frame is certain not to be in the log.
   */
  async write(
    sizeBytes: number,
    memory: ArrayBuffer,
  ): Promise<{ position: number; memory: ArrayBuffer }> {
    const active = this.#active
    assert(active !== undefined, 'there is an active segment')
    const { position, file } = active
    let returned: ArrayBuffer
    try {
      returned = await file.writeLent(position, sizeBytes, memory)
    } catch (error) {
      // A disk that is busy has not even begun.
      const isBegun = codeOf(error) !== 'DISK_FAILED' && codeOf(error) !== 'BUSY'
      if (isBegun) await erase(file, position, sizeBytes)
      throw error
    }
    active.position += sizeBytes
    if (!active.isHalfFull && active.position > active.sizeBytes / 2) {
      active.isHalfFull = true
      this.#prepare().catch((error: unknown) => this.#postpone(error))
    }
    return { position, memory: returned }
  }

  /** The body of a frame; undefined if it is not there as it was written. */
  async readFrame(segment: number, position: number): Promise<Uint8Array | undefined> {
    const salt = this.#headers.find(header => header.number === segment)?.salt
    if (salt === undefined) return undefined
    if (this.#reads >= READS_MAX) throw tooManyReads()
    this.#reads++
    this.#readers.set(segment, (this.#readers.get(segment) ?? 0) + 1)
    try {
      return await readFrame(this.#options.background, { segment, salt, position })
    } finally {
      this.#reads--
      this.#readers.set(segment, (this.#readers.get(segment) ?? 1) - 1)
    }
  }

  /** Removes the segments below `number` that nobody reads or writes. */
  async removeBelow(number: number): Promise<void> {
    const inUse = Math.min(
      this.#active?.header.number ?? Infinity,
      this.#tail?.header.number ?? Infinity,
    )
    let removed = 0
    for (;;) {
      const [oldest] = this.#headers
      if (oldest === undefined || this.#headers.length === 1) break
      if (oldest.number >= Math.min(number, inUse)) break
      if ((this.#readers.get(oldest.number) ?? 0) > 0) break
      await this.#discard(oldest)
      this.#headers.shift()
      this.#readers.delete(oldest.number)
      removed++
    }
    if (removed === 0) return
    await this.#options.background.syncDirectory('.')
    this.#spares.push(...this.#nextSpares.splice(0))
  }

  /** Removes a segment's file, or sets it aside to become the next one. */
  async #discard(header: SegmentHeader): Promise<void> {
    const { number } = header
    const { background, segmentBytes } = this.#options
    const isWanted = this.#spares.length + this.#nextSpares.length < SPARES_MAX
    if (isWanted && (await sizeOf(background, number)) === segmentBytes) {
      await setAside(background, number)
      this.#nextSpares.push(header)
    } else {
      await background.remove(segmentName(number))
    }
  }

  async close(): Promise<void> {
    await this.#next?.catch((error: unknown) => this.#postpone(error))
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
    const spare = this.#spares.shift()
    const header = { number, salt: drawSalt(random, spare?.salt ?? 0), networkId }
    if (spare === undefined) await createSegment(background, header, segmentBytes)
    else await reuseSegment(background, spare.number, header)
    return header
  }

  /** What could not be done ahead of time is tried again when it must be, unless the disk is gone. */
  #postpone(error: unknown): void {
    if (codeOf(error) === 'DISK_FAILED') this.#options.failed(error)
  }
}

const readFrame = (
  disk: Disk,
  { segment, salt, position }: { segment: number; salt: number; position: number },
): Promise<Uint8Array | undefined> =>
  withFile(disk, segmentName(segment), 'read', async file => {
    const sector = await file.read(position, SECTOR_BYTES)
    const header = readHeader(sector, salt)
    if (header === undefined) return undefined
    const size = frameBytes(header.bodyBytes)
    const frame = size <= sector.length ? sector : await file.read(position, size)
    return readBody(frame, salt, header)
  })

const sizeOf = (disk: Disk, number: number): Promise<number> =>
  withFile(disk, segmentName(number), 'read', file => file.sizeBytes())

function tooManyReads(): HoldfastError {
  const details = { code: 'BUSY', what: 'log reads', limit: READS_MAX } as const
  return new HoldfastError(`Cannot read the log: ${READS_MAX} reads are under way`, details)
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
