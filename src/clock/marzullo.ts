/** Where a source says the truth lies. */
export interface Claim {
  readonly low: number
  readonly high: number
}

/**
 * The region that at least `needed` claims cover, as the hull from its lowest to its highest point;
 * undefined if there is no such point. (Marzullo 1984, with the threshold given.)
 *
 * If at most f of m claims are false, the truth is covered by at least m - f of them, so it lies in
 * the hull for `needed = m - f`, whatever the false ones say. The region of *greatest* cover, which
 * is often taken instead, promises less: a liar that overlaps some of the honest claims can pull it
 * off the truth.
 */
export function hullOf(claims: readonly Claim[], needed: number): Claim | undefined {
  const edges = claims
    .flatMap(({ low, high }) => [
      { at: low, change: 1 },
      { at: high, change: -1 },
    ])
    // Where one claim ends and another begins, both hold.
    .toSorted((a, b) => a.at - b.at || b.change - a.change)
  let cover = 0
  let low: number | undefined
  let high = Number.NaN
  for (const { at, change } of edges) {
    if (change > 0 && cover + 1 >= needed) low ??= at
    if (change < 0 && cover >= needed) high = at
    cover += change
  }
  return low === undefined ? undefined : { low, high }
}

/** The most claims that any point has. */
export function greatestCover(claims: readonly Claim[]): number {
  const isCommon = (needed: number): boolean => hullOf(claims, needed) !== undefined
  let count = claims.length
  while (count > 0 && !isCommon(count)) count--
  return count
}

export const overlaps = (a: Claim, b: Claim): boolean => a.low <= b.high && b.low <= a.high

/** How many of `sources` may lie without being half of them or more. */
export const liarsOf = (sources: number): number => Math.max(0, Math.ceil(sources / 2) - 1)
