import { toUtf8 } from './bytes.ts'
import { HoldfastError } from './errors.ts'

const VARINT_BYTES_MAX = 8

/**
 * Reads what `BinaryWriter` wrote, from bytes that nobody vouches for. Every method either returns
 * a value that was wholly inside the input or throws `MALFORMED`/`TOO_LARGE`; nothing is read past
 * the end, and nothing is allocated before its length was checked. Returned byte arrays are views
 * of the input: copy what must outlive it.
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

  u64(): number {
    const offset = this.#take(8, 'u64')
    const value =
      this.#view.getUint32(offset, true) + this.#view.getUint32(offset + 4, true) * 2 ** 32
    if (!Number.isSafeInteger(value)) throw malformed('u64', offset)
    return value
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8, 'f64'), true)
  }

  /** A LEB128 number up to 2^53 - 1 in its shortest form: each number has one encoding. */
  varint(): number {
    const start = this.#offset
    let value = 0
    let scale = 1
    for (let size = 1; size <= VARINT_BYTES_MAX; size++) {
      const byte = this.#view.getUint8(this.#take(1, 'varint'))
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if ((byte === 0 && size > 1) || !Number.isSafeInteger(value)) break
        return value
      }
      scale *= 0x80
    }
    throw malformed('varint', start)
  }

  /** Exactly `size` bytes. */
  fixed(size: number): Uint8Array {
    const offset = this.#take(size, 'bytes')
    return this.#bytes.subarray(offset, offset + size)
  }

  /** Bytes behind their length, which may be at most `limitBytes`. */
  bytes(limitBytes: number): Uint8Array {
    const size = this.varint()
    if (size > limitBytes) {
      throw new HoldfastError(`Cannot decode bytes: ${size} announced, limit ${limitBytes}`, {
        code: 'TOO_LARGE',
        what: 'bytes',
        size,
        limit: limitBytes,
      })
    }
    return this.fixed(size)
  }

  /** UTF-8 behind its length in bytes, which may be at most `limitBytes`. */
  string(limitBytes: number): string {
    return toUtf8(this.bytes(limitBytes))
  }

  /** Refuses input that goes on after its last field. */
  end(): void {
    if (this.remaining > 0) throw malformed('end of input', this.#offset)
  }

  #take(size: number, what: string): number {
    const offset = this.#offset
    if (!(size >= 0 && size <= this.remaining)) throw malformed(what, offset)
    this.#offset = offset + size
    return offset
  }
}

function malformed(what: string, offset: number): HoldfastError {
  return new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
}
