import { HoldfastError } from '../base/errors.ts'

/** A code: k data fragments and m parity fragments, any k of which rebuild the rest. */
export interface Scheme {
  /** Data fragments: 1 … 256. */
  readonly k: number
  /** Parity fragments: 0 … 256 - k. */
  readonly m: number
}

/** Fragments of a segment, at most: each is a point of GF(2^8). */
export const FRAGMENTS_MAX = 256

/** @throws {HoldfastError} `INVALID_SCHEME` unless k ≥ 1, m ≥ 0 and k + m ≤ 256, all integers. */
export function checkScheme({ k, m }: Scheme): void {
  const exists = Number.isInteger(k) && Number.isInteger(m) && k >= 1 && m >= 0
  if (exists && k + m <= FRAGMENTS_MAX) return
  throw new HoldfastError(
    `Cannot code with k = ${k}, m = ${m}: need k ≥ 1, m ≥ 0, k + m ≤ ${FRAGMENTS_MAX}`,
    {
      code: 'INVALID_SCHEME',
      k,
      m,
    },
  )
}
