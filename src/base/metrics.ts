import { assert } from './assert.ts'
import { type LabelValues, type Metric, OTHER } from './metric.ts'

/** A metric with its numbers. */
export interface MetricFamily {
  readonly name: string
  readonly kind: Metric['kind']
  readonly help: string
  readonly samples: readonly MetricSample[]
}

export interface MetricSample {
  /** The family's name; of a histogram with `_bucket`, `_sum` or `_count` behind it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Labels<Label extends string> = Readonly<Record<Label, string>>
export type Reading<Label extends string> = readonly [labels: Labels<Label>, value: number]
/** Reads a metric when it is asked for; undefined while there is nothing to tell. */
export type Reader<Label extends string> = () => number | readonly Reading<Label>[] | undefined

/**
 * The numbers of one peer. Counters and histograms are added to as things happen; whatever somebody
 * keeps count of anyway is read when it is asked for. It knows neither time nor anything outside.
 *
 * The number of series is bounded by what the labels may be: values beyond that are counted together
 * as `other`, and left out where they are read.
 */
export class Metrics {
  readonly #families: ReadonlyMap<Metric, Family>

  /** @param metrics everything that will be counted here, in the order they are told in */
  constructor(metrics: readonly Metric[]) {
    this.#families = new Map(metrics.map(metric => [metric, new Family(metric)]))
  }

  add<Label extends string>(
    metric: Metric<'counter', Label>,
    labels: Labels<NoInfer<Label>>,
    by = 1,
  ): void {
    assert(by >= 0, `${metric.name} cannot fall`)
    this.#family(metric).cell(labels).sum += by
  }

  observe<Label extends string>(
    metric: Metric<'histogram', Label>,
    labels: Labels<NoInfer<Label>>,
    value: number,
  ): void {
    const cell = this.#family(metric).cell(labels)
    cell.sum += value
    cell.count++
    const bucket = metric.buckets.findIndex(bound => value <= bound)
    if (bucket >= 0) cell.buckets[bucket] = (cell.buckets[bucket] ?? 0) + 1
  }

  /** Reads a metric from now on; what was read before is not. */
  read<Label extends string>(
    metric: Metric<'counter' | 'gauge', Label>,
    reader: Reader<NoInfer<Label>>,
  ): void {
    this.#family(metric).reader = reader
  }

  families(): readonly MetricFamily[] {
    return [...this.#families.values()].map(family => family.snapshot())
  }

  #family(metric: Metric): Family {
    const family = this.#families.get(metric)
    assert(family !== undefined, `${metric.name} is not among the metrics here`)
    return family
  }
}

interface Cell {
  readonly labels: Readonly<Record<string, string>>
  sum: number
  count: number
  /** How many fell into each bucket, not into those before it. */
  readonly buckets: number[]
}

class Family {
  reader: Reader<string> | undefined
  readonly #metric: Metric
  readonly #cells = new Map<string, Cell>()
  /** Of each label that may have any value: those it has had. */
  readonly #seen = new Map<string, Set<string>>()

  constructor(metric: Metric) {
    this.#metric = metric
    for (const labels of knownBefore(metric)) this.cell(labels)
  }

  cell(given: Readonly<Record<string, string>>): Cell {
    const key = Object.keys(this.#metric.labels)
      .map(name => this.#fitting(name, given[name] ?? OTHER) ?? OTHER)
      .join('\n')
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    const values = key.split('\n')
    const labels = Object.fromEntries(
      Object.keys(this.#metric.labels).map((name, index) => [name, values[index] ?? OTHER]),
    )
    const made = { labels, sum: 0, count: 0, buckets: this.#metric.buckets.map(() => 0) }
    this.#cells.set(key, made)
    return made
  }

  snapshot(): MetricFamily {
    const { name, kind, help } = this.#metric
    const samples = this.reader === undefined ? this.#counted() : this.#read(this.reader)
    return { name, kind, help, samples }
  }

  #counted(): MetricSample[] {
    const { kind, name } = this.#metric
    const cells = [...this.#cells.values()]
    if (kind === 'histogram') return cells.flatMap(cell => this.#distribution(cell))
    // A gauge that nobody reads has nothing to tell.
    return kind === 'gauge' ? [] : cells.map(({ labels, sum }) => ({ name, labels, value: sum }))
  }

  #distribution({ labels, sum, count, buckets }: Cell): MetricSample[] {
    const { name, buckets: bounds } = this.#metric
    let below = 0
    const upTo = bounds.map((bound, index) => {
      below += buckets[index] ?? 0
      return { name: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below }
    })
    return [
      ...upTo,
      { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
      { name: `${name}_sum`, labels, value: sum },
      { name: `${name}_count`, labels, value: count },
    ]
  }

  #read(reader: Reader<string>): MetricSample[] {
    const { name, labels: allowed } = this.#metric
    const read = reader()
    const readings = typeof read === 'number' ? [[{}, read] as const] : (read ?? [])
    this.#seen.clear()
    return readings
      .filter(([labels]) =>
        Object.keys(allowed).every(label => this.#fitting(label, labels[label]) !== undefined),
      )
      .map(([labels, value]) => ({ name, labels, value }))
  }

  /** The value, if the label may have it. */
  #fitting(label: string, value: string | undefined): string | undefined {
    const allowed: LabelValues = this.#metric.labels[label] ?? []
    if (value === undefined) return undefined
    if (typeof allowed !== 'number') return allowed.includes(value) ? value : undefined
    const seen = this.#seen.get(label) ?? new Set()
    this.#seen.set(label, seen)
    if (!seen.has(value) && seen.size >= allowed) return undefined
    seen.add(value)
    return value
  }
}

/** Series that are there from the start, so that their first event is seen as a rise from zero. */
function knownBefore({ labels }: Metric): readonly Readonly<Record<string, string>>[] {
  const [first, ...more] = Object.entries(labels)
  if (first === undefined) return [{}]
  const [label, values] = first
  return more.length > 0 || typeof values === 'number'
    ? []
    : values.map(each => ({ [label]: each }))
}

/** As Prometheus reads it, text format 0.0.4. */
export const formatMetrics = (families: readonly MetricFamily[]): string =>
  families
    .flatMap(({ name, kind, help, samples }) => [
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${kind}`,
      ...samples.map(formatSample),
    ])
    .map(line => `${line}\n`)
    .join('')

function formatSample({ name, labels, value }: MetricSample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${formatValue(value)}`
}

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const formatValue = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
