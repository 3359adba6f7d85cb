import { checkScheme, type Scheme } from './scheme.ts'

/**
 * What a scheme promises, if peers fail independently of one another. They do not: a zone, a
 * provider or a release takes several at once. So these numbers compare schemes; they foretell
 * nothing.
 */

/** Years behind `nines`; the mean length of a year of our calendar. */
const HOURS_PER_YEAR = 8765.82

/** The probability that fewer than k of the k + m fragments are on peers that are up. */
export function unreadableProbability({ k, m }: Scheme, uptime: number): number {
  checkScheme({ k, m })
  if (!(uptime >= 0 && uptime <= 1)) throw new RangeError(`Uptime is from 0 to 1, not ${uptime}`)
  if (uptime === 0 || uptime === 1) return 1 - uptime
  const count = k + m
  let sum = 0
  for (let up = 0; up < k; up++)
    sum += Math.exp(
      logarithmOfChoices(count, up) + up * Math.log(uptime) + (count - up) * Math.log1p(-uptime),
    )
  return sum
}

/**
 * Mean time until a segment is lost, in the unit of the two arguments: fragments fail at rate
 * 1 / `meanTimeToFailure` each, and while i are missing they come back at i / `meanTimeToRepair`.
 * h_i is the mean time to get from i to i + 1 missing.
 */
export function meanTimeToLoss(
  { k, m }: Scheme,
  meanTimeToFailure: number,
  meanTimeToRepair: number,
): number {
  checkScheme({ k, m })
  let total = 0
  let step = 0
  for (let missing = 0; missing <= m; missing++) {
    const failures = (k + m - missing) / meanTimeToFailure
    const repairs = missing / meanTimeToRepair
    step = (1 + repairs * step) / failures
    total += step
  }
  return total
}

/** How many nines of a year's durability: log10 of the mean time to loss in years. */
export const nines = (meanTimeToLossHours: number): number =>
  Math.log10(meanTimeToLossHours / HOURS_PER_YEAR)

/** log of n over r, the ways to choose r of n. */
function logarithmOfChoices(n: number, r: number): number {
  let sum = 0
  for (let step = 1; step <= r; step++) sum += Math.log((n - r + step) / step)
  return sum
}
