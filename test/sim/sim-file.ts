import { concat } from '../../src/base/bytes.ts'
import type { Prng } from '../../src/base/prng.ts'

export const SIM_SECTOR_BYTES = 512

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly sizeBytes: number }

/** Bytes that grow on demand. */
class Extent {
  bytes = new Uint8Array(4096)
  size = 0

  put(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.bytes.length * 2))
      larger.set(this.bytes.subarray(0, this.size))
      this.bytes = larger
    }
    this.bytes.set(bytes, position)
    this.size = Math.max(this.size, end)
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.size) this.bytes.fill(0, sizeBytes, this.size)
    else if (sizeBytes > this.bytes.length) this.put(sizeBytes - 1, new Uint8Array(1))
    this.size = sizeBytes
  }

  copyFrom(other: Extent): void {
    this.bytes = other.bytes.slice(0, Math.max(4096, other.size))
    this.size = other.size
  }
}

/**
 * A file as the page cache has it, as the medium has it, and the changes in between. After a power
 * cut each unsynced write is lost, torn at sector boundaries, or there: in no particular order, as
 * nothing but a sync orders writes.
 */
export class SimFile {
  readonly #cached = new Extent()
  readonly #durable = new Extent()
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
    into.set(this.#cached.bytes.subarray(position, position + size))
    return size
  }

  write(position: number, bytes: Uint8Array): void {
    this.#cached.put(position, bytes)
    const last = this.#unsynced.at(-1)
    if (last?.kind === 'write' && last.position + last.bytes.length === position) {
      // The rest of a short write: the cache holds whole pages and knows no seam.
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
    return this.#durable.bytes[position] as number
  }

  /**
   * The medium rots. The cache hides it as long as it has something to write; then it may let go of
   * its clean pages at any time, as it does here.
   */
  rot(position: number, spoil: (byte: number) => number, sizeBytes = 1): void {
    const end = Math.min(position + sizeBytes, this.#durable.size)
    const extents = this.#unsynced.length > 0 ? [this.#durable] : [this.#durable, this.#cached]
    for (let at = position; at < end; at++) {
      const spoiled = spoil(this.#durable.bytes[at] as number)
      for (const { bytes } of extents) bytes[at] = spoiled
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
