/**
 * Plants every bug of the catalog in turn and lets the simulator look for it.
 *
 *     npm run mutants [-- --only SCENARIO or TEXT] [--seeds 2000]
 *
 * Prints which seed found it and how. Fails if one is not found.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { mutants } from './catalog.ts'
import type { Mutant } from './mutant.ts'

interface Verdict {
  readonly mutant: Mutant
  /** The seed that found the bug; undefined if none did. */
  readonly seed: number | undefined
  readonly reason: string
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

/** Plays seeds with the mutant planted until one of them fails. */
function hunt(mutant: Mutant): Promise<Verdict> {
  const startedMs = Date.now()
  const args = ['--conditions=source', '--import', plant, runner, '--jobs', '1']
  const search = ['--scenario', mutant.scenario, '--seeds', values.seeds]
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...args, ...search], {
      env: { ...process.env, HOLDFAST_MUTANT: mutant.name },
    })
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.on('exit', code => {
      const [, seed, reason = 'the runner failed'] = /seed (\d+) failed\n(.*)/.exec(output) ?? []
      const isFound = code === 1 && seed !== undefined
      resolve({
        mutant,
        seed: isFound ? Number(seed) : undefined,
        reason: code === 0 ? 'NOT FOUND' : isFound ? reason : output.trim().slice(-200),
        seconds: (Date.now() - startedMs) / 1000,
      })
    })
  })
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
