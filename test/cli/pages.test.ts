import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { type Failure, HoldfastError } from '../../src/index.ts'
import { root } from '../support/checkout.ts'

const page = readFileSync(join(root, 'docs', 'cli.md'), 'utf8')

test('docs/cli.md has every command, and none that is not there', () => {
  const program = createProgram(new AbortController().signal)
  const told = [...page.matchAll(/^\| `holdfast ([a-z]+)/gm)].map(([, name = '']) => name)
  assert.deepEqual(told.toSorted(), program.commands.map(command => command.name()).toSorted())
})

test('docs/cli.md explains every exit code', () => {
  const errors = readFileSync(join(root, 'src', 'base', 'errors.ts'), 'utf8')
  const codes = [...errors.matchAll(/code: '([A-Z_]+)'/g)].map(
    ([, code]) => code as Failure['code'],
  )
  const used = codes.map(code => exitCodeOf(new HoldfastError('', { code } as Failure)))
  for (const code of new Set([0, 130, 143, ...used]))
    assert.match(page, new RegExp(`^\\| (\\d+, )?${code}\\b.* \\|`, 'm'), String(code))
})

test('every command describes itself and its options', () => {
  const program = createProgram(new AbortController().signal)
  for (const command of [program, ...program.commands].flatMap(each => [each, ...each.commands])) {
    assert.notEqual(command.description(), '', command.name())
    for (const { flags, description } of command.options)
      assert.notEqual(description, '', `${command.name()} ${flags}`)
  }
})
