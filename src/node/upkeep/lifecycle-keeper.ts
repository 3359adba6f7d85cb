/**
 * Carries out the rules of buckets, beside the leader of the group that has the bucket's record: goes
 * through the versions of every bucket that has rules, wherever they lie, and has the catalog end
 * what is over (`catalog/lifecycle.ts`). Lists may be stale, two leaders may both believe to be one,
 * and anybody may write meanwhile: each command says of which history it was decided, and the
 * catalog's own time decides whether the moment has come.
 *
 * It takes its time: after each page it rests for longer than the page took.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import { EXPIRE_MAX } from '../../catalog/commands.ts'
import {
  commonPrefixOf,
  type Expiry,
  LIFECYCLE,
  LifecycleJudge,
  type LifecycleRule,
  rulesIn,
  uploadEnd,
} from '../../catalog/lifecycle.ts'
import type { VersionList } from '../../catalog/query-objects.ts'
import type { Catalog, PlacedCommand } from '../catalog/catalog.ts'

export interface LifecycleKeeperOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly clock: Clock
  readonly timers: Timers
  /** Between two rounds. */
  readonly everyMs: number
}

const PAGE = 256
const CALL_MS = 10_000
/** Commands on their way at once. */
const AT_ONCE = 8
/** How much longer than it worked it rests, and at least. */
const REST_RATIO = 2
const REST_MS_MIN = 10

export class LifecycleKeeper {
  readonly #options: LifecycleKeeperOptions

  constructor(options: LifecycleKeeperOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, everyMs } = this.#options
    for (;;) {
      await this.#attempt(signal, () => this.round(signal))
      await sleep(timers, everyMs, signal)
    }
  }

  /** Once through all buckets that have rules. */
  async round(signal: AbortSignal): Promise<void> {
    const { catalog, group } = this.#options
    const call = { deadlineMs: CALL_MS, signal }
    for (let after: Uint8Array | undefined; ;) {
      const asked = { name: LIFECYCLE, after, limit: PAGE }
      const { items, next } = await catalog.askOf(group, 'documentsNamed', asked, call)
      for (const { bucket, document } of items) {
        const rules = rulesIn(document)
        await this.#attempt(signal, () => this.#endVersions(bucket, rules, signal))
        await this.#attempt(signal, () => this.#endUploads(bucket, rules, signal))
      }
      if (next === undefined) return
      after = next
    }
  }

  /** What fails now is tried again with the next round. */
  async #attempt(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }

  async #endVersions(
    bucket: string,
    rules: readonly LifecycleRule[],
    signal: AbortSignal,
  ): Promise<void> {
    const { catalog, clock } = this.#options
    const about = rules.filter(endsVersions)
    if (about.length === 0) return
    const judge = new LifecycleJudge(about, clock.wallMs())
    const prefix = commonPrefixOf(about)
    const call = { deadlineMs: CALL_MS, signal, consistency: 'stale' } as const
    const listed = { bucket, prefix, delimiter: '', limit: PAGE }
    let next: VersionList['next'] = { after: new Uint8Array(0), version: undefined }
    while (next !== undefined) {
      const sinceMs = clock.monotonicMs()
      const { after, version: afterVersion }: NonNullable<VersionList['next']> = next
      const page = await catalog.listVersions({ ...listed, after, afterVersion }, call)
      const over = page.versions.map(entry => judge.see(entry))
      next = page.next
      if (next === undefined) over.push(judge.end())
      const ends = over.filter(each => each !== undefined)
      await this.#each(ends, signal, each => this.#end(bucket, each, signal))
      await this.#rest(sinceMs, signal)
    }
  }

  /** One key, in as many commands as it takes; each follows from what the one before left. */
  async #end(bucket: string, { doomed, ...expiry }: Expiry, signal: AbortSignal): Promise<void> {
    let { ifCount } = expiry
    // The current one is the first of the list, and the last to end.
    const rest = doomed.toReversed()
    while (rest.length > 0) {
      const some = rest.splice(0, EXPIRE_MAX)
      const command = { type: 'expire', bucket, ...expiry, ifCount, doomed: some } as const
      const ended = await this.#propose(command, signal)
      if (ended < some.length) return
      ifCount -= ended
    }
  }

  async #endUploads(
    bucket: string,
    rules: readonly LifecycleRule[],
    signal: AbortSignal,
  ): Promise<void> {
    const { catalog, clock } = this.#options
    if (rules.every(({ abortDays }) => abortDays === undefined)) return
    const call = { deadlineMs: CALL_MS, signal, consistency: 'stale' } as const
    for (let after: Uint8Array | undefined; ;) {
      const sinceMs = clock.monotonicMs()
      const { items, next } = await catalog.listUploads(bucket, { after, limit: PAGE }, call)
      const commands = items.flatMap(({ watch, ...name }) => {
        const dueMs = uploadEnd(rules, { key: name.key, sinceMs: watch.sinceMs })
        const isOver = dueMs !== undefined && dueMs <= clock.wallMs()
        return isOver ? [{ type: 'expireUpload', ...name, dueMs } as const] : []
      })
      await this.#each(commands, signal, command => this.#propose(command, signal))
      await this.#rest(sinceMs, signal)
      if (next === undefined) return
      after = next
    }
  }

  async #each<Item>(
    items: readonly Item[],
    signal: AbortSignal,
    work: (item: Item) => Promise<unknown>,
  ): Promise<void> {
    const queue = [...items]
    const take = async (): Promise<void> => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        const next = item
        await this.#attempt(signal, () => work(next))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, take))
  }

  /** How many have ended. */
  async #propose(command: PlacedCommand, signal: AbortSignal): Promise<number> {
    const applied = await this.#options.catalog.propose(command, { deadlineMs: CALL_MS, signal })
    return applied.type === 'expired' ? applied.count : 0
  }

  async #rest(sinceMs: number, signal: AbortSignal): Promise<void> {
    const { clock, timers } = this.#options
    const workedMs = clock.monotonicMs() - sinceMs
    await sleep(timers, Math.max(REST_MS_MIN, REST_RATIO * workedMs), signal)
  }
}

const endsVersions = ({
  expireDays,
  expireAtMs,
  dropsMarkers,
  noncurrentDays,
}: LifecycleRule): boolean =>
  dropsMarkers === true || [expireDays, expireAtMs, noncurrentDays].some(each => each !== undefined)
