import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { Transcript } from '../consensus/transcript.ts'

/**
 * Each file in this directory is a story in commands and what they print:
 *
 *     # Why it matters.
 *     command
 *     ----
 *     what it does
 *
 * `HOLDFAST_REWRITE=1 npm test` writes what is printed now; commit only a difference you understand.
 */
function replayed(text: string): string {
  const transcript = new Transcript()
  return text
    .split(/\n\n+/)
    .map(block => block.trimEnd())
    .filter(block => block !== '')
    .map(block => replayBlock(transcript, block))
    .join('\n\n')
    .concat('\n')
}

function replayBlock(transcript: Transcript, block: string): string {
  const [head = ''] = block.split('\n----')
  const commands = head.split('\n').filter(line => !line.startsWith('#') && line !== '')
  if (commands.length === 0) return head
  const output = commands.map(command => transcript.play(command)).filter(text => text !== 'ok')
  return `${head}\n----\n${output.length === 0 ? 'ok' : output.join('\n')}`
}

for (const name of readdirSync(import.meta.dirname)) {
  if (!name.endsWith('.txt')) continue
  const path = join(import.meta.dirname, name)
  test(`a group of replicas does what ${name} tells`, () => {
    const expected = readFileSync(path, 'utf8')
    const actual = replayed(expected)
    if (process.env['HOLDFAST_REWRITE'] === '1') writeFileSync(path, actual)
    else assert.equal(actual, expected)
  })
}
