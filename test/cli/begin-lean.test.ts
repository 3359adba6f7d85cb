import assert from 'node:assert/strict'
import { test } from 'node:test'

import { beginLean, type Process } from '../../src/cli/begin-lean.ts'

type Call = Parameters<NonNullable<Process['execve']>>

/** What a process that was started so would become; undefined if it goes on as it is. */
function begun(options: Partial<Omit<Process, 'execve'>> = {}): Call | undefined {
  let call: Call | undefined
  const execve = ((...args: Call) => {
    call = args
    throw new Error('a sandbox forbids it')
  }) as NonNullable<Process['execve']>
  const argv = ['/bin/node', '/app/main.js', 'up', '--name', 'a b']
  beginLean({
    execPath: '/bin/node',
    execArgv: [],
    argv,
    env: { HOME: '/root' },
    ...options,
    execve,
  })
  return call
}

test('a peer begins anew as the same program with the same arguments', () => {
  const [file, args, env] = begun({ execArgv: ['--conditions=source'] }) ?? []
  assert.equal(file, '/bin/node')
  assert.equal(args?.[0], '/bin/node')
  assert.deepEqual(args?.slice(-5), ['--conditions=source', '/app/main.js', 'up', '--name', 'a b'])
  assert.match(args?.[1] ?? '', /^--max-semi-space-size=\d+$/)
  assert.equal(env?.['HOME'], '/root')
})

test('it does so once', () => {
  const [, , env] = begun() ?? []
  assert.equal(begun({ env: env ?? {} }), undefined)
})

test('what the user has said of memory stays said', () => {
  const flag = '--max-semi-space-size=64'
  assert.equal(begun({ execArgv: [flag] })?.[1]?.filter(arg => arg.includes('semi')).length, 1)
  const env = { NODE_OPTIONS: flag, MALLOC_ARENA_MAX: '8' }
  const [, args, given] = begun({ env }) ?? []
  assert.ok(!args?.some(arg => arg.includes('semi')))
  assert.equal(given?.['MALLOC_ARENA_MAX'], '8')
})
