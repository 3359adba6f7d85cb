import { equals, fromUtf8, toUtf8 } from './bytes.ts'
import { HoldfastError } from './errors.ts'

const VARINT_BYTES_MAX = 8

/**
 * Reads what `BinaryWriter` wrote, from bytes that nobody vouches for. Every method either returns
 * a value that was wholly inside the input, or throws `MALFORMED`/`TOO_LARGE` and stays where it
 * was. Nothing is read past the end, and nothing is allocated before its length was checked.
 * Returned byte arrays are views of the input: copy what must outlive it.
 */
export class BinaryReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Where the next read starts. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1, 'u8'))
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, 'u32'), true)
  }

  /** At most 2^53 - 1, like everything that counts. */
  u64(): number {
    const offset = this.#take(8, 'u64')
    const low = this.#view.getUint32(offset, true)
    const value = low + this.#view.getUint32(offset + 4, true) * 2 ** 32
    if (!Number.isSafeInteger(value)) throw this.#malformed('u64', offset)
    return value
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8, 'f64'), true)
  }

  /** A LEB128 number up to 2^53 - 1 in its shortest form: each number has one encoding. */
  varint(): number {
    const start = this.#offset
    const end = Math.min(start + VARINT_BYTES_MAX, this.#bytes.length)
    let value = 0
    let scale = 1
    for (let offset = start; offset < end; offset++) {
      const byte = this.#bytes[offset] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if ((byte === 0 && offset > start) || !Number.isSafeInteger(value)) break
        this.#offset = offset + 1
        return value
      }
      scale *= 0x80
    }
    throw this.#malformed('varint', start)
  }

  /** Exactly `size` bytes. */
  fixed(size: number): Uint8Array {
    const offset = this.#take(size, 'bytes')
    return this.#bytes.subarray(offset, offset + size)
  }

  /** Bytes behind their length, which may be at most `limitBytes`. */
  bytes(limitBytes: number): Uint8Array {
    const start = this.#offset
    const size = this.varint()
    if (size <= limitBytes && size <= this.remaining) return this.fixed(size)
    this.#offset = start
    throw size > limitBytes ? tooLarge(size, limitBytes) : this.#malformed('bytes', start)
  }

  /**
   * UTF-8 behind its length in bytes, which may be at most `limitBytes`. Ill-formed UTF-8 is
   * refused: replaced by U+FFFD, two different inputs would become one name.
   */
  string(limitBytes: number): string {
    const start = this.#offset
    const bytes = this.bytes(limitBytes)
    const text = toUtf8(bytes)
    if (text.includes('\uFFFD') && !equals(fromUtf8(text), bytes)) {
      throw this.#malformed('string', start)
    }
    return text
  }

  /** Refuses input that goes on after its last field. */
  end(): void {
    if (this.remaining > 0) throw this.#malformed('end of input', this.#offset)
  }

  #take(size: number, what: string): number {
    const offset = this.#offset
    const end = offset + size
    if (!Number.isInteger(size) || size < 0 || end > this.#bytes.length)
      throw this.#malformed(what, offset)
    this.#offset = end
    return offset
  }

  /** Goes back to where the field starts, so that a failure moves nothing. */
  #malformed(what: string, offset: number): HoldfastError {
    this.#offset = offset
    return new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
      code: 'MALFORMED',
      what,
      offset,
    })
  }
}

const tooLarge = (size: number, limit: number): HoldfastError =>
  new HoldfastError(`Cannot decode bytes: ${size} announced, limit ${limit}`, {
    code: 'TOO_LARGE',
    what: 'bytes',
    size,
    limit,
  })
