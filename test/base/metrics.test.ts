import assert from 'node:assert/strict'
import { test } from 'node:test'

import { counter, gauge, histogram } from '../../src/base/metric.ts'
import { formatMetrics, Metrics } from '../../src/base/metrics.ts'

const tries = counter('holdfast_tries_total', 'Tries', { outcome: ['won', 'lost'] })
const height = gauge('holdfast_height_meters', 'Height', { tower: 2 })
const took = histogram('holdfast_took_seconds', 'Time', [0.1, 1])
const plain = gauge('holdfast_plain', 'A "plain" one, with \\ and\na break')

const textOf = (metrics: Metrics): string => formatMetrics(metrics.families())

test('metrics are told in the text format of Prometheus', () => {
  const metrics = new Metrics([tries, took, plain])
  metrics.add(tries, { outcome: 'won' })
  metrics.add(tries, { outcome: 'won' }, 2)
  for (const value of [0.05, 0.1, 0.5, 7]) metrics.observe(took, {}, value)
  metrics.read(plain, () => Infinity)
  assert.equal(
    textOf(metrics),
    `# HELP holdfast_tries_total Tries
# TYPE holdfast_tries_total counter
holdfast_tries_total{outcome="won"} 3
holdfast_tries_total{outcome="lost"} 0
# HELP holdfast_took_seconds Time
# TYPE holdfast_took_seconds histogram
holdfast_took_seconds_bucket{le="0.1"} 2
holdfast_took_seconds_bucket{le="1"} 3
holdfast_took_seconds_bucket{le="+Inf"} 4
holdfast_took_seconds_sum 7.65
holdfast_took_seconds_count 4
# HELP holdfast_plain A "plain" one, with \\\\ and\\na break
# TYPE holdfast_plain gauge
holdfast_plain +Inf
`,
  )
})

test('a label has no more values than it may, whoever chooses them', () => {
  const metrics = new Metrics([tries, height])
  for (let index = 0; index < 1_000; index++) metrics.add(tries, { outcome: `"${index}\n` })
  metrics.read(height, () => ['a', 'b', 'a', 'c'].map((tower, index) => [{ tower }, index]))
  const [counted, read] = metrics.families()
  assert.deepEqual(
    counted?.samples.map(({ labels, value }) => [labels['outcome'], value]),
    [
      ['won', 0],
      ['lost', 0],
      ['other', 1_000],
    ],
  )
  const towers = (): unknown => read?.samples.map(({ labels }) => labels['tower'])
  assert.deepEqual(towers(), ['a', 'b', 'a'])
})

test('what is read anew may have other values than before', () => {
  const metrics = new Metrics([height])
  for (const tower of ['a', 'b', 'c']) {
    metrics.read(height, () => [[{ tower }, 1]])
    assert.deepEqual(metrics.families()[0]?.samples[0]?.labels, { tower })
  }
})

test('peers of one process count for themselves', () => {
  const [one, other] = [new Metrics([tries]), new Metrics([tries])]
  one.add(tries, { outcome: 'lost' })
  assert.equal(
    other.families()[0]?.samples.find(({ value }) => value > 0),
    undefined,
  )
})

test('while nobody can tell a number there is none', () => {
  const metrics = new Metrics([plain, height])
  metrics.read(plain, () => undefined)
  assert.deepEqual(
    metrics.families().map(({ samples }) => samples),
    [[], []],
  )
})

for (const [what, define] of [
  ['a counter without _total', () => counter('holdfast_tries', 'x')],
  ['a gauge with _total', () => gauge('holdfast_tries_total', 'x')],
  ['a name of another program', () => gauge('nodejs_version', 'x')],
  ['buckets that do not ascend', () => histogram('holdfast_x_seconds', 'x', [1, 1])],
  ['a counter that falls', () => new Metrics([tries]).add(tries, { outcome: 'won' }, -1)],
  ['a metric nobody declared', () => new Metrics([]).add(tries, { outcome: 'won' })],
] as const)
  test(`${what} is a bug`, () => assert.throws(define, /holdfast_|nodejs_/))
