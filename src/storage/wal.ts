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
import type { Disk, Random, Timer, Timers } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { Batch } from './wal-batch.ts'
import { frameBytes, groupBit } from './wal-frame.ts'
import { type Damage, type EntryPlace, GroupIndex } from './wal-index.ts'
import { encodedBytesMax, PAYLOAD_BYTES_MAX, recordAt, type WalRecord } from './wal-record.ts'
import { recover, type Recovery, type RecoveryReport } from './wal-recovery.ts'
import { NETWORK_ID_BYTES } from './wal-segment.ts'
import { WalSegments } from './wal-segments.ts'
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

/** Frame buffers kept for use again. */
const BUFFERS_MAX = 2

/** The largest group that is written again to free its oldest segment. */
const REWRITE_BYTES_MAX = 1_048_576
const REWRITE_ENTRIES_MAX = 8192

export class Wal {
  /** What was found at the start. */
  readonly recovery: RecoveryReport
  readonly #groups: Map<number, GroupIndex>
  readonly #segments: WalSegments
  readonly #tips: WalTips
  readonly #timers: Timers
  readonly #frameBytesMax: number
  readonly #queueBytesMax: number
  readonly #vouchAfterMs: number
  readonly #segmentsBeforeRewrite: number
  /** Batches not yet on disk, oldest first; the last one still takes records. */
  readonly #queue: Batch[] = []
  #queuedBytes = 0
  /** The batch whose frame is being written. */
  #writing: Batch | undefined
  #sequence: number
  #lastGroups: number
  /** Where frames were built that are on disk now. */
  readonly #buffers: Uint8Array[] = []
  #flushing: Promise<void> | undefined
  #maintaining: Promise<void> | undefined
  #vouchTimer: Timer | undefined
  #isVouched = true
  #failure: HoldfastError | undefined

  /**
   * Reads the log in the disk's root directory, or begins one.
   * @throws {HoldfastError} `FOREIGN_STORE`, `DISK_*`
   */
  static async open(options: WalOptions): Promise<Wal> {
    assert(options.networkId.length === NETWORK_ID_BYTES, 'a network id has 32 bytes')
    const disk = options.background ?? options.disk
    const { networkId, frameBytesMax = FRAME_BYTES_MAX } = options
    return new Wal(options, await recover({ disk, networkId, frameBytesMax }))
  }

  private constructor(options: WalOptions, found: Recovery) {
    const { disk, background = disk, random, networkId, segmentBytes = 64 << 20 } = options
    this.recovery = found.report
    this.#groups = found.groups
    this.#tips = new WalTips(found.groups)
    this.#sequence = found.nextSequence
    this.#lastGroups = found.lastGroups
    this.#timers = options.timers
    this.#frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX
    this.#queueBytesMax = options.queueBytesMax ?? 64 << 20
    this.#vouchAfterMs = options.vouchAfterMs ?? 100
    this.#segmentsBeforeRewrite = options.segmentsBeforeRewrite ?? 3
    this.#segments = new WalSegments({
      disk,
      background,
      random,
      networkId,
      segmentBytes,
      found: found.segments,
      resume: found.active,
    })
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
      const sizeBytes = this.#admit(records)
      const batch = this.#batchFor(sizeBytes)
      for (const record of records) {
        this.#tips.advance(record)
        batch.add(record)
      }
      batch.queuedBytes += sizeBytes
      this.#queuedBytes += sizeBytes
      this.#flushing ??= this.#flush()
      return batch.done
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Durable entries from `fromIndex` on: as many as fit into `limitBytes`, but at least one if
   * there is one.
   * @throws {HoldfastError} `LOG_DAMAGED` if one of them cannot be read as it was written.
   */
  async read(group: number, fromIndex: number, limitBytes: number): Promise<WalEntry[]> {
    const index = this.#groups.get(group)
    const entries: WalEntry[] = []
    let frame: { place: EntryPlace; body: Uint8Array } | undefined
    for (const place of placesFrom(index, fromIndex, limitBytes)) {
      if (frame?.place.frame !== place.frame || frame.place.segment !== place.segment) {
        const body = await this.#segments.readFrame(place.segment, place.frame)
        if (body === undefined) throw this.#lost(group, place)
        frame = { place, body }
      }
      const record = recordAt(frame.body, place.offset)
      assert(record.type === 'entry' && record.index === place.index, 'the index points at entries')
      entries.push({ index: record.index, term: record.term, payload: record.payload })
    }
    return entries
  }

  /** Flushes what waits, vouches for it, and lets go of the files. */
  async close(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    if (!this.#isVouched) await this.#vouch()
    this.#vouchTimer?.cancel()
    this.#failure ??= closed()
    await this.#maintaining
    await this.#segments.close()
  }

  /** Refuses what cannot be appended; returns what it may take. */
  #admit(records: readonly WalRecord[]): number {
    if (this.#failure !== undefined) throw this.#failure
    const sizeBytes = encodedBytesMax(records)
    if (sizeBytes > this.#frameBytesMax) throw tooLarge('append', sizeBytes, this.#frameBytesMax)
    if (this.#queuedBytes + sizeBytes > this.#queueBytesMax) throw busy(this.#queueBytesMax)
    for (const record of records) {
      if ('payload' in record && record.payload.length > PAYLOAD_BYTES_MAX) {
        throw tooLarge('record', record.payload.length, PAYLOAD_BYTES_MAX)
      }
    }
    this.#tips.check(records)
    return sizeBytes
  }

  #batchFor(sizeBytes: number): Batch {
    const last = this.#queue.at(-1)
    if (last !== undefined && last.bodyBytes + sizeBytes <= this.#frameBytesMax) return last
    const buffer = this.#buffers.pop() ?? new Uint8Array(newBuffer(this.#frameBytesMax))
    const batch = new Batch(buffer)
    this.#queue.push(batch)
    return batch
  }

  async #flush(): Promise<void> {
    // Whoever appends in this very turn shares the first frame.
    await Promise.resolve()
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      this.#queuedBytes -= batch.queuedBytes
      this.#writing = batch
      await this.#write(batch)
      this.#maintain()
    }
    this.#writing = undefined
    this.#flushing = undefined
    this.#armVouch()
  }

  async #write(batch: Batch): Promise<void> {
    try {
      const size = frameBytes(batch.bodyBytes)
      const segment = await this.#segments.withRoom(size)
      const frame = batch.seal(segment.salt, this.#sequence, this.#lastGroups)
      const position = await this.#segments.write(frame)
      if (this.#buffers.length < BUFFERS_MAX) this.#buffers.push(batch.buffer)
      this.#sequence++
      this.#lastGroups = batch.groups
      this.#isVouched = batch.records.length === 0
      this.#apply(batch, segment.number, position)
      batch.resolve()
    } catch (error) {
      this.#refuse(batch, error)
    }
  }

  #apply(batch: Batch, segment: number, frame: number): void {
    for (const [at, record] of batch.records.entries()) {
      if (record.type === 'drop') {
        this.#groups.delete(record.group)
        continue
      }
      let index = this.#groups.get(record.group)
      if (index === undefined) {
        index = new GroupIndex(record.group)
        this.#groups.set(record.group, index)
      }
      index.apply(record, { segment, frame, offset: batch.offsets[at] as number })
    }
  }

  /** A batch could not be written: neither can those that may build on it. */
  #refuse(batch: Batch, error: unknown): void {
    const isDefinite = codeOf(error) === 'DISK_FULL' || codeOf(error) === 'DISK_IO'
    if (!isDefinite) this.#failure = error as HoldfastError
    batch.reject(error as HoldfastError)
    for (const behind of this.#queue.splice(0)) behind.reject(error as HoldfastError)
    this.#queuedBytes = 0
    this.#tips.reset(this.#groups)
  }

  #armVouch(): void {
    if (this.#isVouched || this.#vouchTimer !== undefined || this.#failure !== undefined) return
    const armedAt = this.#sequence
    this.#vouchTimer = this.#timers.after(this.#vouchAfterMs, () => {
      this.#vouchTimer = undefined
      if (this.#sequence !== armedAt) this.#armVouch()
      else if (this.#flushing === undefined) void this.#vouch()
    })
  }

  /** An empty frame; whoever appends meanwhile simply rides in it. */
  async #vouch(): Promise<void> {
    if (this.#failure !== undefined) return
    const batch = this.#batchFor(0)
    this.#flushing ??= this.#flush()
    await batch.done.catch(() => undefined)
  }

  /** Frees space in the background, one pass at a time. */
  #maintain(): void {
    if (this.#failure !== undefined || this.#maintaining !== undefined) return
    if (this.#segments.count < 2) return
    if (this.#segments.oldest >= this.#oldestNeeded() && !this.#isCrowded()) return
    this.#maintaining = this.#makeSpace()
      .catch((error: unknown) => {
        // Without space the next pass tries again; a failed disk shows in the next append.
        if (codeOf(error) === undefined) this.#failure ??= error as HoldfastError
      })
      .finally(() => {
        this.#maintaining = undefined
      })
  }

  async #makeSpace(): Promise<void> {
    if (this.#isCrowded()) {
      const { oldest } = this.#segments
      for (const index of this.#groups.values()) {
        if (index.oldestSegment <= oldest) await this.#rewrite(index)
      }
    }
    await this.#segments.removeBelow(this.#oldestNeeded())
  }

  /** Appends a small group as a whole, unless it changes meanwhile: then it is not idle. */
  async #rewrite(index: GroupIndex): Promise<void> {
    const { group, baseIndex, baseTerm, lastIndex, version } = index
    if (index.damage !== undefined || index.liveBytes > REWRITE_BYTES_MAX) return
    if (lastIndex - baseIndex > REWRITE_ENTRIES_MAX) return
    const entries = await this.read(group, baseIndex + 1, REWRITE_BYTES_MAX + 1)
    const isSame = this.#groups.get(group) === index && index.version === version
    if (!isSame || this.#isWaiting(group)) return
    const records: WalRecord[] = [{ type: 'base', group, index: baseIndex, term: baseTerm }]
    if (index.state !== undefined) {
      records.push({ type: 'state', group, payload: index.state.payload })
    }
    for (const entry of entries) records.push({ type: 'entry', group, ...entry })
    if (encodedBytesMax(records) <= this.#frameBytesMax) await this.append(records)
  }

  /** Whether records of the group, or of one with the same bit, are on their way to the disk. */
  #isWaiting(group: number): boolean {
    return [this.#writing, ...this.#queue].some(
      batch => ((batch?.groups ?? 0) & groupBit(group)) !== 0,
    )
  }

  #isCrowded(): boolean {
    return this.#segments.count > this.#segmentsBeforeRewrite
  }

  #oldestNeeded(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const index of this.#groups.values()) oldest = Math.min(oldest, index.oldestSegment)
    return oldest
  }

  #lost(group: number, { segment, index }: EntryPlace): HoldfastError {
    this.#groups.get(group)?.markDamaged({ segment, index })
    this.#tips.markDamaged(group)
    const details = { code: 'LOG_DAMAGED', group, index } as const
    return new HoldfastError(`Cannot read entry ${index} of group ${group}: rot`, details)
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

/** Shared, so that the disk's thread reads it where it is; untouched pages cost nothing. */
const newBuffer = (bodyBytesMax: number): SharedArrayBuffer =>
  new SharedArrayBuffer(frameBytes(bodyBytesMax))

function tooLarge(what: string, size: number, limit: number): HoldfastError {
  const details = { code: 'TOO_LARGE', what, size, limit } as const
  return new HoldfastError(`Cannot append ${what}: ${size} bytes, limit ${limit}`, details)
}

function busy(limit: number): HoldfastError {
  const details = { code: 'BUSY', what: 'log queue', limit } as const
  return new HoldfastError(`Cannot append: ${limit} bytes wait for the disk`, details)
}

function closed(): HoldfastError {
  return new HoldfastError('Cannot append: the log is closed', { code: 'CLOSED', what: 'log' })
}
