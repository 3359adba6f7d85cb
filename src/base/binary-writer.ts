import { assert, AssertionError } from './assert.ts'
import { fromUtf8 } from './bytes.ts'
import { HoldfastError } from './errors.ts'

const FIRST_CAPACITY = 256

/**
 * Appends numbers and bytes to a buffer that grows up to `limitBytes` and never beyond. Integers
 * are natural numbers, little-endian, at most 2^53 - 1; a varint is LEB128. A write past the limit
 * throws `TOO_LARGE` and leaves what was written before as it was; a value that its field cannot
 * hold is a bug.
 *
 * Invariant: every byte past `size` is zero, for what was claimed is always written in full.
 */
export class BinaryWriter {
  readonly #limitBytes: number
  #bytes: Uint8Array<ArrayBuffer>
  /** Made when it is needed: most of what is written is bytes. */
  #view: DataView | undefined
  #size = 0

  constructor(limitBytes: number, capacityBytes: number = FIRST_CAPACITY) {
    this.#limitBytes = limitBytes
    this.#bytes = new Uint8Array(Math.min(capacityBytes, limitBytes))
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size
  }

  u8(value: number): void {
    assertNatural('u8', value, 0xff)
    const offset = this.#claim(1)
    this.#bytes[offset] = value
  }

  u32(value: number): void {
    assertNatural('u32', value, 0xffff_ffff)
    const offset = this.#claim(4)
    this.#viewed().setUint32(offset, value, true)
  }

  u64(value: number): void {
    assertNatural('u64', value, Number.MAX_SAFE_INTEGER)
    const offset = this.#claim(8)
    // setUint32 takes the low 32 bits of any number.
    this.#viewed().setUint32(offset, value, true)
    this.#viewed().setUint32(offset + 4, value / 2 ** 32, true)
  }

  f64(value: number): void {
    const offset = this.#claim(8)
    this.#viewed().setFloat64(offset, value, true)
  }

  varint(value: number): void {
    assertNatural('varint', value, Number.MAX_SAFE_INTEGER)
    this.#putVarint(this.#claim(varintSize(value)), value)
  }

  /** The bytes alone, without their length. */
  fixed(bytes: Uint8Array): void {
    const offset = this.#claim(bytes.length)
    this.#bytes.set(bytes, offset)
  }

  /** The bytes behind their length as a varint. */
  bytes(bytes: Uint8Array): void {
    const offset = this.#claim(varintSize(bytes.length) + bytes.length)
    this.#bytes.set(bytes, this.#putVarint(offset, bytes.length))
  }

  /** UTF-8 behind its length in bytes. A lone surrogate has no UTF-8, so the text has none. */
  string(text: string): void {
    assert(text.isWellFormed(), 'string takes well-formed text')
    this.bytes(fromUtf8(text))
  }

  /** Sets aside `size` zero bytes and returns where they start, to be filled by `patchU32`. */
  reserve(size: number): number {
    assertNatural('reserve', size, Number.MAX_SAFE_INTEGER)
    return this.#claim(size)
  }

  /** Overwrites a u32 written or reserved earlier. */
  patchU32(offset: number, value: number): void {
    assertNatural('u32', value, 0xffff_ffff)
    assert(offset >= 0 && offset + 4 <= this.#size, 'patch lies within what was written')
    this.#viewed().setUint32(offset, value, true)
  }

  /** What was written, as a view; the writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#size)
  }

  /** Returns where the varint ends. */
  #putVarint(start: number, value: number): number {
    let offset = start
    let rest = value
    // Shifts work on 32 bits, so the few larger numbers are first divided down to that.
    for (; rest >= 2 ** 32; rest = Math.floor(rest / 0x80)) {
      this.#bytes[offset++] = (rest & 0x7f) | 0x80
    }
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[offset++] = (rest & 0x7f) | 0x80
    this.#bytes[offset++] = rest
    return offset
  }

  #claim(size: number): number {
    const offset = this.#size
    const end = offset + size
    if (end > this.#limitBytes) throw tooLarge(end, this.#limitBytes)
    if (end > this.#bytes.length) this.#grow(end)
    this.#size = end
    return offset
  }

  #grow(neededBytes: number): void {
    const capacity = Math.min(this.#limitBytes, Math.max(neededBytes, this.#bytes.length * 2))
    const larger = new Uint8Array(capacity)
    larger.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = larger
    this.#view = undefined
  }

  #viewed(): DataView {
    return (this.#view ??= new DataView(this.#bytes.buffer))
  }
}

/** How many bytes `value` takes as a varint: 1 to 8. */
export function varintSize(value: number): number {
  let size = 1
  for (let limit = 0x80; value >= limit; limit *= 0x80) size++
  return size
}

/** Runs for every field: the message is built only when it is needed. */
function assertNatural(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return
  throw new AssertionError(`${field} takes a natural number up to ${most}, not ${value}`)
}

const tooLarge = (size: number, limit: number): HoldfastError =>
  new HoldfastError(`Cannot encode: ${size} bytes, limit ${limit}`, {
    code: 'TOO_LARGE',
    what: 'encoding',
    size,
    limit,
  })
