/**
 * `npm run report`: all experiments of docs/report.md from scratch; writes their numbers, tables and
 * plots into docs/report, and the report itself. Close everything else first.
 *
 *     npm run report [-- --quick] [--only failures,clock]
 *
 * A quick run takes a minute and writes into a folder that it names: its numbers mean nothing.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { clock } from './clock.ts'
import { consensus } from './consensus.ts'
import { consistency } from './consistency.ts'
import type { Experiment, Findings } from './experiment.ts'
import { failures } from './failures.ts'
import { draw } from './plot.ts'
import { redundancy } from './redundancy.ts'
import { render, type Results } from './render.ts'
import { scale } from './scale.ts'

const experiments: readonly Experiment[] = [
  failures,
  redundancy,
  consistency,
  clock,
  consensus,
  scale,
]
const root = join(import.meta.dirname, '..', '..')

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const docs = values.quick ? mkdtempSync(join(tmpdir(), 'holdfast-report-')) : join(root, 'docs')
const folder = join(docs, 'report')

function keep(name: string, findings: Findings): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(findings, undefined, 2)}\n`)
  for (const old of readdirSync(folder)) if (old.startsWith(`${name}-`)) rmSync(join(folder, old))
  for (const [what, plot] of Object.entries(findings.plots))
    writeFileSync(join(folder, `${name}-${what}.svg`), draw(plot))
}

mkdirSync(folder, { recursive: true })
const begunMs = performance.now()
const wanted = values.only?.split(',') ?? experiments.map(({ name }) => name)
for (const { name, run } of experiments.filter(each => wanted.includes(each.name))) {
  const startMs = performance.now()
  keep(name, await run(values.quick))
  console.log(`${name}: ${((performance.now() - startMs) / 1000).toFixed(0)} s`)
}
{
  const machine: Findings = {
    values: {
      minutes: Math.ceil((performance.now() - begunMs) / 60_000),
      cores: availableParallelism(),
      node: Number(process.versions.node.split('.')[0]),
    },
    tables: { processor: { head: ['processor'], rows: [[cpus()[0]?.model ?? 'unknown']] } },
    plots: {},
  }
  keep('machine', machine)
}
const results: Results = Object.fromEntries(
  readdirSync(folder)
    .filter(file => file.endsWith('.json'))
    .map(file => [
      file.slice(0, -'.json'.length),
      JSON.parse(readFileSync(join(folder, file), 'utf8')) as Findings,
    ]),
)
const template = readFileSync(join(import.meta.dirname, 'report.md'), 'utf8')
if (
  experiments.every(({ name }) => results[name] !== undefined) &&
  results['machine'] !== undefined
)
  writeFileSync(join(docs, 'report.md'), render(template, results))
console.log(`written: ${docs}`)
process.exit()
