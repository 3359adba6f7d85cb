import type { Clock, Disk } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { removeIfThere } from './fragment-file.ts'

const RESERVE = 'reserve'
const FULL_SHARE = 0.95
/** How old the disk's answer may be. */
const LOOK_EVERY_MS = 500

export interface FragmentSpaceOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** What the store may hold. */
  readonly capacityBytes: number
  readonly reserveBytes: number
  /** What it holds. */
  readonly usedBytes: () => number
}

/** How full the store is. */
export interface Usage {
  readonly usedBytes: number
  /** Puts that would go beyond this are refused. */
  readonly limitBytes: number
  readonly isReadonly: boolean
}

/**
 * Keeps the store from filling its disk: a full one cannot even be tidied up, for removing writes
 * records too. Puts are refused at 95 % of what the store may hold or of what the disk has room for;
 * and a file of zeros keeps room that is given back when the disk is full all the same, because
 * others fill it. The store then refuses puts until there is room for that file again. Reads,
 * commits and removals always go on.
 */
export class FragmentSpace {
  readonly #options: FragmentSpaceOptions
  #hasReserve = false
  #restoring: Promise<void> | undefined
  /** Of the disk, and when it said so. */
  #freeBytes = 0
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** Set aside for puts under way. */
  #expectedBytes = 0

  constructor(options: FragmentSpaceOptions) {
    this.#options = options
  }

  /** Looks at the disk and sets the reserve aside; a disk without room for it is read-only. */
  async open(): Promise<void> {
    const { disk, reserveBytes } = this.#options
    try {
      const file = await disk.open(RESERVE, 'read')
      this.#hasReserve = (await file.sizeBytes()) === reserveBytes
      await file.close()
    } catch (error) {
      if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
    }
    await this.#look()
    if (!this.#hasReserve) await this.#restore()
  }

  get usage(): Usage {
    const usedBytes = this.#options.usedBytes()
    const limitBytes = this.#limitBytes(usedBytes)
    const isReadonly = !this.#hasReserve || usedBytes + this.#expectedBytes >= limitBytes
    return { usedBytes, limitBytes, isReadonly }
  }

  /**
   * Sets room aside for a put; returns how to give it back, once the put is over.
   * @throws {HoldfastError} `STORE_READONLY`
   */
  async admit(sizeBytes: number): Promise<() => void> {
    if (this.#options.clock.monotonicMs() - this.#lookedAtMs >= LOOK_EVERY_MS) {
      await this.#look()
      if (!this.#hasReserve) await this.#restore()
    }
    const { usedBytes, limitBytes } = this.usage
    if (!this.#hasReserve || usedBytes + this.#expectedBytes + sizeBytes > limitBytes) {
      throw readonly(usedBytes, limitBytes)
    }
    this.#expectedBytes += sizeBytes
    // Until the disk is asked again; a put that fails is noticed then.
    this.#freeBytes -= sizeBytes
    return () => {
      this.#expectedBytes -= sizeBytes
    }
  }

  /** The disk turned out to be full: gives the reserve back, so that removals can go on. */
  async giveReserveBack(): Promise<void> {
    await this.#restoring
    this.#hasReserve = false
    await removeIfThere(this.#options.disk, RESERVE)
    this.#lookedAtMs = this.#options.clock.monotonicMs()
  }

  #limitBytes(usedBytes: number): number {
    const { capacityBytes } = this.#options
    const roomBytes = usedBytes + this.#expectedBytes + this.#freeBytes
    return Math.floor(Math.max(0, Math.min(capacityBytes, roomBytes)) * FULL_SHARE)
  }

  async #look(): Promise<void> {
    this.#lookedAtMs = this.#options.clock.monotonicMs()
    const freeBytes = await this.#options.disk.freeBytes()
    // What puts under way have been promised is theirs, although they have not written it yet.
    this.#freeBytes = freeBytes - this.#expectedBytes
  }

  /** Sets the reserve aside again if that leaves as much once more. */
  #restore(): Promise<void> {
    const { reserveBytes } = this.#options
    if (this.#freeBytes < 2 * reserveBytes) return Promise.resolve()
    this.#restoring ??= this.#writeReserve().finally(() => {
      this.#restoring = undefined
    })
    return this.#restoring
  }

  async #writeReserve(): Promise<void> {
    const { disk, reserveBytes } = this.#options
    try {
      await removeIfThere(disk, RESERVE)
      const file = await disk.open(RESERVE, 'create')
      try {
        await file.preallocate(reserveBytes)
      } finally {
        await file.close()
      }
      this.#hasReserve = true
      this.#freeBytes -= reserveBytes
    } catch (error) {
      // Without room for it the store stays as it is, and tries again.
      if (codeOf(error) !== 'DISK_FULL' && codeOf(error) !== 'DISK_IO') throw error
    }
  }
}

const readonly = (usedBytes: number, limitBytes: number): HoldfastError =>
  new HoldfastError(`Cannot store a fragment: ${usedBytes} bytes used, limit ${limitBytes}`, {
    code: 'STORE_READONLY',
    usedBytes,
    limitBytes,
  })
