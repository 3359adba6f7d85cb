import { assert } from './assert.ts'

/**
 * What is measured: a name, a sentence, and the few values its labels may have. A metric is a
 * constant beside what it measures; `Metrics` has the numbers, one of them per peer.
 */
export interface Metric<Kind extends MetricKind = MetricKind, Label extends string = string> {
  readonly kind: Kind
  /** `holdfast_`, what it is, its unit (`_seconds`, `_bytes`), and `_total` on counters. */
  readonly name: string
  /** One sentence without a full stop. */
  readonly help: string
  readonly labels: Readonly<Record<Label, LabelValues>>
  /** Of a histogram: upper bounds, ascending. */
  readonly buckets: readonly number[]
}

export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** The values that a label may have: these, or whichever come, but no more than so many. */
export type LabelValues = readonly string[] | number

/** What values beyond those that a label may have are counted under. */
export const OTHER = 'other'

/** Of what ends within the blink of an eye, or should: 1 ms to 10 s. */
export const LATENCY: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
/** Of single steps on a disk or in a turn of the event loop: 0.1 ms to 1 s. */
export const QUICK: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
]

/** Something that only grows. */
export const counter = <Label extends string = never>(
  name: string,
  help: string,
  labels?: Readonly<Record<Label, LabelValues>>,
): Metric<'counter', Label> => define({ kind: 'counter', name, help, labels })

/** Something as it is now. */
export const gauge = <Label extends string = never>(
  name: string,
  help: string,
  labels?: Readonly<Record<Label, LabelValues>>,
): Metric<'gauge', Label> => define({ kind: 'gauge', name, help, labels })

/** How often something took how much. */
export const histogram = <Label extends string = never>(
  name: string,
  help: string,
  buckets: readonly number[],
  labels?: Readonly<Record<Label, LabelValues>>,
): Metric<'histogram', Label> => define({ kind: 'histogram', name, help, buckets, labels })

function define<Kind extends MetricKind, Label extends string>({
  kind,
  name,
  help,
  buckets = [],
  labels,
}: {
  readonly kind: Kind
  readonly name: string
  readonly help: string
  readonly buckets?: readonly number[]
  readonly labels: Readonly<Record<Label, LabelValues>> | undefined
}): Metric<Kind, Label> {
  assert(/^holdfast_[a-z0-9_]*[a-z0-9]$/.test(name), `${name} is no name of a metric`)
  assert(name.endsWith('_total') === (kind === 'counter'), `${name} is not named like a ${kind}`)
  assert(
    buckets.every((bound, index) => bound > (buckets[index - 1] ?? -Infinity)),
    `the buckets of ${name} do not ascend`,
  )
  return { kind, name, help, buckets, labels: labels ?? ({} as Record<Label, LabelValues>) }
}
