import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { root } from '../../support/checkout.ts'
import { eventually } from '../../support/processes.ts'

const STORY_MS = 220_000

test('the demo tells its story, stays until Ctrl-C, and leaves nothing behind', async () => {
  const demo = spawn('node', ['--conditions=source', join(root, 'scripts', 'demo.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [demo.stdout, demo.stderr])
    stream.on('data', text => (output += String(text)))
  const exited = once(demo, 'exit')
  try {
    const isOver = async (): Promise<boolean> =>
      output.includes('Ctrl-C stops') || demo.exitCode !== null
    await eventually(isOver, STORY_MS, () => output)
    assert.equal(demo.exitCode, null, output)
    for (const said of [
      /spread over all of them/,
      /dulse and nori were killed/,
      /byte for byte what was stored/,
      /whole again after/,
      / repair +done /,
    ])
      assert.match(output, said)
    const addresses = [...output.slice(output.indexOf('It is yours')).matchAll(/ (http:\S+) /g)]
    assert.equal(addresses.length, 6)
    for (const [, url = ''] of addresses) assert.equal((await fetch(`${url}/readyz`)).status, 200)

    const started = performance.now()
    demo.kill('SIGINT')
    assert.deepEqual(await exited, [0, null], output)
    assert.ok(performance.now() - started < 30_000)
    for (const [, url = ''] of addresses) await assert.rejects(fetch(`${url}/readyz`))
    const [, folder = ''] = /(\S+)\/kelp$/m.exec(output) ?? []
    assert.equal(existsSync(folder), false, folder)
  } finally {
    // Whatever went wrong, it stops its peers in order.
    demo.kill('SIGTERM')
  }
})
