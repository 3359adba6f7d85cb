import type { Disk } from '../base/environment.ts'
import {
  FRAME_HEADER_BYTES,
  frameBytes,
  type FrameHeader,
  groupBit,
  hasHole,
  isCutShort,
  isUnwritten,
  readBody,
  readHeader,
  SECTOR_BYTES,
} from './wal-frame.ts'
import { type Damage, GroupIndex } from './wal-index.ts'
import { eachRecord } from './wal-record.ts'
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumber,
  type SegmentHeader,
} from './wal-segment.ts'

/**
 * What a log finds when it is opened. Each frame is good, or:
 *
 *     | a later frame exists | a sector lacks its stamp | verdict                                  |
 *     |----------------------|--------------------------|------------------------------------------|
 *     | yes                  | any                      | damaged: it was acknowledged and is gone |
 *     | no                   | yes                      | torn: nobody was told; it never happened |
 *     | no                   | no                       | damaged: it was whole once               |
 *
 * A later frame proves the earlier one, for it is written only after the sync of the earlier one
 * returned. Damage is reported per group and never cut away; it stays until the group starts anew
 * with a `base` record.
 *
 * What recovery reports must be durable, but the page cache may hold bytes that never reached the
 * disk: of a write without sync, or of one whose sync failed. Only the last frame can be such a one.
 * So it is written again in its place, zeros behind it, and synced, before anything is answered.
 */
export interface Recovery {
  readonly groups: Map<number, GroupIndex>
  readonly segments: SegmentHeader[]
  /** Where the next frame goes; undefined if it needs a segment of its own. */
  readonly active: { readonly header: SegmentHeader; readonly endPosition: number } | undefined
  readonly nextSequence: number
  /** The groups of the last frame. */
  readonly lastGroups: number
  readonly report: RecoveryReport
}

export interface RecoveryReport {
  readonly segments: number
  readonly frames: number
  /** Whether the last write was torn and has been undone. */
  readonly isTorn: boolean
  readonly damages: readonly FrameDamage[]
}

/** Frames that were acknowledged once and cannot be read. */
interface FrameDamage {
  readonly segment: number
  readonly position: number
  /** Mask of the groups that may have had records in them. */
  readonly groups: number
}

export interface RecoveryOptions {
  readonly disk: Disk
  readonly networkId: Uint8Array
  /** No frame is larger. */
  readonly frameBytesMax: number
}

const ALL_GROUPS = 0xffffffff

/** A place where frames should go on but do not. */
interface Break {
  readonly segment: number
  readonly position: number
  /** Of the frame that should stand there, if its header can still be read. */
  readonly header: FrameHeader | undefined
  readonly isTorn: boolean
  /** Nothing at all was written there: the usual end of a segment. */
  readonly isBlank: boolean
}

export async function recover(options: RecoveryOptions): Promise<Recovery> {
  return new Scan(options).run()
}

class Scan {
  readonly #disk: Disk
  readonly #networkId: Uint8Array
  readonly #groups = new Map<number, GroupIndex>()
  readonly #damages: FrameDamage[] = []
  #segments: SegmentHeader[] = []
  /** The sequence expected next; undefined before the first frame. */
  #expected: number | undefined
  #frames = 0
  #lastGroups = 0
  #break: Break | undefined
  /** The last frame. */
  #tail: { header: SegmentHeader; position: number; endPosition: number } | undefined
  readonly #frameBytesMax: number

  constructor({ disk, networkId, frameBytesMax }: RecoveryOptions) {
    this.#disk = disk
    this.#networkId = networkId
    this.#frameBytesMax = frameBytesMax
  }

  async run(): Promise<Recovery> {
    for (const number of await this.#segmentNumbers()) await this.#readSegment(number)
    const tail = this.#judgeTail()
    this.#reportGaps()
    await this.#removeUnused()
    if (this.#tail !== undefined) await this.#settleTail(this.#tail)
    const isResumed = tail !== 'damaged'
    return {
      groups: this.#groups,
      segments: this.#segments,
      active: isResumed ? this.#tail : undefined,
      nextSequence: this.#expected ?? 1,
      lastGroups: this.#lastGroups,
      report: {
        segments: this.#segments.length,
        frames: this.#frames,
        isTorn: tail === 'torn',
        damages: this.#damages,
      },
    }
  }

  async #segmentNumbers(): Promise<number[]> {
    const numbers: number[] = []
    for (const { name } of await this.#disk.list('.')) {
      const number = segmentNumber(name)
      if (number !== undefined) numbers.push(number)
      else if (name.endsWith('.wal.tmp')) await this.#disk.remove(name)
    }
    return numbers
  }

  async #readSegment(number: number): Promise<void> {
    const name = segmentName(number)
    const bytes = await readWhole(this.#disk, name)
    const header = decodeSegmentHeader(bytes, name, this.#networkId)
    if (header === undefined || header.number !== number) {
      this.#damage({ segment: number, position: 0, groups: ALL_GROUPS })
      this.#expected = undefined
      this.#break = undefined
      this.#segments.push({ number, salt: 0, networkId: this.#networkId })
      return
    }
    this.#segments.push(header)
    let position = SEGMENT_HEADER_BYTES
    while (position < bytes.length) {
      const next = this.#readFrame(bytes, header, position) ?? this.#resume(bytes, header, position)
      if (next === undefined) return
      position = next
    }
  }

  /** Takes the frame at `position` in and returns where the next one starts. */
  #readFrame(bytes: Uint8Array, segment: SegmentHeader, position: number): number | undefined {
    const rest = bytes.subarray(position)
    const header = readHeader(rest, segment.salt)
    if (header === undefined) return undefined
    if (header.sequence < (this.#expected ?? 0)) return undefined
    const isNext = this.#expected === undefined ? !this.#break : header.sequence === this.#expected
    if (!isNext) this.#lose(header, { segment: segment.number, position })
    const end = position + frameBytes(header.bodyBytes)
    const body = readBody(bytes.subarray(position, end), segment.salt, header)
    if (body === undefined) return undefined
    this.#break = undefined
    eachRecord(body, (record, offset) => {
      if (record.type === 'drop') this.#groups.delete(record.group)
      else
        this.#groupOf(record.group).apply(record, {
          segment: segment.number,
          frame: position,
          offset,
        })
    })
    this.#accept(header, segment, position)
    return end
  }

  #accept(header: FrameHeader, segment: SegmentHeader, position: number): void {
    this.#frames++
    this.#expected = header.sequence + 1
    this.#lastGroups = header.groups
    const endPosition = position + frameBytes(header.bodyBytes)
    this.#tail = { header: segment, position, endPosition }
  }

  /** After a frame that cannot be read: notes the break and looks for a later frame. */
  #resume(bytes: Uint8Array, segment: SegmentHeader, position: number): number | undefined {
    const sector = bytes.subarray(position, position + SECTOR_BYTES)
    const header = readHeader(sector, segment.salt)
    const isOurs = header !== undefined && header.sequence === (this.#expected ?? header.sequence)
    const isBlank = isUnwritten(sector, segment.salt)
    const frame = isOurs
      ? bytes.subarray(position, position + frameBytes(header.bodyBytes))
      : undefined
    const isTorn =
      frame === undefined ? isCutShort(sector, segment.salt) : hasHole(frame, segment.salt)
    this.#break = {
      segment: segment.number,
      position,
      header: isOurs ? header : undefined,
      isTorn,
      isBlank,
    }
    return this.#findLater(bytes, segment, position)
  }

  /** The position of a frame that was begun after the one expected at `position`. */
  #findLater(bytes: Uint8Array, segment: SegmentHeader, position: number): number | undefined {
    const expected = this.#expected
    for (let at = position + SECTOR_BYTES; at < bytes.length; at += SECTOR_BYTES) {
      const header = readHeader(bytes.subarray(at, at + FRAME_HEADER_BYTES), segment.salt)
      if (header === undefined) continue
      const ahead = header.sequence - (expected ?? header.sequence - 1)
      if (ahead > 0 && ahead <= (at - position) / SECTOR_BYTES) return at
    }
    return undefined
  }

  /** The frames from the expected one up to `found` are gone. */
  #lose(found: FrameHeader, { segment, position }: { segment: number; position: number }): void {
    const lost = this.#break ?? { segment, position, header: undefined }
    const count = this.#expected === undefined ? Infinity : found.sequence - this.#expected
    const first = lost.header?.groups ?? (count === 1 ? found.groupsBefore : ALL_GROUPS)
    const rest = count === 1 ? 0 : count === 2 ? found.groupsBefore : ALL_GROUPS
    const groups = (first | rest) >>> 0
    this.#damage({ segment: lost.segment, position: lost.position, groups })
    this.#break = undefined
    this.#expected = found.sequence
  }

  /** No frame follows the last break: is it the usual end, a torn write, or rot? */
  #judgeTail(): 'clean' | 'torn' | 'damaged' {
    const last = this.#break
    if (last === undefined || last.isBlank) return 'clean'
    if (last.isTorn) return 'torn'
    this.#damage({
      segment: last.segment,
      position: last.position,
      groups: last.header?.groups ?? ALL_GROUPS,
    })
    // The sequence number of the lost frame stays used, so that the gap is seen next time as well.
    this.#expected = (this.#expected ?? 0) + 1
    this.#lastGroups = last.header?.groups ?? ALL_GROUPS
    return 'damaged'
  }

  #damage(damage: FrameDamage): void {
    this.#damages.push(damage)
    for (const index of this.#groups.values()) markIfHit(index, damage)
  }

  /** A group first seen after a damage may have had its beginning in what was lost. */
  #groupOf(group: number): GroupIndex {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const fresh = new GroupIndex(group)
    for (const damage of this.#damages) markIfHit(fresh, damage)
    this.#groups.set(group, fresh)
    return fresh
  }

  #reportGaps(): void {
    for (const index of this.#groups.values()) {
      if (index.hasGap) index.markDamaged({ segment: index.oldestSegment, index: index.baseIndex })
    }
  }

  /** Segments after the last frame hold zeros or the remains of a torn write. */
  async #removeUnused(): Promise<void> {
    const last = Math.max(this.#tail?.header.number ?? 0, this.#damages.at(-1)?.segment ?? 0)
    const isUnused = ({ number }: SegmentHeader): boolean => number > last
    for (const { number } of this.#segments.filter(isUnused)) {
      await this.#disk.remove(segmentName(number))
    }
    this.#segments = this.#segments.filter(segment => !isUnused(segment))
    await this.#disk.syncDirectory('.')
  }

  /** Makes the last frame durable, and blank what a write after it may have left. */
  async #settleTail({
    header,
    position,
    endPosition,
  }: {
    header: SegmentHeader
    position: number
    endPosition: number
  }): Promise<void> {
    const file = await this.#disk.open(segmentName(header.number), 'write')
    const sizeBytes = await file.sizeBytes()
    await file.write(position, await file.read(position, endPosition - position))
    const isDamagedBehind = this.#damages.some(damage => damage.segment === header.number)
    const room = Math.min(sizeBytes - endPosition, frameBytes(this.#frameBytesMax))
    if (!isDamagedBehind) await file.write(endPosition, new Uint8Array(room))
    await file.datasync()
    await file.close()
  }
}

function markIfHit(index: GroupIndex, { segment, groups }: FrameDamage): void {
  if ((groups & groupBit(index.group)) === 0) return
  const damage: Damage = { segment, index: index.lastIndex + 1 }
  index.markDamaged(damage)
}

async function readWhole(disk: Disk, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await disk.open(path, 'read')
  try {
    return await file.read(0, await file.sizeBytes())
  } finally {
    await file.close()
  }
}
