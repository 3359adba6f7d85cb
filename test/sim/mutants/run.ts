/**
 * Plants every bug of the catalog in turn and lets tests and the simulator look for it.
 *
 *     npm run mutants [-- --only SCENARIO or TEXT] [--seeds 2000]
 *
 * Prints which seed or test found it and how. Fails if one is not found.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { mutants } from './catalog.ts'
import type { Mutant } from './mutant.ts'

interface Found {
  /** The seed that found the bug, or that a test did; undefined if nothing did. */
  readonly seed: number | 'test' | undefined
  /** The check that failed. */
  readonly reason: string
}

interface Verdict extends Found {
  readonly mutant: Mutant
  readonly seconds: number
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seeds: { type: 'string', default: '2000' },
  },
})

const runner = join(import.meta.dirname, '../run.ts')
const plant = join(import.meta.dirname, 'plant.ts')

/** Runs Node with the mutant planted. */
function runPlanted(
  mutant: Mutant,
  args: readonly string[],
): Promise<{ code: number | null; output: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--conditions=source', '--import', plant, ...args], {
      env: { ...process.env, HOLDFAST_MUTANT: mutant.name },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    child.on('exit', code => resolve({ code, output }))
  })
}

/** The tests first, if there are any for it; then seeds until one of them fails. */
async function hunt(mutant: Mutant): Promise<Verdict> {
  const startedMs = Date.now()
  const found = (await huntByTests(mutant)) ?? (await huntBySeeds(mutant))
  return { mutant, ...found, seconds: (Date.now() - startedMs) / 1000 }
}

/** The first test that fails; undefined if none does. */
async function huntByTests(mutant: Mutant): Promise<Found | undefined> {
  if (mutant.tests === undefined) return undefined
  const files = mutant.tests.map(path => join(import.meta.dirname, '../..', path))
  const args = ['--test', '--test-isolation=none', '--test-reporter=tap', ...files]
  const { code, output } = await runPlanted(mutant, args)
  const [, reason] = /^ *not ok \d+ - (.*)/m.exec(output) ?? []
  return code === 0 || reason === undefined ? undefined : { seed: 'test', reason }
}

async function huntBySeeds(mutant: Mutant): Promise<Found> {
  const search = ['--scenario', mutant.scenario, '--seeds', values.seeds]
  const { code, output } = await runPlanted(mutant, [runner, '--jobs', '1', ...search])
  const [, seed, reason = 'the runner failed'] = /seed (\d+) failed\n(.*)/.exec(output) ?? []
  if (code === 1 && seed !== undefined) return { seed: Number(seed), reason }
  return { seed: undefined, reason: code === 0 ? 'NOT FOUND' : output.trim().slice(-200) }
}

/** A few at a time, in the order of the catalog. */
async function huntAll(chosen: readonly Mutant[], report: (verdict: Verdict) => void) {
  const waiting = [...chosen]
  const hunters = Array.from({ length: availableParallelism() }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      report(await hunt(next))
    }
  })
  await Promise.all(hunters)
}

const chosen = mutants.filter(
  ({ name, scenario }) => scenario === values.only || name.includes(values.only),
)
const width = Math.max(...chosen.map(({ name }) => name.length))
let missed = 0
console.log(`${'planted bug'.padEnd(width)}   seed       s  found as`)
await huntAll(chosen, ({ mutant, seed, reason, seconds }) => {
  if (seed === undefined) missed++
  const found = seed === undefined ? '-' : String(seed)
  console.log(
    `${mutant.name.padEnd(width)} ${found.padStart(6)} ${seconds.toFixed(1).padStart(7)}  ${reason}`,
  )
})
console.log(`${chosen.length - missed} of ${chosen.length} planted bugs found`)
process.exitCode = missed === 0 ? 0 : 1
