import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Command } from 'commander'

import { createProgram } from '../../src/cli/program.ts'
import { settingNames } from '../../src/cli/settings.ts'
import { pickScheme } from '../../src/erasure/pick-scheme.ts'
import { root } from '../support/checkout.ts'

const page = readFileSync(join(root, 'docs', 'operating.md'), 'utf8')
const program = createProgram(new AbortController().signal)

/** What is typed on the page: in blocks for a shell, and in the text. */
const typed = [...page.matchAll(/(?:^|`)holdfast ([^\n`#]+)/gm)]
  .map(([, args = '']) => args.replace(/\s(#|>).*$/, '').trim())
  .filter(args => args !== '…')

function commandOf(words: string[]): Command {
  const found = program.commands.find(command => command.name() === words[0])
  assert.ok(found, words[0])
  const below = found.commands.find(command => command.name() === words[1])
  return below ?? found
}

test('every command on docs/operating.md is there, with its options', () => {
  assert.ok(typed.length > 20)
  for (const line of typed) {
    const words = line.split(/\s+/)
    const flags = words.filter(word => word.startsWith('--'))
    const command = commandOf(words)
    const known = command.options.map(({ long }) => long)
    assert.deepEqual(
      flags.filter(flag => flag !== '--help' && !known.includes(flag)),
      [],
      line,
    )
  }
})

test('every variable and flag of a peer on docs/operating.md is a setting', () => {
  const told = [...page.matchAll(/HOLDFAST_(\w+)/g)].map(([, name = '']) => name)
  const known = settingNames.map(name => name.toUpperCase().replaceAll('-', '_'))
  assert.deepEqual(
    told.filter(name => !known.includes(name)),
    [],
  )
})

test('docs/operating.md says what scheme a network of a size has', () => {
  const rows = [...page.matchAll(/^\| (\d+) \| (\d+) \+ (\d+) \| ([\d.]+) × \| (\w+) \|$/gm)]
  assert.ok(rows.length >= 5)
  for (const [, peers, k, m, room, lost] of rows) {
    const scheme = pickScheme(Number(peers))
    assert.deepEqual([scheme.k, scheme.m], [Number(k), Number(m)])
    assert.equal(Number(room), (scheme.k + scheme.m) / scheme.k)
    assert.equal(lost === 'none' ? 0 : Number(lost), scheme.m)
  }
})

test('every link within docs/operating.md leads somewhere', () => {
  const places = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  )
  for (const [, place = ''] of page.matchAll(/\(#([^)]+)\)/g))
    assert.ok(places.includes(place), place)
})
