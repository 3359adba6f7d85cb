import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Settings } from '../../src/cli/settings.ts'
import { whereToJoin } from '../../src/cli/up-invite.ts'
import { createLog, type LogLine } from '../../src/index.ts'
import { rejectsWith, failsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'

const lines: LogLine[] = []
const log = createLog(
  'debug',
  line => lines.push(line),
  () => 0,
)
/** What `up` would wait for. */
const waiting = (settings: Settings, signal = new AbortController().signal) => {
  const found = whereToJoin(settings, log)
  if (typeof found !== 'function') throw new Error('nothing is waited for')
  return found(signal)
}

test('an invite that is given is taken as it is', () => {
  assert.equal(whereToJoin({ join: 'hf1x' }, log), 'hf1x')
  assert.equal(whereToJoin({}, log), undefined)
})

for (const [what, settings] of [
  ['an invite beside a file with one', { join: 'hf1x', 'join-file': '/none' }],
  ['a founder without a file to wait for', { founder: 'a' }],
] as const)
  test(`${what} is refused`, () => failsWith('CONFIG_INVALID', () => whereToJoin(settings, log)))

test('the invite in the file is taken, by a founder too', () =>
  withDirectory(async directory => {
    const file = join(directory, 'token')
    writeFileSync(file, '  hf1abc\n')
    assert.equal(await waiting({ 'join-file': file }), 'hf1abc')
    assert.equal(await waiting({ 'join-file': file, founder: 'a', name: 'a' }), 'hf1abc')
  }))

test('without an invite only the founder goes on, to make a network', () =>
  withDirectory(async directory => {
    const file = join(directory, 'token')
    const settings = { 'join-file': file, founder: 'a' }
    assert.equal(await waiting({ ...settings, name: 'a' }), undefined)
    writeFileSync(file, '\n')
    assert.equal(await waiting({ ...settings, name: 'a' }), undefined)
    const ending = new AbortController()
    const found = waiting({ ...settings, name: 'b' }, ending.signal)
    ending.abort(new Error('told to stop'))
    await assert.rejects(found, /told to stop|aborted/)
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['waiting for an invite'],
    )
  }))

test('a file that cannot be an invite is refused with its name', () =>
  withDirectory(async directory => {
    const file = join(directory, 'token')
    writeFileSync(file, 'x'.repeat(5000))
    await rejectsWith('CONFIG_INVALID', waiting({ 'join-file': file }))
    mkdirSync(join(directory, 'folder'))
    await rejectsWith('FILE_FORBIDDEN', waiting({ 'join-file': join(directory, 'folder') }))
  }))
