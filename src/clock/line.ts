/** A measured point: the error of `y` is at most `error`. */
export interface Point {
  readonly x: number
  readonly y: number
  readonly weight: number
  readonly error: number
}

/** y = at + slope · (x - x0). */
export interface Line {
  readonly x0: number
  readonly at: number
  readonly slope: number
  /** The most the slope can be off if every point is within its `error` of a true line. */
  readonly slopeError: number
}

/**
 * Weighted least squares. Without two different `x` the slope is 0 and may be off by anything.
 *
 * The slope is a weighted sum of the `y`, so its worst error is the sum of their worst errors times
 * the absolute weights: no assumption about how errors are distributed, liars within their bounds
 * included.
 */
export function fitLine(points: readonly Point[]): Line {
  const sum = (of: (point: Point) => number): number =>
    points.reduce((total, point) => total + point.weight * of(point), 0)
  const total = sum(() => 1)
  const x0 = sum(({ x }) => x) / total
  const at = sum(({ y }) => y) / total
  const spread = sum(({ x }) => (x - x0) ** 2)
  if (!(spread > 0)) return { x0, at, slope: 0, slopeError: Number.POSITIVE_INFINITY }
  const slope = sum(({ x, y }) => (x - x0) * (y - at)) / spread
  const slopeError = sum(({ x, error }) => Math.abs(x - x0) * error) / spread
  return { x0, at, slope, slopeError }
}

export const valueAt = ({ x0, at, slope }: Line, x: number): number => at + slope * (x - x0)
