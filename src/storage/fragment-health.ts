import type { Clock } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import type { FragmentIndex } from './fragment-index.ts'
import type { FragmentNames } from './fragment-names.ts'
import { FragmentReader, type FragmentReaderOptions } from './fragment-reader.ts'
import { type FragmentRecord, UNREADABLE } from './fragment-record.ts'

/** Whether a read failed because the bytes are lost. */
export const isLoss = (error: unknown): boolean =>
  ['FRAGMENT_CORRUPT', 'DISK_IO', 'CORRUPT'].includes(codeOf(error) ?? '')

/** Something the store held is not there any more as it was written. */
export type Finding =
  | { readonly kind: 'rot'; readonly id: string; readonly reason: string }
  /** At least so many records are gone; only the catalog knows which (`reconcile`). */
  | { readonly kind: 'lost'; readonly fragments: number }

export interface FragmentHealthOptions extends FragmentReaderOptions {
  readonly index: FragmentIndex
  readonly names: FragmentNames
  readonly clock: Clock
  /** How long a fragment is kept of which nobody can read who needs it. */
  readonly lostRecordGraceMs: number
  /** Told of everything found, at least once. Must not throw. */
  readonly onFinding: (finding: Finding) => void
}

/** What became of a fragment that could not be read. */
export type Verdict = 'rotten' | 'replaced' | 'gone'

/** Notes what has rotted: such a fragment is reported, and the next put of it replaces it. */
export class FragmentHealth {
  readonly #options: FragmentHealthOptions

  constructor(options: FragmentHealthOptions) {
    this.#options = options
  }

  report(finding: Finding): void {
    this.#options.onFinding(finding)
  }

  /** Reads all of a fragment. Returns whether it is as it was written; what is not is marked. */
  async verify(id: Uint8Array, record: FragmentRecord, signal?: AbortSignal): Promise<boolean> {
    try {
      const reader = await FragmentReader.open(id, record, this.#options)
      try {
        await reader.verify(signal)
      } finally {
        await reader.close()
      }
      return true
    } catch (error) {
      if (!isLoss(error)) throw error
      return (await this.suspect(id, record, error as Error)) !== 'rotten'
    }
  }

  /** Marks a fragment that could not be read, unless it was removed or put anew meanwhile. */
  suspect(id: Uint8Array, read: FragmentRecord, { message: reason }: Error): Promise<Verdict> {
    const { index, names } = this.#options
    return index.turn(id, async (now, apply) => {
      const isLost = now === UNREADABLE
      if (now === undefined || (!isLost && now.references.length === 0)) return 'gone'
      if (!isLost && now.number !== read.number) return 'replaced'
      if (!isLost && now.isRotten) return 'rotten'
      if (isLost) {
        await apply({ record: await this.rebuild(id, reason), sync: false })
        return 'rotten'
      }
      // Before it is noted: a crash in between must not keep it quiet.
      this.report({ kind: 'rot', id: names.encode(id), reason })
      await apply({ record: { ...now, isRotten: true }, sync: false })
      return 'rotten'
    })
  }

  /** Reports a record that cannot be read, and returns what to put in its place. In its turn. */
  async rebuild(id: Uint8Array, reason: string): Promise<FragmentRecord> {
    this.report({ kind: 'rot', id: this.#options.names.encode(id), reason })
    return this.#rebuilt(id)
  }

  /**
   * Looks for files whose record is gone, and gives each another one: it may be the last good copy.
   * The catalog has until the end of the grace to put it, and so reference it, again.
   */
  async adoptOrphans(): Promise<void> {
    const { index, files } = this.#options
    for await (const id of files.atHome()) {
      if ((await index.get(id)) !== undefined) continue
      await index.turn(id, async (record, apply) => {
        if (record === undefined) await apply({ record: await this.#rebuilt(id), sync: false })
      })
    }
  }

  /**
   * In place of a record that is lost: what can still be known, and a reference of nobody. Nobody
   * has looked whether its bytes are those of the fragment, and only a put tells who needs it: so it
   * counts as rotten, although it may be read.
   */
  async #rebuilt(id: Uint8Array): Promise<FragmentRecord> {
    const { index, files, clock, lostRecordGraceMs } = this.#options
    const untilMs = Math.ceil(clock.wallMs() + lostRecordGraceMs)
    const nobody = { segment: NOTHING, index: 0, untilMs, sealed: NOTHING }
    const cell = await index.cell(id)
    if (cell !== undefined) {
      return { ...UNREADABLE, sizeBytes: cell.length, references: [nobody] }
    }
    const file = await files.open(id).catch(ifLost)
    if (file === undefined) return { ...UNREADABLE, references: [nobody] }
    await file.close()
    const { sizeBytes, sealed } = file.head
    return { ...UNREADABLE, sizeBytes, references: [{ ...nobody, sealed }] }
  }
}

const NOTHING = new Uint8Array(0)

function ifLost(error: unknown): undefined {
  if (codeOf(error) !== 'FILE_NOT_FOUND' && codeOf(error) !== 'DISK_IO') throw error
}
