import type { PeerId } from '../base/environment.ts'
import { isAccusation, type Rumor, subjectOf } from './message.ts'

interface Entry {
  readonly rumor: Rumor
  told: number
}

/** How many rumours too large for what room is left are looked past. */
const SKIPS_MAX = 8

/**
 * What there is to be told. A newer rumour about a peer replaces the older one. Those told least
 * come first, and among them what peers say of themselves, for a refutation is urgent. Each is told
 * a limited number of times, whether or not anybody hears it.
 *
 * Invariant: every entry is in exactly the queue of its kind and of the times it was told; at most
 * one entry per subject, so the table bounds the queue.
 */
export class RumorQueue {
  readonly #bySubject = new Map<PeerId, Entry>()
  /** Two queues for each number of times told: own words, accusations. */
  readonly #queues: Set<Entry>[] = []

  get size(): number {
    return this.#bySubject.size
  }

  put(rumor: Rumor): void {
    this.drop(subjectOf(rumor))
    const entry = { rumor, told: 0 }
    this.#bySubject.set(subjectOf(rumor), entry)
    this.#queueOf(entry).add(entry)
  }

  drop(subject: PeerId): void {
    const entry = this.#bySubject.get(subject)
    if (entry === undefined) return
    this.#bySubject.delete(subject)
    this.#queueOf(entry).delete(entry)
  }

  /** There is nobody to tell. */
  clear(): void {
    this.#bySubject.clear()
    this.#queues.length = 0
  }

  /** Rumours for one message: at most `countMax` of together `bytesMax`, each told once more. */
  take({
    limit,
    bytesMax,
    countMax,
  }: {
    limit: number
    bytesMax: number
    countMax: number
  }): Rumor[] {
    if (this.#bySubject.size === 0) return []
    const chosen: Entry[] = []
    let room = bytesMax
    let skips = 0
    for (const queue of this.#queues) {
      for (const entry of queue) {
        if (chosen.length === countMax || skips === SKIPS_MAX) return this.#told(chosen, limit)
        if (entry.rumor.sizeBytes + 1 > room) {
          skips++
          continue
        }
        room -= entry.rumor.sizeBytes + 1
        chosen.push(entry)
      }
    }
    return this.#told(chosen, limit)
  }

  #told(chosen: readonly Entry[], limit: number): Rumor[] {
    for (const entry of chosen) {
      this.#queueOf(entry).delete(entry)
      if (++entry.told < limit) this.#queueOf(entry).add(entry)
      else this.#bySubject.delete(subjectOf(entry.rumor))
    }
    return chosen.map(({ rumor }) => rumor)
  }

  #queueOf({ rumor, told }: Entry): Set<Entry> {
    const index = told * 2 + (isAccusation(rumor) ? 1 : 0)
    while (this.#queues.length <= index) this.#queues.push(new Set())
    return this.#queues[index] as Set<Entry>
  }
}
