import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { ProtocolNames } from '../../src/net/protocol-names.ts'
import { root } from '../support/checkout.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const page = read('docs/protocol.md')

/** Without what makes a comment of it, and without the width of its margin. */
const bare = (text: string): string =>
  text
    .split('\n')
    .map(line => line.replace(/^\s*\/?\*+ ?/, '').trim())
    .join('\n')

test('every drawing on docs/protocol.md is the one in its source', () => {
  const drawings = [...page.matchAll(/^```text (\S+)\n([\s\S]*?)\n```$/gm)]
  assert.ok(drawings.length > 12)
  for (const [, path = '', drawing = ''] of drawings)
    assert.ok(bare(read(path)).includes(bare(drawing)), `${path}:\n${drawing}`)
})

test('docs/protocol.md has the names of the protocols on streams', () => {
  const names = new ProtocolNames('ID')
  for (const name of [names.datagram, names.request, names.join, names.stream, names.kad])
    assert.ok(page.includes(`| \`${name}\` |`), name)
})

test('every name of a protocol on docs/protocol.md is in its source', () => {
  const rows = [...page.matchAll(/^\| `([^`/][^`]*)` \| .+ \| `(src\/[^`]+)` \|$/gm)]
  assert.ok(rows.length >= 10)
  for (const [, name = '', path = ''] of rows) assert.ok(read(path).includes(`'${name}'`), name)
})

test('every version on docs/protocol.md is the one in its source', () => {
  const rows = [...page.matchAll(/^\| [^|`]+ \| (\d+) \| `(src\/[^`]+)` \|$/gm)]
  assert.ok(rows.length >= 5)
  for (const [, version = '', path = ''] of rows)
    assert.match(read(path), new RegExp(`const VERSION = ${version}\\b`), path)
  const [, ...all] = /: least, most, spoken \| (\d+), (\d+), (\d+) \|/.exec(page) ?? []
  const [min, max, current] = all
  const text = `PROTOCOL = { min: ${min}, max: ${max}, current: ${current} }`
  assert.ok(read('src/node/bring-up.ts').includes(text))
})
