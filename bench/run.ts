/**
 * Runs benches by name: `npm run bench -- wal`. Without a name, lists them. Each prints tables and
 * writes bench/results/NAME.json. Close everything else first: the machine is part of the answer.
 */
import { readdirSync } from 'node:fs'

const helpers = new Set(['run.ts', 'harness.ts'])
const names = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts') && !helpers.has(file))
  .map(file => file.slice(0, -'.ts'.length))

// What follows the first option belongs to options.
const args = process.argv.slice(2)
const firstOption = args.findIndex(argument => argument.startsWith('-'))
const wanted = firstOption < 0 ? args : args.slice(0, firstOption)
const unknown = wanted.filter(name => !names.includes(name))
if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no bench is called ${unknown.join(', ')}`)
  console.error(`npm run bench -- NAME …, where NAME is one of: ${names.join(', ')}`)
  process.exitCode = 2
} else {
  for (const name of wanted) await import(`./${name}.ts`)
}
