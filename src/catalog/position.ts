import { concat, fromUtf8 } from '../base/bytes.ts'

/**
 * Where something stands in the one ordered key space:
 *
 *     position = hash(bucket), 8 bytes ‖ bucket ‖ 0x00 ‖ key
 *
 * The hash spreads buckets over the ranges; the name behind it makes collisions harmless, so a small
 * one that anybody can compute will do. Within a bucket the order is that of the keys' UTF-8 bytes,
 * as S3 lists them. Neither bucket nor key holds a NUL, so whatever follows a position in a row's key
 * behind another 0x00 sorts before every longer key. A bucket itself stands at the empty key, first.
 */
export type Position = Uint8Array

export const BUCKET_BYTES_MAX = 63
export const KEY_BYTES_MAX = 1_024
export const POSITION_BYTES_MAX: number = 8 + BUCKET_BYTES_MAX + 1 + KEY_BYTES_MAX

/** What has a place: an object's bucket and key; an empty key is the bucket itself. */
export interface Place {
  readonly bucket: string
  readonly key: string
}

export const positionOf = ({ bucket, key }: Place): Position => {
  const name = fromUtf8(bucket)
  return concat([hash64(name), name, NUL, fromUtf8(key)])
}

export const bucketPosition = (bucket: string): Position => positionOf({ bucket, key: '' })

/** Lower-case letters, digits, dots and hyphens, 3 to 63 of them, as S3 names buckets. */
export const isBucketName = (name: string): boolean =>
  /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..')

/** 1 to 1,024 bytes of UTF-8 without NUL. */
export function isKey(key: string): boolean {
  if (key.length === 0 || key.length > KEY_BYTES_MAX || key.includes('\0')) return false
  return key.isWellFormed() && fromUtf8(key).length <= KEY_BYTES_MAX
}

const NUL = new Uint8Array(1)

/** 64 bits that change at random with every byte: not for secrets, stable for ever. */
export function hash64(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const [high, low] = hashWords(input)
  const hash = new Uint8Array(8)
  const view = new DataView(hash.buffer)
  view.setUint32(0, high)
  view.setUint32(4, low)
  return hash
}

/** Two lanes of multiply and shift, each finished as murmur3 finishes; both see every byte. */
export function hashWords(input: Uint8Array): readonly [high: number, low: number] {
  let a = 0x9e3779b9 ^ input.length
  let b = 0x85ebca6b
  for (let at = 0; at < input.length; at++) {
    const byte = input[at] as number
    a = Math.imul(a ^ byte, 0x01000193)
    a ^= b >>> 15
    b = Math.imul(b + byte, 0xcc9e2d51) ^ (a >>> 13)
  }
  return [finish(a ^ b), finish(b + Math.imul(a, 5))]
}

function finish(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
