import { multiply, power } from '../../../src/erasure/field.ts'
import { lengthBits, type QrFormat } from './qr-format.ts'

/**
 * From text to the bytes of a QR code: one run in byte mode, padded, cut into blocks, each followed
 * by its Reed-Solomon remainder, and all of them interleaved. Codes of QR and of Holdfast are over
 * the same field.
 */
const BYTE_MODE = 0b0100
const PADDING = [0xec, 0x11] as const

export function codewordsOf(bytes: Uint8Array, format: QrFormat): Uint8Array {
  const { blocks, eccBytes, totalBytes } = format
  const data = dataOf(bytes, format)
  const divisor = generatorOf(eccBytes)
  const isLonger = totalBytes % blocks
  const shortBytes = Math.floor(totalBytes / blocks) - eccBytes
  const parts: { readonly data: Uint8Array; readonly ecc: Uint8Array }[] = []
  for (let block = 0, at = 0; block < blocks; block++) {
    // The last blocks take what cannot be divided evenly.
    const length = shortBytes + (block < blocks - isLonger ? 0 : 1)
    const own = data.subarray(at, at + length)
    parts.push({ data: own, ecc: remainderOf(own, divisor) })
    at += length
  }
  return new Uint8Array([
    ...interleave(parts.map(part => part.data)),
    ...interleave(parts.map(part => part.ecc)),
  ])
}

function dataOf(bytes: Uint8Array, { version, dataBytes }: QrFormat): Uint8Array {
  const bits: number[] = []
  const put = (value: number, length: number): void => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1)
  }
  put(BYTE_MODE, 4)
  put(bytes.length, lengthBits(version))
  for (const byte of bytes) put(byte, 8)
  put(0, Math.min(4, dataBytes * 8 - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  const data = new Uint8Array(dataBytes)
  for (const [at, bit] of bits.entries())
    data[at >> 3] = (data[at >> 3] as number) | (bit << (7 - (at & 7)))
  for (let at = bits.length / 8, turn = 0; at < dataBytes; at++, turn ^= 1)
    data[at] = PADDING[turn as 0 | 1]
  return data
}

/** (x - 1)(x - 2)(x - 4) … without its leading 1, highest power first. */
function generatorOf(degree: number): Uint8Array {
  const result = new Uint8Array(degree)
  result[degree - 1] = 1
  for (let root = 0; root < degree; root++)
    for (let at = 0; at < degree; at++)
      result[at] = multiply(result[at] as number, power(root)) ^ (result[at + 1] ?? 0)
  return result
}

function remainderOf(data: Uint8Array, divisor: Uint8Array): Uint8Array {
  const result = new Uint8Array(divisor.length)
  for (const byte of data) {
    const factor = byte ^ (result[0] as number)
    result.copyWithin(0, 1)
    result[result.length - 1] = 0
    for (const [at, coefficient] of divisor.entries())
      result[at] = (result[at] as number) ^ multiply(coefficient, factor)
  }
  return result
}

/** The first bytes of all blocks, then the second ones, and so on. */
function* interleave(blocks: readonly Uint8Array[]): Generator<number> {
  const longest = Math.max(...blocks.map(block => block.length))
  for (let at = 0; at < longest; at++)
    for (const block of blocks) if (at < block.length) yield block[at] as number
}
