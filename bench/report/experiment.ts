/** What an experiment finds: numbers by name, tables and plots, all of which the report refers to. */
export interface Findings {
  /** Cited in the text as `{{experiment.name}}`. */
  readonly values: Readonly<Record<string, number>>
  /** `{{table experiment.name}}` */
  readonly tables: Readonly<Record<string, Table>>
  /** `{{plot experiment.name}}`, a file of its own. */
  readonly plots: Readonly<Record<string, Plot>>
}

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly (number | string)[])[]
}

export interface Plot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
}

interface Axis {
  readonly label: string
  /** @default false */
  readonly isLogarithmic?: boolean
}

interface Line {
  readonly name: string
  readonly points: readonly (readonly [number, number])[]
}

export interface Experiment {
  readonly name: string
  /** A quick run is there to see that all works; its numbers mean nothing. */
  readonly run: (isQuick: boolean) => Promise<Findings>
}

/** A number as a reader wants it: three digits that count, thousands apart. */
export function said(value: number | string): string {
  if (typeof value === 'string') return value
  if (!Number.isFinite(value)) return '–'
  if (Number.isInteger(value) || Math.abs(value) >= 1000)
    return Math.round(value).toLocaleString('en')
  if (Math.abs(value) < 0.0005) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}

/** Kept in files with no more digits than they are worth. */
export const rounded = (value: number): number => Number(value.toPrecision(4))

export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
