import { assert } from './assert.ts'
import { fromUtf8 } from './bytes.ts'
import { HoldfastError } from './errors.ts'

const FIRST_CAPACITY = 256

/**
 * Appends numbers and bytes to a buffer that grows up to `limitBytes` and never beyond. Integers
 * are little-endian and at most 2^53 - 1; a varint is LEB128. A write past the limit throws
 * `TOO_LARGE` and leaves what was written before as it was.
 */
export class BinaryWriter {
  readonly #limitBytes: number
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #size = 0

  constructor(limitBytes: number, capacityBytes: number = FIRST_CAPACITY) {
    this.#limitBytes = limitBytes
    this.#bytes = new Uint8Array(Math.min(capacityBytes, limitBytes))
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size
  }

  u8(value: number): void {
    const offset = this.#claim(1)
    this.#bytes[offset] = value
  }

  u32(value: number): void {
    const offset = this.#claim(4)
    this.#view.setUint32(offset, value, true)
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `u64 takes a natural number, not ${value}`)
    const offset = this.#claim(8)
    this.#view.setUint32(offset, value % 2 ** 32, true)
    this.#view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true)
  }

  f64(value: number): void {
    const offset = this.#claim(8)
    this.#view.setFloat64(offset, value, true)
  }

  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `varint takes a natural number, not ${value}`)
    let offset = this.#claim(varintSize(value))
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[offset++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[offset] = rest
  }

  /** The bytes alone, without their length. */
  fixed(bytes: Uint8Array): void {
    const offset = this.#claim(bytes.length)
    this.#bytes.set(bytes, offset)
  }

  /** The bytes behind their length as a varint. */
  bytes(bytes: Uint8Array): void {
    const offset = this.#size
    try {
      this.varint(bytes.length)
      this.fixed(bytes)
    } catch (error) {
      this.#size = offset
      throw error
    }
  }

  /** UTF-8 behind its length in bytes. */
  string(text: string): void {
    this.bytes(fromUtf8(text))
  }

  /** Sets aside `size` zero bytes and returns where they start, to be filled through `patch`. */
  reserve(size: number): number {
    const offset = this.#claim(size)
    this.#bytes.fill(0, offset, offset + size)
    return offset
  }

  /** Overwrites a u32 written earlier. */
  patchU32(offset: number, value: number): void {
    assert(offset >= 0 && offset + 4 <= this.#size, 'patch lies within what was written')
    this.#view.setUint32(offset, value, true)
  }

  /** What was written, as a view; the writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#size)
  }

  #claim(size: number): number {
    const offset = this.#size
    const end = offset + size
    if (end > this.#limitBytes) {
      throw new HoldfastError(`Cannot encode: ${end} bytes, limit ${this.#limitBytes}`, {
        code: 'TOO_LARGE',
        what: 'encoding',
        size: end,
        limit: this.#limitBytes,
      })
    }
    if (end > this.#bytes.length) this.#grow(end)
    this.#size = end
    return offset
  }

  #grow(neededBytes: number): void {
    const capacity = Math.min(this.#limitBytes, Math.max(neededBytes, this.#bytes.length * 2))
    const larger = new Uint8Array(capacity)
    larger.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** How many bytes `value` takes as a varint: 1 to 8. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
