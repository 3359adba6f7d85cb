import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { type Findings, said } from '../../bench/report/experiment.ts'
import { draw } from '../../bench/report/plot.ts'
import { render, type Results } from '../../bench/report/render.ts'
import { root } from '../support/checkout.ts'

const folder = join(root, 'docs', 'report')
const files = readdirSync(folder)
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')
const results: Results = Object.fromEntries(
  files
    .filter(file => file.endsWith('.json'))
    .map(file => [
      file.slice(0, -'.json'.length),
      JSON.parse(read('docs', 'report', file)) as Findings,
    ]),
)

test('docs/report.md says what was measured; `npm run report` writes it anew', () =>
  assert.equal(read('docs', 'report.md'), render(read('bench', 'report', 'report.md'), results)))

test('every plot of the report is drawn from what was measured, and every file is one of them', () => {
  const plots = Object.entries(results).flatMap(([name, { plots: own }]) =>
    Object.entries(own).map(([what, plot]) => [`${name}-${what}.svg`, draw(plot)] as const),
  )
  for (const [file, drawn] of plots) assert.equal(read('docs', 'report', file), drawn)
  const named = [
    ...plots.map(([file]) => file),
    ...Object.keys(results).map(name => `${name}.json`),
  ]
  assert.deepEqual(files.toSorted(), named.toSorted())
})

test('what the report cites and was not measured is an error', () => {
  const found: Findings = {
    values: { x: 1 },
    tables: { t: { head: ['a'], rows: [[2]] } },
    plots: {},
  }
  assert.equal(render('{{a.x}} {{table a.t}}', { a: found }), '1 | a |\n|---|\n| 2 |')
  for (const cited of ['{{a.y}}', '{{b.x}}', '{{table a.x}}', '{{plot a.t}}'])
    assert.throws(() => render(cited, { a: found }), /not measured/)
})

for (const [value, text] of [
  [0, '0'],
  [12, '12'],
  [12_345.6, '12,346'],
  [1.2345, '1.23'],
  [0.05678, '0.0568'],
  [0.0000123, '1.2e-5'],
  [Number.NaN, '–'],
  ['x', 'x'],
] as const)
  test(`${value} is said as ${text}`, () => assert.equal(said(value), text))
