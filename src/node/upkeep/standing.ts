import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Verified } from './verified-book.ts'

/** What is known of the fragments of a content beyond where they are. */
export interface FragmentStanding {
  readonly verified: readonly Verified[]
  /** Those that are being made anew. */
  readonly repairing: readonly Pick<Verified, 'blob' | 'segment' | 'index'>[]
}

export const noStanding: FragmentStanding = { verified: [], repairing: [] }

const VERIFIED_MAX = 20_000
const REPAIRING_MAX = 1_000

/** As JSON: as many as fit into an answer, the newest of them. */
export const encodeStanding = ({ verified, repairing }: FragmentStanding): Uint8Array =>
  fromUtf8(
    JSON.stringify({
      verified: verified
        .slice(-ENCODED_MAX)
        .map(({ blob, segment, index, seat, atMs }) => [blob, segment, index, seat, atMs]),
      repairing: repairing
        .slice(0, REPAIRING_MAX)
        .map(({ blob, segment, index }) => [blob, segment, index]),
    }),
  )

/** Each takes some fifty bytes. */
const ENCODED_MAX = 12_000

/** Undefined for what is no such thing: it comes over the network. */
export function decodeStanding(bytes: Uint8Array): FragmentStanding | undefined {
  try {
    const value = JSON.parse(toUtf8(bytes)) as Record<string, unknown> | null
    const verified = rowsIn(value?.['verified'], 4, VERIFIED_MAX)
    const repairing = rowsIn(value?.['repairing'], 2, REPAIRING_MAX)
    if (verified === undefined || repairing === undefined) return undefined
    return {
      verified: verified.map(({ blob, numbers: [segment = 0, index = 0, seat = 0, atMs = 0] }) => ({
        blob,
        segment,
        index,
        seat,
        atMs,
      })),
      repairing: repairing.map(({ blob, numbers: [segment = 0, index = 0] }) => ({
        blob,
        segment,
        index,
      })),
    }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

interface Row {
  readonly blob: string
  readonly numbers: readonly number[]
}

/** Each a blob, and so many numbers. */
function rowsIn(value: unknown, count: number, most: number): readonly Row[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined
  const rows: Row[] = []
  for (const row of value as readonly unknown[]) {
    const [blob, ...numbers] = Array.isArray(row) ? (row as readonly unknown[]) : []
    const areNumbers = numbers.length === count && numbers.every(isNatural)
    if (typeof blob !== 'string' || !areNumbers) return undefined
    rows.push({ blob, numbers: numbers as number[] })
  }
  return rows
}

const isNatural = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
