import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { mutants } from './mutants/catalog.ts'
import { planted } from './mutants/plant.ts'

test('every planted bug still finds its place in the source', () => {
  for (const mutant of mutants) {
    const source = readFileSync(join(import.meta.dirname, '../../src', mutant.file), 'utf8')
    assert.notEqual(planted(source, mutant), source)
  }
})

test('a planted bug that fits nowhere is refused', () => {
  const [mutant] = mutants
  assert.ok(mutant !== undefined)
  assert.throws(() => planted('something else', mutant), /finds its place 0 times/)
})
