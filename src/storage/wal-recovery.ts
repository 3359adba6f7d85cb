import type { Disk } from '../base/environment.ts'
import { withFile } from './disk.ts'
import { frameBytes, type FrameHeader, groupBit } from './wal-frame.ts'
import { GroupIndex } from './wal-index.ts'
import { eachRecord } from './wal-record.ts'
import { type Break, type FoundFrame, scanSegment } from './wal-scan.ts'
import {
  decodeSegmentHeader,
  type SegmentHeader,
  segmentName,
  segmentNumber,
} from './wal-segment.ts'

/**
 * What a log finds when it is opened. A place where the next frame should stand is judged by what
 * stands there (wal-scan.ts) and by what comes after it, in this segment or a later one:
 *
 *     | a frame behind it, or anything written | blank | torn    | rotten  |
 *     |----------------------------------------|-------|---------|---------|
 *     | no                                     | end   | cut off | damaged |
 *     | the frame expected here                | end   | end     | end     |
 *     | anything else                          | lost  | damaged | damaged |
 *
 * For a frame is begun only after the sync of the one before it returned: whatever comes later
 * proves that the earlier one was whole and acknowledged. Damage is reported per group and never cut
 * away; it stays until the group starts anew with a `base` record. A write that never reached the
 * disk although its sync returned, being the very last, is beyond what the log alone can see.
 *
 * What recovery reports must be durable, but the page cache may hold bytes that never reached the
 * disk: of a write without sync, or of one whose sync failed. Only the last frame can be such a one.
 * So it is written again in its place, zeros behind it, and synced, before anything is answered.
 */
export interface Recovery {
  readonly groups: Map<number, GroupIndex>
  readonly segments: SegmentHeader[]
  /** Where the next frame goes; undefined if it needs a segment of its own. */
  readonly tail: Tail | undefined
  readonly nextSequence: number
  /** The groups of the last frame. */
  readonly lastGroups: number
  readonly report: RecoveryReport
}

/** The last frame of the log. */
interface Tail {
  readonly header: SegmentHeader
  readonly position: number
  readonly endPosition: number
}

export interface RecoveryReport {
  readonly segments: number
  readonly frames: number
  /** Whether the remains of a torn write were cut off. */
  readonly isTorn: boolean
  readonly damages: readonly FrameDamage[]
}

/** Frames that were acknowledged once and cannot be read. */
interface FrameDamage {
  readonly segment: number
  readonly position: number
  /** Mask of the groups that may have had records in them. */
  readonly groups: number
  /** The segment of the last sound frame before them: without it nobody could tell they are missing. */
  readonly since: number
}

export interface RecoveryOptions {
  readonly disk: Disk
  readonly networkId: Uint8Array
  /** No frame is larger. */
  readonly frameBytesMax: number
}

const ALL_GROUPS = 0xffffffff
/** More frames than a segment has sectors: what is skipped when nobody knows how many were lost. */
const SEQUENCE_LEAP = 2 ** 24

export const recover = (options: RecoveryOptions): Promise<Recovery> => new Scan(options).run()

class Scan {
  readonly #options: RecoveryOptions
  readonly #groups = new Map<number, GroupIndex>()
  readonly #damages: FrameDamage[] = []
  #segments: SegmentHeader[] = []
  /** The sequence number expected next; undefined before the first frame. */
  #expected: number | undefined
  #frames = 0
  #lastGroups = 0
  /** Breaks since the last sound frame, but for blank ones. */
  #breaks: Break[] = []
  #tail: Tail | undefined
  #damagesBeforeTail = 0

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  async run(): Promise<Recovery> {
    for (const number of await this.#segmentNumbers()) await this.#readSegment(number)
    const verdict = this.#judgeTail()
    this.#reportGaps()
    await this.#removeUnused()
    // Where something was lost behind the last frame nothing may be overwritten.
    const isIntact = this.#damages.length === this.#damagesBeforeTail
    if (this.#tail !== undefined) await this.#settleTail(this.#tail, isIntact)
    return {
      groups: this.#groups,
      segments: this.#segments,
      tail: isIntact ? this.#tail : undefined,
      nextSequence: this.#expected ?? 1,
      lastGroups: this.#lastGroups,
      report: {
        segments: this.#segments.length,
        frames: this.#frames,
        isTorn: verdict === 'torn',
        damages: this.#damages,
      },
    }
  }

  async #segmentNumbers(): Promise<number[]> {
    const numbers: number[] = []
    for (const { name } of await this.#options.disk.list('.')) {
      const number = segmentNumber(name)
      if (number !== undefined) numbers.push(number)
      else if (name.endsWith('.wal.tmp')) await this.#options.disk.remove(name)
    }
    return numbers
  }

  async #readSegment(number: number): Promise<void> {
    const { disk, networkId } = this.#options
    const name = segmentName(number)
    const bytes = await withFile(disk, name, 'read', async file =>
      file.read(0, await file.sizeBytes()),
    )
    const header = decodeSegmentHeader(bytes, name, networkId)
    if (header === undefined || header.number !== number) {
      this.#segments.push({ number, salt: 0, networkId })
      const whole = { segment: number, position: 0, header: undefined }
      this.#breaks.push({ ...whole, state: 'rotten', isFollowed: true })
      return
    }
    this.#segments.push(header)
    for (const finding of scanSegment(bytes, header, this.#expected)) {
      if (finding.kind === 'frame') this.#takeFrame(finding.frame, header)
      else if (finding.gap.state !== 'blank') this.#breaks.push(finding.gap)
    }
  }

  #takeFrame(found: FoundFrame, segment: SegmentHeader): void {
    const { header, body, gap, position, endPosition } = found
    const isNext =
      this.#expected === undefined ? this.#breaks.length === 0 : header.sequence === this.#expected
    if (!isNext) this.#lose(found)
    this.#expected = header.sequence
    this.#breaks = []
    if (body === undefined) {
      if (gap !== undefined) this.#breaks.push(gap)
      return
    }
    eachRecord(body, (record, offset) => {
      if (record.type === 'drop') this.#groups.delete(record.group)
      else {
        const place = { segment: found.segment, frame: position, offset }
        this.#groupOf(record.group).apply(record, place)
      }
    })
    this.#frames++
    this.#expected = header.sequence + 1
    this.#lastGroups = header.groups
    this.#tail = { header: segment, position, endPosition }
    this.#damagesBeforeTail = this.#damages.length
  }

  /** The frames from the expected one up to `found` are gone. */
  #lose({ header, segment, position }: FoundFrame): void {
    const [first] = this.#breaks
    const from = first?.header?.sequence ?? this.#expected ?? Number.NEGATIVE_INFINITY
    const groups = groupsOfLost(header, header.sequence - from, first?.header)
    this.#damage(first ?? { segment, position }, groups)
  }

  /** Nothing follows the last breaks: is it the usual end, a torn write, or rot? */
  #judgeTail(): 'clean' | 'torn' | 'damaged' {
    const [first, ...others] = this.#breaks
    if (first === undefined) return 'clean'
    if (first.state === 'torn' && others.length === 0) return 'torn'
    const isOne = first.header !== undefined && !first.isFollowed && others.length === 0
    const groups = isOne ? first.header.groups : ALL_GROUPS
    this.#damage(first, groups)
    // The numbers of the lost frames stay used, so that the gap is seen next time as well.
    this.#expected = (this.#expected ?? 0) + (isOne ? 1 : SEQUENCE_LEAP * this.#breaks.length)
    this.#lastGroups = groups
    return 'damaged'
  }

  #damage({ segment, position }: { segment: number; position: number }, groups: number): void {
    const since = Math.min(segment, this.#tail?.header.number ?? segment)
    const damage = { segment, position, groups, since }
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

  /** Entries whose beginning nothing explains. */
  #reportGaps(): void {
    for (const index of this.#groups.values()) {
      if (!index.hasGap) continue
      index.markDamaged({ segment: index.oldestSegment, index: 0 })
    }
  }

  /** Segments after the last frame, and after any damage, are blank or hold a torn write. */
  async #removeUnused(): Promise<void> {
    const kept = [this.#tail?.header.number ?? 0, ...this.#damages.map(({ segment }) => segment)]
    const rotten = this.#breaks.filter(({ state }) => state === 'rotten')
    const last = Math.max(...kept, ...rotten.map(({ segment }) => segment))
    const isUnused = ({ number }: SegmentHeader): boolean => number > last
    for (const { number } of this.#segments.filter(isUnused)) {
      await this.#options.disk.remove(segmentName(number))
    }
    this.#segments = this.#segments.filter(segment => !isUnused(segment))
    await this.#options.disk.syncDirectory('.')
  }

  /** Makes the last frame durable, and blank what a torn write behind it may have left. */
  async #settleTail(tail: Tail, clearsBehind: boolean): Promise<void> {
    const { disk, frameBytesMax } = this.#options
    const { position, endPosition } = tail
    await withFile(disk, segmentName(tail.header.number), 'write', async file => {
      const sizeBytes = await file.sizeBytes()
      await file.write(position, await file.read(position, endPosition - position))
      const room = Math.min(sizeBytes - endPosition, frameBytes(frameBytesMax))
      if (clearsBehind && room > 0) await file.write(endPosition, new Uint8Array(room))
      await file.datasync()
    })
  }
}

/** Whose records may have been in `count` lost frames, of which the first may still have a header. */
function groupsOfLost(found: FrameHeader, count: number, first: FrameHeader | undefined): number {
  if (count === 1) return first?.groups ?? found.groupsBefore
  if (count === 2 && first !== undefined) return (first.groups | found.groupsBefore) >>> 0
  return ALL_GROUPS
}

/** What was lost may have replaced any entry above the base. */
function markIfHit(index: GroupIndex, { since, groups }: FrameDamage): void {
  if ((groups & groupBit(index.group)) === 0) return
  index.markDamaged({ segment: since, index: index.baseIndex + 1 })
}
