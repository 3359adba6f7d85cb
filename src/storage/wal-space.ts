import type { GroupIndex } from './wal-index.ts'
import { RECORD_OVERHEAD_BYTES_MAX, type WalRecord } from './wal-record.ts'
import type { WalSegments } from './wal-segments.ts'

/** What the housekeeper needs of the log. */
export interface WalSpaceOptions {
  readonly groups: ReadonlyMap<number, GroupIndex>
  readonly segments: WalSegments
  /** Frames that recovery found lost. */
  readonly damages: readonly { readonly since: number }[]
  /** How many segments there may be before small idle groups are written again. */
  readonly segmentsBeforeRewrite: number
  readonly frameBytesMax: number
  readonly read: (
    group: number,
    fromIndex: number,
    limitBytes: number,
  ) => Promise<{ index: number; term: number; payload: Uint8Array }[]>
  readonly append: (records: readonly WalRecord[]) => Promise<void>
  /** Whether records of a group are on their way to the disk. */
  readonly isWaiting: (group: number) => boolean
  /** A pass failed; whatever it left undone is for the next one. */
  readonly failed: (error: unknown) => void
}

/** The largest group that is written again to free its oldest segment. */
const REWRITE_BYTES_MAX = 1_048_576

/**
 * Frees segments that no group needs, one pass at a time. A small group that does nothing but pin
 * the oldest segment is written again as a whole: `base`, state and entries, in one frame.
 */
export class WalSpace {
  readonly #options: WalSpaceOptions
  #pass: Promise<void> | undefined
  /** The oldest segment that is kept as evidence of lost frames. */
  #evidence: number

  constructor(options: WalSpaceOptions) {
    this.#options = options
    this.#evidence = Math.min(...options.damages.map(({ since }) => since))
  }

  /** Nobody needs to be told of the lost frames again. */
  releaseEvidence(): void {
    this.#evidence = Number.POSITIVE_INFINITY
    this.maintain()
  }

  /** Starts a pass if there is something to gain and none is under way. */
  maintain(): void {
    const { segments, failed } = this.#options
    if (this.#pass !== undefined || segments.count < 2) return
    if (segments.oldest >= this.#oldestNeeded() && !this.#isCrowded()) return
    this.#pass = this.#makeSpace()
      .catch(failed)
      .finally(() => {
        this.#pass = undefined
      })
  }

  /** Resolves when no pass is under way. */
  async settled(): Promise<void> {
    await this.#pass
  }

  async #makeSpace(): Promise<void> {
    const { groups, segments } = this.#options
    if (this.#isCrowded()) {
      const { oldest } = segments
      for (const index of groups.values()) {
        if (index.oldestSegment > oldest) continue
        // One group that cannot be read must not keep the space of all.
        await this.#rewrite(index).catch((error: unknown) => this.#options.failed(error))
      }
    }
    await segments.removeBelow(this.#oldestNeeded())
  }

  /** Appends a small group as a whole, unless it changes meanwhile: then it is not idle. */
  async #rewrite(index: GroupIndex): Promise<void> {
    const { groups, read, append, isWaiting, frameBytesMax } = this.#options
    const { group, baseIndex, baseTerm, lastIndex, version } = index
    const sizeBytes =
      index.liveBytes + (lastIndex - baseIndex + 2) * RECORD_OVERHEAD_BYTES_MAX + stateBytes(index)
    if (index.damage !== undefined || sizeBytes > Math.min(REWRITE_BYTES_MAX, frameBytesMax)) return
    const entries = await read(group, baseIndex + 1, REWRITE_BYTES_MAX + 1)
    const isSame = groups.get(group) === index && index.version === version
    if (!isSame || isWaiting(group)) return
    const records: WalRecord[] = [{ type: 'base', group, index: baseIndex, term: baseTerm }]
    if (index.state !== undefined) {
      records.push({ type: 'state', group, payload: index.state.payload })
    }
    for (const entry of entries) records.push({ type: 'entry', group, ...entry })
    await append(records)
  }

  #isCrowded(): boolean {
    return this.#options.segments.count > this.#options.segmentsBeforeRewrite
  }

  #oldestNeeded(): number {
    let oldest = this.#evidence
    for (const index of this.#options.groups.values()) {
      oldest = Math.min(oldest, index.oldestSegment)
    }
    return oldest
  }
}

const stateBytes = ({ state }: GroupIndex): number => state?.payload.length ?? 0
