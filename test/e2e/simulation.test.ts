import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const runner = join(import.meta.dirname, '../sim/run.ts')

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the simulator in a process of its own. */
function simulate(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
  nodeArgs: readonly string[] = [],
): Promise<Outcome> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...nodeArgs, runner, ...args], { env: environment })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('exit', code => resolve({ code, stdout, stderr }))
  })
}

test('200 seeds leave the same traces in two processes', { timeout: 120_000 }, async () => {
  const args = ['--scenario', 'wal', '--seeds', '200', '--minutes', '0.05', '--hashes']
  const [first, second] = await Promise.all([
    simulate([...args, '--jobs', '1']),
    simulate([...args, '--jobs', '1']),
  ])
  assert.equal(first.code, 0, first.stderr)
  const lines = first.stdout.trim().split('\n')
  assert.equal(lines.length, 200)
  assert.equal(new Set(lines.map(line => line.split(' ')[1])).size, 200)
  assert.equal(second.stdout, first.stdout)
})

test('a failing seed is named with the command that replays it', async () => {
  const plant = join(import.meta.dirname, '../sim/mutants/plant.ts')
  const environment = { ...process.env, HOLDFAST_MUTANT: 'remove a segment too early' }
  const args = ['--scenario', 'wal', '--seeds', '50']
  const failed = await simulate(args, environment, ['--import', plant])
  assert.equal(failed.code, 1)
  const [, replay, seed] = /replay: npm run sim -- (.* --seed (\d+))/.exec(failed.stderr) ?? []
  assert.ok(replay !== undefined && seed !== undefined, failed.stderr)
  const again = await simulate(replay.split(' '), environment, ['--import', plant])
  assert.match(again.stderr, new RegExp(`seed ${seed} failed`))
})

test('an unknown scenario, or a number that is none, is refused with the choice', async () => {
  const unknown = await simulate(['--scenario', 'weather'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /--scenario is one of: .*wal/)
  assert.equal((await simulate(['--scenario', 'wal', '--seeds', 'many'])).code, 2)
})
