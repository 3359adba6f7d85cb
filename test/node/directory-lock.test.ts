import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { HoldfastError } from '../../src/base/errors.ts'
import { lockDirectory } from '../../src/node/directory-lock.ts'
import { rejectsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'

test('a directory is locked once, and by whom is said', () =>
  withDirectory(async directory => {
    const release = await lockDirectory(directory)
    await assert.rejects(lockDirectory(directory), (error: unknown) => {
      const { details } = error as HoldfastError
      assert.deepEqual(details, { code: 'DIRECTORY_LOCKED', path: directory, pid: process.pid })
      return true
    })
    await release()
    assert.deepEqual(readdirSync(directory), [])
    await (
      await lockDirectory(directory)
    )()
  }))

/** A process that has been, and is gone. */
const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid

for (const [what, content] of [
  ['a process that is gone', () => JSON.stringify({ pid: deadPid(), startedAt: '1' })],
  ['nobody: it is empty', () => ''],
  ['nobody: it is half written', () => '{"pid":'],
  ['no possible process', () => '{"pid":-1}'],
] as const)
  test(`the lock of ${what} is cleared away`, () =>
    withDirectory(async directory => {
      writeFileSync(join(directory, 'lock.1'), content())
      const release = await lockDirectory(directory)
      assert.match(readFileSync(join(directory, 'lock.2'), 'utf8'), new RegExp(`${process.pid}`))
      await release()
      assert.deepEqual(readdirSync(directory), [])
    }))

test(
  'the lock of another process with the same pid is cleared away',
  { skip: !existsSync('/proc/self/stat') },
  () =>
    withDirectory(async directory => {
      const owner = { pid: process.ppid, startedAt: '1' }
      writeFileSync(join(directory, 'lock.1'), JSON.stringify(owner))
      await (
        await lockDirectory(directory)
      )()
    }),
)

test('of many who find a dead lock at once exactly one gets it', () =>
  withDirectory(async directory => {
    const stale = JSON.stringify({ pid: deadPid(), startedAt: '1' })
    writeFileSync(join(directory, 'lock.1'), stale)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => lockDirectory(directory)),
    )
    const taken = outcomes.filter(outcome => outcome.status === 'fulfilled')
    assert.equal(taken.length, 1)
    await rejectsWith('DIRECTORY_LOCKED', lockDirectory(directory))
    assert.deepEqual(readdirSync(directory), ['lock.2'])
  }))
