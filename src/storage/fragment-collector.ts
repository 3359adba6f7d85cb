import type { Clock } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import type { FragmentFiles } from './fragment-files.ts'
import type { FragmentIndex } from './fragment-index.ts'
import type { FragmentNames } from './fragment-names.ts'
import {
  type FragmentRecord,
  type FragmentReference,
  isSameReference,
  UNREADABLE,
} from './fragment-record.ts'

const AT_ONCE = 64
/** When the catalog is asked again that could not be reached. */
const ASK_AGAIN_MS = 60_000

/**
 * Asks the catalog whether it lists this reference. Leases are counted on a wall clock, which may
 * be wrong, and a commit may have been lost on its way: so what ended is not removed unasked.
 */
export type Ask = (id: string, reference: FragmentReference) => Promise<boolean>

export interface Collected {
  /** References that ended, and of them those the catalog wants kept. */
  readonly ended: number
  readonly kept: number
  /** Fragments that nobody needed any more. */
  readonly removed: number
}

export interface FragmentCollectorOptions {
  readonly index: FragmentIndex
  readonly files: FragmentFiles
  readonly names: FragmentNames
  readonly clock: Clock
  readonly cellBytes: number
}

type Verdict = 'keep' | 'drop' | 'later'

/**
 * Ends references whose lease or grace is over, and removes what nobody needs any more. A file is
 * removed in three steps, for it and its record cannot go at once: the record says that nobody
 * needs it, durably; the file goes, durably; the record goes. A crash in between leaves a record
 * without references, due at once.
 */
export class FragmentCollector {
  readonly #options: FragmentCollectorOptions

  constructor(options: FragmentCollectorOptions) {
    this.#options = options
  }

  /** Deals with everything that has ended by now. */
  async collect(ask: Ask, signal?: AbortSignal): Promise<Collected> {
    const { index, clock } = this.#options
    const nowMs = Math.floor(clock.wallMs())
    const collected = { ended: 0, kept: 0, removed: 0 }
    for (;;) {
      signal?.throwIfAborted()
      const due = await index.due(nowMs, AT_ONCE)
      if (due.length === 0) return collected
      const settled = await Promise.allSettled(
        due.map(hint => this.#settle(hint, nowMs, ask, collected)),
      )
      const failed = settled.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
    }
  }

  async #settle(
    { id, untilMs }: { id: Uint8Array; untilMs: number },
    nowMs: number,
    ask: Ask,
    collected: { ended: number; kept: number; removed: number },
  ): Promise<void> {
    const { index } = this.#options
    const verdicts = await this.#askAbout(id, await index.get(id), nowMs, ask)
    await index.turn(id, async (record, apply) => {
      if (record === undefined || record === UNREADABLE) {
        // A hint about nothing goes. Who needs a fragment whose record cannot be read nobody knows:
        // it is not touched, and the scrubber sees to it.
        await apply({ obsoleteHint: untilMs })
        return
      }
      const references = judge(record.references, verdicts, nowMs)
      const kept = [...verdicts.values()].filter(verdict => verdict === 'keep').length
      collected.ended += verdicts.size
      collected.kept += kept
      if (references.length > 0) {
        // Whoever puts a fragment that is kept is told so at once: it must be.
        const change = { record: { ...record, references }, obsoleteHint: untilMs }
        await apply({ ...change, sync: kept > 0 })
        return
      }
      if (this.#mayHaveFile(record)) {
        await apply({ record: { ...record, references } })
        await this.#options.files.remove(id)
      }
      await apply({ record: 'removed', obsoleteHint: untilMs, sync: false })
      collected.removed++
    })
  }

  async #askAbout(
    id: Uint8Array,
    record: FragmentRecord | undefined,
    nowMs: number,
    ask: Ask,
  ): Promise<Map<FragmentReference, Verdict>> {
    const verdicts = new Map<FragmentReference, Verdict>()
    for (const reference of record?.references ?? []) {
      if (!hasEnded(reference, nowMs)) continue
      verdicts.set(reference, await this.#verdict(id, reference, ask))
    }
    return verdicts
  }

  async #verdict(id: Uint8Array, reference: FragmentReference, ask: Ask): Promise<Verdict> {
    // Nobody can be asked about a reference that was lost with its record.
    if (reference.segment.length === 0) return 'drop'
    try {
      return (await ask(this.#options.names.encode(id), reference)) ? 'keep' : 'drop'
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      return 'later'
    }
  }

  /** Of what could not be read even the size is unknown. */
  #mayHaveFile({ sizeBytes }: FragmentRecord): boolean {
    return sizeBytes === 0 || sizeBytes > this.#options.cellBytes
  }
}

export const hasEnded = ({ untilMs }: FragmentReference, nowMs: number): boolean =>
  untilMs !== 0 && untilMs <= nowMs

/** What remains of the references; one that was renewed since the catalog was asked stays. */
function judge(
  references: readonly FragmentReference[],
  verdicts: ReadonlyMap<FragmentReference, Verdict>,
  nowMs: number,
): FragmentReference[] {
  return references.flatMap(reference => {
    const [, verdict] =
      [...verdicts].find(
        ([judged]) => isSameReference(judged, reference) && judged.untilMs === reference.untilMs,
      ) ?? []
    if (verdict === 'drop') return []
    if (verdict === 'keep') return [{ ...reference, untilMs: 0 }]
    return [verdict === 'later' ? { ...reference, untilMs: nowMs + ASK_AGAIN_MS } : reference]
  })
}
