/**
 * The write-ahead log of a peer, shared by all its groups: one sync makes the records of many
 * groups durable.
 *
 *     000000000007.wal   | header | frame 901 | frame 902 | … |                    read only
 *     000000000008.wal   | header | frame 960 | frame 961 | 0 0 0 0 0 0 0 0 0 |    active
 *     000000000009.wal   | header | 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 |    prepared
 *
 * Segments are preallocated with zeros (wal-segment.ts). A frame (wal-frame.ts) holds the records
 * (wal-record.ts) of all who waited while the frame before was being synced; exactly one frame is
 * on its way at a time, and it is acknowledged when its sync has returned. A frame that is followed
 * by another one is therefore known to have been durable, which is how recovery (wal-recovery.ts)
 * tells a torn tail from rot. After a pause an empty frame is written to vouch for the last one.
 *
 * Space: a segment is removed once no group needs it. A small group that does nothing but pin the
 * oldest segment is written again: `base`, state, entries, in one frame.
 *
 * Failures: `DISK_FULL` and `DISK_IO` mean that the records are certainly not in the log, and later
 * appends may succeed; so are all appends that waited behind it, for they may build on it. After
 * `DISK_FAILED` nothing is known about the last frame and the log answers nothing more.
 */
import { assert } from '../base/assert.ts'
import type { Clock, Disk, Random, Timer, Timers } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import type { Batch } from './wal-batch.ts'
import { frameBytes } from './wal-frame.ts'
import { type Damage, type EntryPlace, GroupIndex } from './wal-index.ts'
import { WalQueue } from './wal-queue.ts'
import { recordAt, type WalRecord } from './wal-record.ts'
import { recover, type Recovery, type RecoveryReport } from './wal-recovery.ts'
import { NETWORK_ID_BYTES, SEGMENT_HEADER_BYTES } from './wal-segment.ts'
import { WalSegments } from './wal-segments.ts'
import { WalSpace } from './wal-space.ts'
import { WalTips } from './wal-tips.ts'

export interface WalOptions {
  /** Carries the flushes: in a real peer, a thread of its own. */
  readonly disk: Disk
  /** The same directory, for everything that may take its time. @default disk */
  readonly background?: Disk
  readonly timers: Timers
  readonly random: Random
  /** 32 bytes; a log of another network is refused. */
  readonly networkId: Uint8Array
  /** @default 64 MiB */
  readonly segmentBytes?: number
  /** The largest frame, and so the largest append. @default 4 MiB */
  readonly frameBytesMax?: number
  /** What may wait to be written; above it appends get `BUSY`. @default 64 MiB */
  readonly queueBytesMax?: number
  /** How long after the last frame an empty one vouches for it. @default 100 ms */
  readonly vouchAfterMs?: number
  /** Told how long each frame took to become durable, by this clock. */
  readonly timed?: { readonly clock: Clock; readonly took: (ms: number) => void }
  /** How many segments there may be before small idle groups are written again. @default 3 */
  readonly segmentsBeforeRewrite?: number
}

/** What the log holds of one group. */
export interface WalGroup {
  readonly group: number
  readonly baseIndex: number
  readonly baseTerm: number
  readonly lastIndex: number
  readonly lastTerm: number
  /** The newest `state` record. */
  readonly state: Uint8Array | undefined
  /** Set when records of this group were lost: only `base` or `drop` may be appended to it. */
  readonly damage: Damage | undefined
}

export interface WalEntry {
  readonly index: number
  readonly term: number
  readonly payload: Uint8Array
}

const FRAME_BYTES_MAX = 4 << 20
const SEGMENT_BYTES = 64 << 20

export class Wal {
  /** What was found at the start. */
  readonly recovery: RecoveryReport
  readonly #groups: Map<number, GroupIndex>
  readonly #segments: WalSegments
  readonly #tips: WalTips
  readonly #queue: WalQueue
  readonly #space: WalSpace
  readonly #timers: Timers
  readonly #vouchAfterMs: number
  /**
   * How often appends that waited were refused. Whoever appends without waiting compares: if it has
   * changed while something was on its way, what comes next might build on what is not there.
   */
  refusals = 0
  #sequence: number
  #lastGroups: number
  #vouchTimer: Timer | undefined
  /** Whether the last frame is an empty one. */
  #isVouched: boolean
  /** Why nothing can be appended any more. */
  #failure: Error | undefined

  /**
   * Reads the log in the disk's root directory, or begins one.
   * @throws {HoldfastError} `FOREIGN_STORE`, `DISK_*`
   */
  static async open(options: WalOptions): Promise<Wal> {
    const { networkId, frameBytesMax = FRAME_BYTES_MAX, segmentBytes = SEGMENT_BYTES } = options
    const disk = options.background ?? options.disk
    if (networkId.length !== NETWORK_ID_BYTES) throw new RangeError('a network id has 32 bytes')
    if (segmentBytes < SEGMENT_HEADER_BYTES + frameBytes(frameBytesMax)) {
      throw new RangeError(`a segment of ${segmentBytes} bytes is too small for the largest frame`)
    }
    return new Wal(options, await recover({ disk, networkId, frameBytesMax }))
  }

  private constructor(options: WalOptions, found: Recovery) {
    const { disk, background = disk, random, networkId } = options
    const { segmentBytes = SEGMENT_BYTES, frameBytesMax = FRAME_BYTES_MAX } = options
    this.recovery = found.report
    this.#groups = found.groups
    this.#tips = new WalTips(found.groups)
    this.#sequence = found.nextSequence
    this.#lastGroups = found.lastGroups
    this.#timers = options.timers
    this.#vouchAfterMs = options.vouchAfterMs ?? 100
    this.#isVouched = found.lastGroups === 0
    this.#segments = new WalSegments({
      disk,
      background,
      random,
      networkId,
      segmentBytes,
      found: found.segments,
      tail: found.tail,
      failed: error => this.#diskFailed(error),
    })
    this.#queue = new WalQueue({
      frameBytesMax,
      queueBytesMax: options.queueBytesMax ?? 64 << 20,
      write: timed(options.timed, batch => this.#write(batch)),
      refused: error => this.#refused(error),
      idle: () => this.#armVouch(),
    })
    this.#space = new WalSpace({
      groups: this.#groups,
      segments: this.#segments,
      damages: found.report.damages,
      segmentsBeforeRewrite: options.segmentsBeforeRewrite ?? 3,
      frameBytesMax,
      read: (group, fromIndex, limitBytes) => this.read(group, fromIndex, limitBytes),
      append: records => this.append(records),
      isWaiting: group => this.#queue.has(group),
      failed: error => this.#diskFailed(error),
    })
    this.#armVouch()
  }

  /** Every group with durable records, ascending. */
  get groups(): WalGroup[] {
    return [...this.#groups.values()].map(viewOf).toSorted((a, b) => a.group - b.group)
  }

  group(group: number): WalGroup | undefined {
    const index = this.#groups.get(group)
    return index === undefined ? undefined : viewOf(index)
  }

  /** The segment files in use. */
  get segmentCount(): number {
    return this.#segments.count
  }

  /** The term of a durable entry, or of the base; undefined for other indexes. */
  term(group: number, index: number): number | undefined {
    return this.#groups.get(group)?.term(index)
  }

  /**
   * Appends records, in one frame; resolves when they are durable. Records appended earlier are
   * durable by then as well. A group's first record is a `base`. The payloads must not change
   * until then.
   * @throws {HoldfastError} `BUSY`, `TOO_LARGE`, `CLOSED`, `LOG_DAMAGED`: nothing was appended;
   *   `DISK_FULL`, `DISK_IO`: neither these records nor any appended behind them; `DISK_FAILED`
   */
  append(records: readonly WalRecord[]): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure
      const sizeBytes = this.#queue.measure(records)
      this.#tips.check(records)
      for (const record of records) this.#tips.advance(record)
      return this.#queue.add(records, sizeBytes)
    } catch (error) {
      // A record that makes no sense is a bug, and who knows what else is wrong.
      if (codeOf(error) === undefined) this.#failure ??= error as Error
      return Promise.reject(error)
    }
  }

  /**
   * Durable entries from `fromIndex` on: as many as fit into `limitBytes`, but at least one if
   * there is one.
   * @throws {HoldfastError} `LOG_DAMAGED` if one of them cannot be read as it was written.
   */
  async read(group: number, fromIndex: number, limitBytes: number): Promise<WalEntry[]> {
    const entries: WalEntry[] = []
    let frame: { place: EntryPlace; body: Uint8Array } | undefined
    for (const place of placesFrom(this.#groups.get(group), fromIndex, limitBytes)) {
      if (frame?.place.frame !== place.frame || frame.place.segment !== place.segment) {
        const body = await this.#readFrame(place)
        if (body === undefined) {
          if (!this.#isCurrent(group, place)) return entries
          throw this.#lost(group, place)
        }
        frame = { place, body }
      }
      const record = recordAt(frame.body, place.offset)
      assert(record.type === 'entry' && record.index === place.index, 'the index points at entries')
      entries.push({ index: record.index, term: record.term, payload: record.payload })
    }
    return entries
  }

  /**
   * Says that every group which recovery's damages may concern has begun anew, or is known never to
   * have been here. Until then lost frames are reported at each start, and the segments they were in
   * are kept: a group of which nothing else is left could otherwise return as if it were new.
   */
  forgiveDamage(): void {
    this.#space.releaseEvidence()
  }

  /** Takes no more, flushes what waits, vouches for it, and lets go of the files. */
  async close(): Promise<void> {
    const isUsable = this.#failure === undefined
    this.#failure ??= closed()
    this.#vouchTimer?.cancel()
    await this.#queue.drained()
    if (isUsable && !this.#isVouched) await this.#vouch()
    await this.#queue.drained()
    await this.#space.settled()
    await this.#segments.close()
  }

  async #write(batch: Batch): Promise<ArrayBuffer> {
    const size = frameBytes(batch.bodyBytes)
    const segment = this.#segments.current(size) ?? (await this.#segments.withRoom(size))
    batch.seal(segment.salt, this.#sequence, this.#lastGroups)
    const { position, memory } = await this.#segments.write(size, batch.memory)
    this.#sequence++
    this.#lastGroups = batch.groups
    this.#isVouched = batch.records.length === 0
    this.#apply(batch, { segment: segment.number, frame: position, offset: 0 })
    this.#space.maintain()
    return memory
  }

  #apply(batch: Batch, place: { segment: number; frame: number; offset: number }): void {
    for (let at = 0; at < batch.records.length; at++) {
      const record = batch.records[at] as WalRecord
      if (record.type === 'drop') {
        this.#groups.delete(record.group)
        continue
      }
      let index = this.#groups.get(record.group)
      if (index === undefined) {
        index = new GroupIndex(record.group)
        this.#groups.set(record.group, index)
      }
      place.offset = batch.offsets[at] as number
      index.apply(record, place)
    }
  }

  /** What could not be written never was: the groups end where their durable records do. */
  #refused(error: unknown): void {
    this.refusals++
    this.#diskFailed(error)
    this.#tips.reset(this.#groups)
  }

  /** Work in the background failed: all but a lost disk, or a bug, is tried again. */
  #diskFailed(error: unknown): void {
    const code = codeOf(error)
    if (code === undefined || code === 'DISK_FAILED') this.#failure ??= error as Error
  }

  #armVouch(): void {
    if (this.#isVouched || this.#vouchTimer !== undefined || this.#failure !== undefined) return
    const armedAt = this.#sequence
    this.#vouchTimer = this.#timers.after(this.#vouchAfterMs, () => {
      this.#vouchTimer = undefined
      if (this.#failure !== undefined || !this.#queue.isIdle) return
      if (this.#sequence === armedAt) void this.#vouch()
      else this.#armVouch()
    })
  }

  /** Writes an empty frame; if that fails, the last frame is just not vouched for. */
  async #vouch(): Promise<void> {
    await this.#queue.add([], 0).catch(() => undefined)
  }

  async #readFrame({ segment, frame }: EntryPlace): Promise<Uint8Array | undefined> {
    try {
      return await this.#segments.readFrame(segment, frame)
    } catch (error) {
      this.#diskFailed(error)
      throw error
    }
  }

  /** Whether the entry still lies there, and was not trimmed or replaced meanwhile. */
  #isCurrent(group: number, { index, segment, frame }: EntryPlace): boolean {
    const now = this.#groups.get(group)?.place(index)
    return now?.segment === segment && now.frame === frame
  }

  #lost(group: number, { segment, index }: EntryPlace): HoldfastError {
    this.#groups.get(group)?.markDamaged({ segment, index })
    // A new beginning may be on its way already.
    if (!this.#queue.has(group)) this.#tips.markDamaged(group)
    const details = { code: 'LOG_DAMAGED', group, index } as const
    return new HoldfastError(`Cannot read entry ${index} of group ${group}: rot`, details)
  }
}

type Write = (batch: Batch) => Promise<ArrayBuffer>

/** Tells of writes that succeed: a disk that fails ends more than a statistic. */
function timed(watch: WalOptions['timed'], write: Write): Write {
  if (watch === undefined) return write
  const { clock, took } = watch
  return async batch => {
    const startMs = clock.monotonicMs()
    const memory = await write(batch)
    took(clock.monotonicMs() - startMs)
    return memory
  }
}

const viewOf = (index: GroupIndex): WalGroup => ({
  group: index.group,
  baseIndex: index.baseIndex,
  baseTerm: index.baseTerm,
  lastIndex: index.lastIndex,
  lastTerm: index.lastTerm,
  state: index.state?.payload,
  damage: index.damage,
})

function placesFrom(
  index: GroupIndex | undefined,
  fromIndex: number,
  limitBytes: number,
): EntryPlace[] {
  const places: EntryPlace[] = []
  let sizeBytes = 0
  for (let at = fromIndex; ; at++) {
    const place = index?.place(at)
    if (place === undefined) return places
    sizeBytes += place.sizeBytes
    if (places.length > 0 && sizeBytes > limitBytes) return places
    places.push(place)
  }
}

function closed(): HoldfastError {
  return new HoldfastError('Cannot append: the log is closed', { code: 'CLOSED', what: 'log' })
}
