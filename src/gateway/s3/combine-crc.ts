/**
 * The CRC of two runs of bytes from the CRCs of each, and the length of the second: what makes the
 * checksum of a whole object out of those of its parts, without reading it again.
 *
 * A CRC is linear over GF(2). Appending n zero bytes multiplies the first CRC by x^(8n), and the CRC
 * of the second run is added by XOR; the inversions before and after cancel out. Multiplication is
 * modulo the polynomial, bits reversed as the CRC has them, so bit `width - 1` is x^0.
 */
import { Buffer } from 'node:buffer'

import type { ChecksumAlgorithm } from './checksum.ts'

export type CrcAlgorithm = Extract<ChecksumAlgorithm, `crc${string}`>

interface Ring {
  readonly width: bigint
  readonly polynomial: bigint
}

const rings: Readonly<Record<CrcAlgorithm, Ring>> = {
  crc32: { width: 32n, polynomial: 0xedb88320n },
  crc32c: { width: 32n, polynomial: 0x82f63b78n },
  crc64nvme: { width: 64n, polynomial: 0x9a6c9329ac4bc9b5n },
}

export interface SizedCrc {
  /** Base64. */
  readonly digest: string
  readonly sizeBytes: number
}

/** The CRC of all pieces one after the other, base64. */
export function combineCrcs(algorithm: CrcAlgorithm, pieces: readonly SizedCrc[]): string {
  const ring = rings[algorithm]
  const sum = pieces.reduce(
    (crc, { digest, sizeBytes }) =>
      multiply(ring, crc, powerOfX(ring, BigInt(sizeBytes) * 8n)) ^ numberIn(digest),
    0n,
  )
  return textOf(ring, sum)
}

function multiply({ width, polynomial }: Ring, a: bigint, b: bigint): bigint {
  const one = 1n << (width - 1n)
  let [product, factor] = [0n, b]
  for (let bit = one; bit > 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= factor
    factor = (factor & 1n) === 1n ? (factor >> 1n) ^ polynomial : factor >> 1n
  }
  return product
}

/** x to the power of n: square and multiply. */
function powerOfX(ring: Ring, exponent: bigint): bigint {
  let power = 1n << (ring.width - 1n)
  let square = 1n << (ring.width - 2n)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) power = multiply(ring, power, square)
    square = multiply(ring, square, square)
  }
  return power
}

const numberIn = (digest: string): bigint =>
  BigInt(`0x${Buffer.from(digest, 'base64').toString('hex')}`)

const textOf = ({ width }: Ring, value: bigint): string =>
  Buffer.from(value.toString(16).padStart(Number(width) / 4, '0'), 'hex').toString('base64')
