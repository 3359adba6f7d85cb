import { fromUtf8 } from '../../base/bytes.ts'
import type { StateHash } from '../state-hash.ts'
import {
  KEY_UNITS_MAX,
  type MachineLimits,
  type MachineListOptions,
  type MachineRow,
  type MachineState,
  VALUE_BYTES_MAX,
} from './definition.ts'
import { SortedKeys } from './sorted-keys.ts'

const LIST_MAX = 10_000
const LIST_DEFAULT = 1_000
/** Tells what a part of the state's hash is of. */
const ROW = 1

/** The machine has no room for what a command wants; it is refused, whatever its reducer does. */
export class NoRoom extends Error {
  readonly what: string

  constructor(what: string) {
    super(`no room for ${what}`)
    this.what = what
  }
}

/**
 * The rows of a machine, as text. What a command changes can be undone until it is committed; the
 * hash of the state follows what is committed.
 */
export class Rows implements MachineState {
  readonly #limits: MachineLimits
  readonly #hash: StateHash
  /** Of what else is in the state. */
  readonly #otherBytes: () => number
  readonly #texts = new Map<string, string>()
  readonly #keys = new SortedKeys()
  /** What the rows were that the present command has changed. */
  readonly #before = new Map<string, string | undefined>()
  #bytes = 0
  /** What there was no room for, since the last commit. */
  #denied: string | undefined

  constructor(limits: MachineLimits, hash: StateHash, otherBytes: () => number) {
    this.#limits = limits
    this.#hash = hash
    this.#otherBytes = otherBytes
  }

  get size(): number {
    return this.#texts.size
  }

  get bytes(): number {
    return this.#bytes
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as the interface has it
  get<Value>(key: string): Value | undefined {
    const text = this.#texts.get(key)
    return text === undefined ? undefined : (JSON.parse(text) as Value)
  }

  has(key: string): boolean {
    return this.#texts.has(key)
  }

  list<Value>(prefix: string, options: MachineListOptions = {}): MachineRow<Value>[] {
    const { limit = LIST_DEFAULT } = options
    const rows: MachineRow<Value>[] = []
    if (limit <= 0) return rows
    for (const key of this.#keysOf(prefix, options)) {
      if (!key.startsWith(prefix)) break
      rows.push({ key, value: JSON.parse(this.#texts.get(key) as string) as Value })
      if (rows.length >= Math.min(limit, LIST_MAX)) break
    }
    return rows
  }

  set(key: string, value: unknown): void {
    const text = textOf(value, `row ${key}`)
    checkKey(key, 'key of a row')
    const before = this.#texts.get(key)
    const grows = text.length - (before === undefined ? -key.length : before.length)
    const isNew = before === undefined
    if (isNew && this.#texts.size >= this.#limits.rowsMax) throw this.#deny('rows')
    const isFull = this.#bytes + this.#otherBytes() + grows > this.#limits.stateBytesMax
    if (grows > 0 && isFull) throw this.#deny('bytes')
    this.#exchange(key, text)
  }

  delete(key: string): boolean {
    if (!this.#texts.has(key)) return false
    this.#exchange(key, undefined)
    return true
  }

  /** What was changed since the last commit stays; throws if there was no room for some of it. */
  commit(): void {
    if (this.#denied !== undefined) throw new NoRoom(this.#denied)
    for (const [key, before] of this.#before) {
      const after = this.#texts.get(key)
      if (before === after) continue
      if (before !== undefined) this.#hash.remove(hashed(key, before))
      if (after !== undefined) this.#hash.add(hashed(key, after))
    }
    this.#before.clear()
  }

  /** What was changed since the last commit never was. */
  undo(): void {
    for (const [key, before] of this.#before) this.#put(key, before)
    this.#before.clear()
    this.#denied = undefined
  }

  /** All rows in the order of their keys, as they are now. */
  all(): [string, string][] {
    return this.#keys.all().map(key => [key, this.#texts.get(key) as string])
  }

  /** Takes over rows that are in order; for rows that are empty. */
  load(rows: readonly [string, string][]): void {
    for (const [key, text] of rows) {
      this.#texts.set(key, text)
      this.#bytes += key.length + text.length
      this.#hash.add(hashed(key, text))
    }
    this.#keys.load(rows.map(([key]) => key))
  }

  #keysOf(prefix: string, { after, isReversed = false }: MachineListOptions): Generator<string> {
    if (!isReversed) {
      const first = after === undefined || after < prefix ? prefix : after
      return this.#keys.from(key => key < first || key === after)
    }
    const isWithin = (key: string): boolean => key < prefix || key.startsWith(prefix)
    return this.#keys.downFrom(key => isWithin(key) && (after === undefined || key < after))
  }

  #deny(what: string): NoRoom {
    this.#denied = what
    return new NoRoom(what)
  }

  #exchange(key: string, text: string | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#texts.get(key))
    this.#put(key, text)
  }

  #put(key: string, text: string | undefined): void {
    const before = this.#texts.get(key)
    this.#bytes += sizeOf(key, text) - sizeOf(key, before)
    if (text === undefined) this.#texts.delete(key)
    else this.#texts.set(key, text)
    if (before === undefined && text !== undefined) this.#keys.add(key)
    if (before !== undefined && text === undefined) this.#keys.remove(key)
  }
}

const sizeOf = (key: string, text: string | undefined): number =>
  text === undefined ? 0 : key.length + text.length

const hashed = (key: string, text: string): (number | Uint8Array)[] => [
  ROW,
  fromUtf8(key),
  fromUtf8(text),
]

/** @throws {TypeError} for what is no JSON, {RangeError} for what is too large */
export function textOf(value: unknown, what: string): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new TypeError(`${what} is not JSON`)
  // No unit takes more than three bytes.
  const isLarge = text.length * 3 > VALUE_BYTES_MAX && fromUtf8(text).length > VALUE_BYTES_MAX
  if (isLarge) throw new RangeError(`${what} has more than ${VALUE_BYTES_MAX} bytes`)
  return text
}

/** @throws {RangeError} */
export function checkKey(key: string, what: string): void {
  const fits = key !== '' && key.length <= KEY_UNITS_MAX && key.isWellFormed()
  if (!fits) throw new RangeError(`a ${what} is text of 1 to ${KEY_UNITS_MAX} characters`)
}
