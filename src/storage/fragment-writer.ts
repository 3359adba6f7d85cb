import { free } from '../base/bytes.ts'
import type { Clock, Random } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { corrupt, leaseExpired, missing, tooLarge, wrongCellSize } from './fragment-errors.ts'
import {
  cellCount,
  encodeHead,
  FRAGMENT_BYTES_MAX,
  headBytes,
  LEAVES_MAX,
} from './fragment-file.ts'
import type { FragmentFiles } from './fragment-files.ts'
import type { FragmentHealth } from './fragment-health.ts'
import type { FragmentIndex, Transition } from './fragment-index.ts'
import { type Cells, takeIn } from './fragment-intake.ts'
import { type FragmentNames, LEAF_ROOM_BYTES } from './fragment-names.ts'
import {
  type FragmentRecord,
  type FragmentReference,
  isSameReference,
  REFERENCES_MAX,
  SEALED_BYTES_MAX,
  SEGMENT_ID_BYTES_MAX,
  UNREADABLE,
} from './fragment-record.ts'
import type { FragmentSpace } from './fragment-space.ts'

/** Which of the segment's fragments somebody holds. */
export type ReferenceName = Pick<FragmentReference, 'segment' | 'index'>

export interface PutOptions extends ReferenceName {
  /** Of the whole fragment: a multiple of 64, up to 16 MiB. */
  readonly sizeBytes: number
  /** Up to 2 KiB, opaque (`fragment-origin.ts`). */
  readonly sealed: Uint8Array
  /** How long the reference lasts unless it is committed. @default one hour */
  readonly leaseMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface FragmentWriterOptions {
  readonly index: FragmentIndex
  readonly files: FragmentFiles
  readonly space: FragmentSpace
  readonly health: FragmentHealth
  readonly names: FragmentNames
  readonly clock: Clock
  readonly random: Random
  readonly cellBytes: number
}

type Apply = (transition: Transition) => Promise<void>

const LANE_BYTES = 64
const LOST_RECORD = 'its record is not as it was written'
const LEASE_MS = 3_600_000
/** A hundred years. */
const DURATION_MS_MAX = 100 * 365 * 86_400_000

/** Puts fragments, and adds and ends references to them. */
export class FragmentWriter {
  readonly #index: FragmentIndex
  readonly #files: FragmentFiles
  readonly #space: FragmentSpace
  readonly #health: FragmentHealth
  readonly #names: FragmentNames
  readonly #clock: Clock
  readonly #random: Random
  readonly #cellBytes: number

  constructor(options: FragmentWriterOptions) {
    const { index, files, space, health, names, clock, random, cellBytes } = options
    this.#index = index
    this.#files = files
    this.#space = space
    this.#health = health
    this.#names = names
    this.#clock = clock
    this.#random = random
    this.#cellBytes = cellBytes
  }

  /** Asks for the cells only if the fragment is not here. */
  async put(id: Uint8Array, options: PutOptions, cells: Cells): Promise<'stored' | 'present'> {
    this.#check(options)
    const isPresent = await this.#index.turn(id, async (record, apply) => {
      if (!isUsable(record)) return false
      await this.#refer(id, record, options, apply)
      return true
    })
    if (isPresent) return 'present'
    const giveBack = await this.#space.admit(options.sizeBytes)
    try {
      const isCell = options.sizeBytes <= this.#cellBytes
      return await (isCell ? this.#putCell(id, options, cells) : this.#putFile(id, options, cells))
    } finally {
      giveBack()
    }
  }

  commit(id: Uint8Array, name: ReferenceName): Promise<void> {
    return this.#end(id, name, known => {
      if (known === undefined) throw leaseExpired(this.#names.encode(id), name.index)
      return 0
    })
  }

  async release(id: Uint8Array, name: ReferenceName, graceMs: number): Promise<void> {
    checkDuration(graceMs)
    return this.#end(id, name, known => {
      const endMs = this.#inMs(graceMs)
      return known === undefined || known.untilMs === 0 ? endMs : Math.min(known.untilMs, endMs)
    })
  }

  async #putCell(id: Uint8Array, options: PutOptions, cells: Cells): Promise<'stored' | 'present'> {
    const names = this.#names
    let taken: Uint8Array | undefined
    const write = async (_: number, cell: Uint8Array): Promise<void> => {
      taken = cell
    }
    const { sizeBytes, signal } = options
    await takeIn(cells, { names, id, cellBytes: this.#cellBytes, sizeBytes, signal, write })
    return this.#index.turn(id, async (record, apply) => {
      if (isUsable(record)) {
        await this.#refer(id, record, options, apply)
        return 'present'
      }
      const cell = taken as Uint8Array
      await apply({ record: await this.#fresh(id, record, options, this.#number()), cell })
      return 'stored'
    })
  }

  async #putFile(id: Uint8Array, options: PutOptions, cells: Cells): Promise<'stored' | 'present'> {
    const number = await this.#writeFile(id, options, cells)
    let isNamed = false
    try {
      return await this.#index.turn(id, async (record, apply) => {
        if (isUsable(record)) {
          await this.#refer(id, record, options, apply)
          return 'present'
        }
        const fresh = await this.#fresh(id, record, options, number)
        await this.#files.adopt(id, number, async () => {
          await apply({ record: fresh })
          isNamed = true
        })
        return 'stored'
      })
    } catch (error) {
      // The record may name it: the next opening will know.
      isNamed ||= codeOf(error) === 'DISK_FAILED'
      throw error
    } finally {
      if (!isNamed) await this.#discard(id, number)
    }
  }

  /** Should that fail, what became of the put is more important; the next opening removes it. */
  async #discard(id: Uint8Array, number: number): Promise<void> {
    try {
      await this.#files.discard(id, number)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
    }
  }

  /** Writes a durable file that nothing names yet, and returns its number; or leaves nothing. */
  async #writeFile(
    id: Uint8Array,
    { sizeBytes, sealed, signal }: PutOptions,
    cells: Cells,
  ): Promise<number> {
    const cellBytes = this.#cellBytes
    const cellsAt = headBytes(sealed.length, cellCount(sizeBytes, cellBytes))
    const number = this.#number()
    const file = await this.#files.create(id, number)
    const write = async (at: number, run: Uint8Array<ArrayBuffer>): Promise<void> => {
      await file.write(cellsAt + at, run)
      free(run, LEAF_ROOM_BYTES)
    }
    let isClosed = false
    try {
      const names = this.#names
      const leaves = await takeIn(cells, { names, id, cellBytes, sizeBytes, signal, write })
      await file.write(0, encodeHead({ id, cellBytes, sizeBytes, sealed, leaves }))
      await file.datasync()
      isClosed = true
      await file.close()
      await this.#files.syncIncoming()
      return number
    } catch (error) {
      if (codeOf(error) === 'DISK_FAILED') throw error
      if (!isClosed) await file.close()
      await this.#discard(id, number)
      throw error
    }
  }

  /** Adds a reference, or renews it; one that is kept is not touched. */
  async #refer(
    id: Uint8Array,
    record: FragmentRecord,
    options: PutOptions,
    apply: Apply,
  ): Promise<void> {
    if (record.sizeBytes !== options.sizeBytes) {
      const reason = `it has ${record.sizeBytes} bytes, not ${options.sizeBytes}`
      throw corrupt(this.#names.encode(id), reason)
    }
    const references = this.#withReference(record.references, options)
    if (references !== record.references) await apply({ record: { ...record, references } })
  }

  /** The record of a fragment that was not there, or not as it should be. */
  async #fresh(
    id: Uint8Array,
    before: FragmentRecord | undefined,
    options: PutOptions,
    number: number,
  ): Promise<FragmentRecord> {
    // References of the rotten one go on. Those of a lost record nobody knows, but that there are
    // others must not be forgotten.
    const known = before === UNREADABLE ? await this.#health.rebuild(id, LOST_RECORD) : before
    const references = this.#withReference(known?.references ?? [], options)
    return { sizeBytes: options.sizeBytes, number, isRotten: false, references }
  }

  #withReference(
    references: readonly FragmentReference[],
    { segment, index, sealed, leaseMs = LEASE_MS }: PutOptions,
  ): readonly FragmentReference[] {
    const known = references.find(reference => isSameReference(reference, { segment, index }))
    if (known?.untilMs === 0) return references
    const others = references.filter(reference => reference !== known)
    if (others.length >= REFERENCES_MAX) {
      throw tooLarge('references of a fragment', others.length + 1, REFERENCES_MAX)
    }
    const untilMs = Math.max(known?.untilMs ?? 0, this.#inMs(leaseMs))
    // Copied, for the caller may use its arrays again.
    return [...others, { segment: segment.slice(), index, untilMs, sealed: sealed.slice() }]
  }

  /** Changes when a reference ends. */
  #end(
    id: Uint8Array,
    name: ReferenceName,
    endOf: (known: FragmentReference | undefined) => number,
  ): Promise<void> {
    return this.#index.turn(id, async (record, apply) => {
      const text = this.#names.encode(id)
      if (record === UNREADABLE) throw corrupt(text, LOST_RECORD)
      if (record === undefined || record.references.length === 0) throw missing(text)
      const known = record.references.find(reference => isSameReference(reference, name))
      const untilMs = endOf(known)
      if (known === undefined || known.untilMs === untilMs) return
      const references = record.references.map(reference =>
        reference === known ? { ...known, untilMs } : reference,
      )
      await apply({ record: { ...record, references } })
    })
  }

  #number(): number {
    return 1 + this.#random.below(Number.MAX_SAFE_INTEGER)
  }

  #inMs(durationMs: number): number {
    return Math.ceil(this.#clock.wallMs() + durationMs)
  }

  #check({ sizeBytes, segment, index, sealed, leaseMs = LEASE_MS }: PutOptions): void {
    checkDuration(leaseMs)
    const mostBytes = Math.min(FRAGMENT_BYTES_MAX, LEAVES_MAX * this.#cellBytes)
    if (!(segment.length >= 1 && segment.length <= SEGMENT_ID_BYTES_MAX)) {
      throw new RangeError(`A segment's id has 1 to ${SEGMENT_ID_BYTES_MAX} bytes`)
    }
    if (!(Number.isInteger(index) && index >= 0 && index <= 255)) {
      throw new RangeError(`Fragments of a segment count from 0 to 255, not ${index}`)
    }
    if (sealed.length > SEALED_BYTES_MAX) {
      throw tooLarge('a sealed header', sealed.length, SEALED_BYTES_MAX)
    }
    if (sizeBytes > mostBytes) throw tooLarge('a fragment', sizeBytes, mostBytes)
    if (!(sizeBytes > 0 && sizeBytes % LANE_BYTES === 0)) {
      throw wrongCellSize(sizeBytes, Math.max(1, Math.ceil(sizeBytes / LANE_BYTES)) * LANE_BYTES)
    }
  }
}

function checkDuration(durationMs: number): void {
  const isDuration = durationMs >= 0 && durationMs <= DURATION_MS_MAX
  if (!isDuration) throw new RangeError(`0 to ${DURATION_MS_MAX} ms, not ${durationMs}`)
}

/** It is here, and need not be put again. */
const isUsable = (record: FragmentRecord | undefined): record is FragmentRecord =>
  record !== undefined && !record.isRotten && record.references.length > 0
