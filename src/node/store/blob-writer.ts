/**
 * Bytes on their way in: a stream becomes segments, segments become durable at their holders, a few at
 * once, and what is durable is listed. How it ends is one command of the caller's, which lists the
 * last segments and makes the blob part of an object.
 *
 *     stream → cells → segment → holders → durable  …  last segments → the caller's command
 *                         └ many, or slow: openContent, addSegments ┘
 *
 * Fragments are put under a lease. A write that is quick and not too large relies on that alone: its
 * one command comes in vain after `untilMs`. Any other opens its content, and renews it while it
 * lasts: as long as it is open no collector drops what was put for it. What is listed is committed at
 * its peers; what never will be is released.
 */
import type { Environment } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import type { BlobInit } from '../../catalog/commands.ts'
import type { ContentName, SegmentInit } from '../../catalog/records.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Coder } from '../coder/coder.ts'
import { type CellsEvent, encodeStream } from '../coder/encode-stream.ts'
import type { UnitKey } from '../coder/unit-cipher.ts'
import { encodeReference } from '../fragments/fragment-reference.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'
import type { EncodedSegment } from './encoded-segment.ts'
import type { ReferenceKeeper } from './reference-keeper.ts'
import { SegmentJob } from './segment-job.ts'
import type { SegmentWrite, SegmentWriteDrivers } from './segment-write.ts'
import { lastingScheme, targetScheme } from './target-scheme.ts'
import type { WriteMemory } from './write-memory.ts'

/** How long peers keep a fragment that nobody has committed. */
const LEASE_MS = 3_600_000
/** How much sooner the catalog must hear of it: clocks differ. */
const LEASE_MARGIN_MS = 300_000
/** A write that takes longer than this opens its content, and renews it as often. */
const OPEN_AFTER_MS = 300_000
const INTENT_MS = 1_800_000
/** Segments on their way to their holders at once. */
const SEGMENTS_AT_ONCE = 2
/** How many may be durable and not listed. */
const UNLISTED_MAX = 32
/** How long to wait for peers of which nothing is known yet, where there are too few others. */
const NEWCOMER_MS = 5_000
const LOOK_EVERY_MS = 50
/** How long those holders are waited for that are not needed: as long as the needed ones took. */
const LINGER_MS_MIN = 20
const LINGER_MS_MAX = 250

export interface BlobWriterDrivers extends SegmentWriteDrivers {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly catalog: Catalog
  readonly coder: Coder
  readonly memory: WriteMemory
  readonly keeper: ReferenceKeeper
  readonly originSeal: OriginSeal
  readonly networkId: Uint8Array
  /** Told of what was committed with less than it is to have. */
  readonly onDebt: () => void
}

export interface BlobWriterOptions {
  readonly drivers: BlobWriterDrivers
  readonly name: ContentName
  readonly blob: Uint8Array
  readonly key: UnitKey
  readonly envelope: Uint8Array
  /** Of the source, if that is known. */
  readonly sizeBytes: number | undefined
  /** The content is open already, and not this write's to close. */
  readonly isUpload: boolean
  readonly signal: AbortSignal
}

interface Job {
  readonly job: SegmentJob
  readonly startedMs: number
}

interface Unlisted extends Job {
  readonly write: SegmentWrite
}

export class BlobWriter {
  readonly #options: BlobWriterOptions
  readonly #drivers: BlobWriterDrivers
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal
  readonly #startedMs: number
  readonly #tasks: Tasks
  readonly #jobs: Job[] = []
  readonly #unlisted: Unlisted[] = []
  #listed = 0
  #sizeBytes = 0
  #segmentCount = 0
  #hasOpened = false
  /** Some of what was listed before the end is in debt. */
  #isLean = false
  /** One command at a time for this blob. */
  #listing: Promise<void> = Promise.resolve()

  constructor(options: BlobWriterOptions) {
    this.#options = options
    this.#drivers = options.drivers
    this.#signal = AbortSignal.any([options.signal, this.#controller.signal])
    this.#startedMs = this.#wallMs()
    this.#tasks = new Tasks({ onFailure: ({ error }) => this.#controller.abort(error) })
    this.#tasks.start('keep the content open', signal => this.#keepOpen(signal))
  }

  /** Aborts when the write has to end, whoever says so. */
  get signal(): AbortSignal {
    return this.#signal
  }

  /** Ends the write with this error. */
  fail(error: unknown): void {
    this.#controller.abort(error)
  }

  /**
   * Takes in all of a stream that has at least one byte; resolves once it is durable.
   * @throws {HoldfastError} `TOO_FEW_PEERS`, `BUSY`, …; what the source throws
   */
  async write(source: AsyncIterable<Uint8Array>): Promise<void> {
    const { coder } = this.#drivers
    const { key } = this.#options
    const scheme = await this.#scheme()
    let batches: CellsEvent[] = []
    // Whoever waits for room has nothing encoded yet.
    let giveBack: (() => void) | undefined = await this.#takeMemory(scheme)
    try {
      const signal = this.#signal
      for await (const event of encodeStream(source, { coder, scheme, key, signal })) {
        if (event.type === 'cells') batches.push(event)
        else if (event.type === 'segment') {
          this.#segmentCount++
          this.#sizeBytes += batches.reduce((sum, { plainBytes }) => sum + plainBytes, 0)
          this.#begin({ ...event, batches }, event.isLast, giveBack)
          ;[batches, giveBack] = [[], undefined]
          await this.#settle(SEGMENTS_AT_ONCE - 1)
          if (!event.isLast) giveBack = await this.#takeMemory(scheme)
        }
      }
      await this.#settle(0)
      await this.#linger()
      await this.#listing
    } finally {
      giveBack?.()
    }
  }

  /** What the caller's command has to say; nothing of it is listed yet. */
  blobInit(): BlobInit {
    return this.#initOf(this.#unlisted)
  }

  /** Until when that command may come. */
  untilMs(): number {
    if (this.#hasOpened || this.#options.isUpload) return Math.floor(this.#wallMs()) + INTENT_MS
    return Math.floor(this.#startedMs) + LEASE_MS - LEASE_MARGIN_MS
  }

  /** The caller's command was applied. */
  async committed(): Promise<void> {
    await this.#tasks.stop()
    this.#drivers.keeper.commit(this.#unlisted.flatMap(({ write }) => write.held().listed))
    this.#releaseLater()
    if (this.#isLean || this.#unlisted.some(({ write }) => this.#isInDebt(write)))
      this.#drivers.onDebt()
  }

  /** It was not, and never will be. Nothing of this write stays, but what its leases hold for a while. */
  async discard(reason: Error): Promise<void> {
    await this.#end(reason)
    const { keeper, catalog } = this.#drivers
    for (const { job } of [...this.#unlisted, ...this.#jobs])
      void job.over.then(() => keeper.release(job.held()))
    if (!this.#hasOpened || this.#options.isUpload) return
    // Should that fail the intent ends by itself.
    await catalog.propose({ type: 'releaseContent', ...this.#options.name }).catch(ignoreExpected)
  }

  /** Nobody knows whether it was applied: the leases end by themselves, and collectors ask. */
  async leave(reason: Error): Promise<void> {
    await this.#end(reason)
  }

  async #end(reason: Error): Promise<void> {
    this.#controller.abort(reason)
    for (const { job } of this.#jobs) job.giveUp(reason)
    await this.#tasks.stop()
    await this.#listing.catch(() => undefined)
  }

  /** What is held beside what is listed, once the last holder has said so. */
  #releaseLater(): void {
    const { keeper } = this.#drivers
    for (const { job } of this.#unlisted) void job.over.then(() => keeper.release(job.surplus()))
  }

  /** What the peers allow; those that have just come are given a moment to say what they can take. */
  async #scheme(): Promise<Scheme> {
    const { seats, timers, clock } = this.#drivers
    const fragmentBytes = Math.min(this.#options.sizeBytes ?? 65_536, 16_777_216)
    const untilMs = clock.monotonicMs() + NEWCOMER_MS
    for (;;) {
      const views = seats.views()
      try {
        return targetScheme({ views, uptime: seats.uptime(), fragmentBytes })
      } catch (error) {
        const isNew = views.some(({ state, capacityBytes }) => isUnheard(state) && !capacityBytes)
        if (!isNew || clock.monotonicMs() >= untilMs) throw error
      }
      await sleep(timers, LOOK_EVERY_MS, this.#signal)
    }
  }

  /** It lacks fragments, or has the scheme of fewer peers than there are. */
  #isInDebt({ isShort, encoded }: SegmentWrite): boolean {
    const { seats } = this.#drivers
    const { k, m } = encoded.scheme
    const lasting = lastingScheme(seats.views(), seats.uptime()) ?? { k, m }
    // What fits into one cell is replicated whatever k is.
    return isShort || m !== lasting.m || (k !== lasting.k && k !== 1)
  }

  /** Room for the cells of a segment that has just begun. */
  #takeMemory({ k, m }: Scheme): Promise<() => void> {
    const { sizeBytes } = this.#options
    const leftBytes = Math.min(16_777_216, (sizeBytes ?? 16_777_216) - this.#sizeBytes)
    const bytes = Math.ceil((Math.max(leftBytes, 65_536) * (k + m)) / k)
    return this.#drivers.memory.take(bytes, this.#signal)
  }

  #begin(encoded: EncodedSegment, isLast: boolean, giveBack: (() => void) | undefined): void {
    const { drivers, name, blob } = this.#options
    const { segment } = encoded
    const reference = { content: name.content, blob, segment, generation: 0 }
    const job = new SegmentJob({
      drivers,
      encoded,
      reference: encodeReference(reference),
      sealed: (cut, index) => this.#seal(cut, index, isLast),
      leaseMs: LEASE_MS,
      signal: this.#signal,
    })
    this.#jobs.push({ job, startedMs: this.#wallMs() })
    if (giveBack !== undefined) void job.over.finally(giveBack)
  }

  #seal(encoded: EncodedSegment, index: number, isLast: boolean): Uint8Array {
    const { name, envelope, blob, sizeBytes } = this.#options
    const { originSeal, networkId } = this.#drivers
    return originSeal.seal({
      networkId,
      bucket: name.bucket,
      key: name.key,
      // Versions are numbered when they are listed; until then this is what tells them apart.
      version: `${hex(name.content)}/${hex(blob)}`,
      // Of a stream this is only known at its end: 0 before.
      objectBytes: isLast ? this.#sizeBytes : (sizeBytes ?? 0),
      objectSegments: isLast ? this.#segmentCount : 0,
      segment: encoded.segment,
      segmentBytes: encoded.lengthBytes,
      ...encoded.scheme,
      index,
      envelope,
    })
  }

  /** Waits until at most so many segments are on their way. */
  async #settle(most: number): Promise<void> {
    while (this.#jobs.length > most) {
      const [first] = this.#jobs as [Job]
      const write = await first.job.durable
      this.#jobs.shift()
      this.#unlisted.push({ ...first, write })
    }
    if (this.#unlisted.length > UNLISTED_MAX) await this.#list()
  }

  /** Gives the other holders of the last segments a moment, so that nothing need be owed. */
  async #linger(): Promise<void> {
    const { clock, timers } = this.#drivers
    const last = this.#unlisted.slice(-SEGMENTS_AT_ONCE)
    if (last.every(({ write }) => write.isOver)) return
    const tookMs = clock.wallMs() - (last.at(-1)?.startedMs ?? 0)
    const ms = Math.min(LINGER_MS_MAX, Math.max(LINGER_MS_MIN, tookMs))
    const all = Promise.all(last.map(({ write }) => write.over))
    const stopped = new AbortController()
    await Promise.race([all, sleep(timers, ms, stopped.signal).catch(() => undefined)])
    stopped.abort()
  }

  /** Opens the content after a while, and renews it as long as the write goes on. */
  async #keepOpen(signal: AbortSignal): Promise<void> {
    if (this.#options.isUpload) return
    for (;;) {
      await sleep(this.#drivers.timers, OPEN_AFTER_MS, signal)
      await (this.#hasOpened ? this.#renew() : this.#open())
    }
  }

  #open(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#hasOpened || this.#options.isUpload) return
      const { catalog } = this.#drivers
      const untilMs = Math.floor(this.#wallMs()) + INTENT_MS
      const intent = { type: 'openContent', untilMs, upload: undefined } as const
      await catalog.propose({ ...intent, ...this.#options.name }, { signal: this.#signal })
      this.#hasOpened = true
    })
  }

  #renew(): Promise<void> {
    return this.#inTurn(async () => {
      const untilMs = Math.floor(this.#wallMs()) + INTENT_MS
      const command = { type: 'renewContent', untilMs, ...this.#options.name } as const
      await this.#drivers.catalog.propose(command, { signal: this.#signal })
    })
  }

  /** Lists all durable segments but the last, for the caller's command must have one. */
  async #list(): Promise<void> {
    await this.#open()
    await this.#inTurn(async () => {
      const batch = this.#unlisted.slice(0, -1)
      const blob = this.#initOf(batch)
      const command = { type: 'addSegments', blob, ...this.#options.name } as const
      await this.#drivers.catalog.propose(command, { signal: this.#signal })
      this.#unlisted.splice(0, batch.length)
      this.#listed += batch.length
      const { keeper } = this.#drivers
      for (const { job, write } of batch) {
        this.#isLean ||= this.#isInDebt(write)
        keeper.commit(write.held().listed)
        void job.over.then(() => keeper.release(job.surplus()))
      }
    })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#listing.then(work)
    this.#listing = turn.catch(() => undefined)
    return turn
  }

  #initOf(batch: readonly Unlisted[]): BlobInit {
    const segments: SegmentInit[] = batch.map(({ write }) => ({
      sizeBytes: write.encoded.lengthBytes,
      k: write.encoded.scheme.k,
      fragments: write.list(),
    }))
    return {
      blob: this.#options.blob,
      firstSegment: this.#listed,
      segments,
      sizeBytes: this.#sizeBytes,
      segmentCount: this.#segmentCount,
      envelope: this.#options.envelope,
    }
  }

  #wallMs(): number {
    return this.#drivers.environment.clock.wallMs()
  }
}

const isUnheard = (state: PeerView['state']): boolean => state === 'alive' || state === 'suspect'

function ignoreExpected(error: unknown): void {
  if (codeOf(error) === undefined) throw error
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
