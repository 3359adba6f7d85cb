import { createHash } from 'node:crypto'

import { equals, toHex } from '../../../src/base/bytes.ts'
import { Prng } from '../../../src/base/prng.ts'

/**
 * What objects of a run are made of: each written value has a name of its own, which says its size
 * and grows its bytes, so that whoever reads it can tell whether it is what was written.
 */
export const nameOf = (number: number, sizeBytes: number): string => `v${number}x${sizeBytes}`

export function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  const [, number = '', size = ''] = /^v(\d+)x(\d+)$/.exec(name) ?? []
  return new Prng(Number(number)).bytes(Number(size))
}

export const etagOf = (name: string): string =>
  toHex(createHash('md5').update(bytesOf(name)).digest())

/** Whether these are the bytes of the value from `from` on, as many as were asked for. */
export const areBytesOf = (
  name: string,
  { from, to }: { readonly from: number; readonly to: number },
  bytes: Uint8Array,
): boolean => equals(bytes, bytesOf(name).subarray(from, to))
