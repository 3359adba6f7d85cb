import { toHex } from '../../base/bytes.ts'
import type { SegmentName } from '../../catalog/commands.ts'

/** A fragment that its holder has proven to have. */
export interface Verified {
  readonly blob: string
  readonly segment: number
  readonly index: number
  readonly seat: number
  /** Milliseconds since 1970, by the wall clock of who has verified it. */
  readonly atMs: number
}

/** What is remembered of one content, and of all. */
const ENTRIES_MAX = 50_000
const CONTENTS_MAX = 10_000

/**
 * When fragments were last verified here: by audits, by repairs, and because somebody wanted to know.
 * In memory, for what was written before is on record anyway; what was verified long ago makes room.
 */
export class VerifiedBook {
  /** By content; the one that something was noted of last is the last. */
  readonly #contents = new Map<string, Map<string, Verified>>()
  #size = 0

  note(name: SegmentName, found: Pick<Verified, 'index' | 'seat' | 'atMs'>): void {
    const { segment } = name
    const [content, blob] = [toHex(name.content), toHex(name.blob)]
    const entries = this.#contents.get(content) ?? new Map<string, Verified>()
    const key = `${blob}/${segment}/${found.index}`
    if (!entries.has(key)) this.#size++
    entries.set(key, { blob, segment, ...found })
    this.#contents.delete(content)
    this.#contents.set(content, entries)
    while (this.#size > ENTRIES_MAX || this.#contents.size > CONTENTS_MAX) this.#dropOldest()
  }

  of(content: Uint8Array): readonly Verified[] {
    return [...(this.#contents.get(toHex(content))?.values() ?? [])]
  }

  #dropOldest(): void {
    const [oldest] = this.#contents.keys()
    if (oldest === undefined) return
    this.#size -= this.#contents.get(oldest)?.size ?? 0
    this.#contents.delete(oldest)
  }
}
