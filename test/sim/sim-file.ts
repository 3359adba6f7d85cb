import { concat } from '../../src/base/bytes.ts'
import type { Prng } from '../../src/base/prng.ts'
import { SparseBytes } from './sparse-bytes.ts'

export const SIM_SECTOR_BYTES = 512

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly sizeBytes: number }

/**
 * A file as the page cache has it, as the medium has it, and the changes in between. After a power
 * cut each unsynced write is lost, torn at sector boundaries, or there: in no particular order, as
 * nothing but a sync orders writes.
 */
export class SimFile {
  readonly #cached = new SparseBytes()
  readonly #durable = new SparseBytes()
  #unsynced: Change[] = []
  /** What was written to the medium last. */
  newest: { readonly position: number; readonly sizeBytes: number } = { position: 0, sizeBytes: 0 }

  get sizeBytes(): number {
    return this.#cached.size
  }

  get durableBytes(): number {
    return this.#durable.size
  }

  read(into: Uint8Array, position: number): number {
    const size = Math.max(0, Math.min(into.length, this.#cached.size - position))
    this.#cached.read(into.subarray(0, size), position)
    return size
  }

  write(position: number, bytes: Uint8Array): void {
    this.#cached.put(position, bytes)
    const last = this.#unsynced.at(-1)
    const isRest = last?.kind === 'write' && last.position + last.bytes.length === position
    if (isRest && position % SIM_SECTOR_BYTES !== 0) {
      // Of a short write: the cache holds whole sectors and knows no seam within.
      const whole = concat([last.bytes, bytes])
      this.#unsynced[this.#unsynced.length - 1] = {
        kind: 'write',
        position: last.position,
        bytes: whole,
      }
    } else {
      this.#unsynced.push({ kind: 'write', position, bytes: bytes.slice() })
    }
  }

  truncate(sizeBytes: number): void {
    this.#cached.truncate(sizeBytes)
    this.#unsynced.push({ kind: 'truncate', sizeBytes })
  }

  sync(): void {
    for (const change of this.#unsynced) this.#persist(change)
    this.#unsynced = []
  }

  /** A sync that failed: the pages count as clean, whether or not they reached the medium. */
  syncBadly(random: Prng): void {
    for (const change of this.#unsynced) if (random.chance(0.3)) this.#persist(change)
    this.#unsynced = []
  }

  cutPower(random: Prng): void {
    for (const change of this.#unsynced) {
      if (random.chance(0.5)) continue
      if (change.kind === 'write' && random.chance(0.6)) this.#tear(change, random)
      else this.#persist(change)
    }
    this.#unsynced = []
    this.#cached.copyFrom(this.#durable)
  }

  /** A byte on the medium. */
  byteAt(position: number): number {
    return this.#durable.byteAt(position)
  }

  /**
   * The medium rots. The cache hides it as long as it has something to write; then it may let go of
   * its clean pages at any time, as it does here.
   */
  rot(position: number, spoil: (byte: number) => number, sizeBytes = 1): void {
    const end = Math.min(position + sizeBytes, this.#durable.size)
    const extents = this.#unsynced.length > 0 ? [this.#durable] : [this.#durable, this.#cached]
    for (let at = position; at < end; at++) {
      const spoiled = spoil(this.#durable.byteAt(at))
      for (const extent of extents) extent.setByte(at, spoiled)
    }
  }

  #persist(change: Change): void {
    if (change.kind === 'write') {
      this.#durable.put(change.position, change.bytes)
      this.newest = { position: change.position, sizeBytes: change.bytes.length }
    } else this.#durable.truncate(change.sizeBytes)
  }

  /** Some sectors arrive: the first ones, or any. */
  #tear({ position, bytes }: { position: number; bytes: Uint8Array }, random: Prng): void {
    const isPrefix = random.chance(0.5)
    const first = Math.floor(position / SIM_SECTOR_BYTES)
    const last = Math.floor((position + bytes.length - 1) / SIM_SECTOR_BYTES)
    const cut = first + random.below(last - first + 1)
    for (let sector = first; sector <= last; sector++) {
      if (isPrefix ? sector >= cut : random.chance(0.5)) continue
      const from = Math.max(0, sector * SIM_SECTOR_BYTES - position)
      const to = Math.min(bytes.length, (sector + 1) * SIM_SECTOR_BYTES - position)
      this.#durable.put(position + from, bytes.subarray(from, to))
    }
  }
}
