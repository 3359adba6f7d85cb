import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { createNode, type HoldfastNode } from '../../src/index.ts'
import { withDirectory } from '../support/temporary.ts'

/** How many times the promised times may be taken: 1 on a machine of one's own, more on a shared one. */
const patience = Number(process.env['HOLDFAST_PATIENCE'] ?? 1)

const PEERS = 50
/** How many start at a time: they share one thread. */
const BATCH = 5
const TIME_MS_MAX = 60_000
const MEMORY_BYTES_MAX = 1.5e9

/** What an application that embeds many peers, or a demonstration, asks for. */
test('fifty peers in one process all know each other within 60 s and 1.5 GB', async context => {
  await withDirectory(async directory => {
    const startMs = performance.now()
    const make = (index: number, invite?: string): HoldfastNode =>
      createNode({
        dataDirectory: join(directory, String(index)),
        name: `peer-${index}`,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        // The calmest profile: fifty peers share one thread.
        profile: 'wan',
        join: invite,
      })
    const founder = make(0)
    await founder.start()
    const invite = await founder.invite({ uses: PEERS })
    const joiners = Array.from({ length: PEERS - 1 }, (_, index) => make(index + 1, invite))
    const nodes = [founder, ...joiners]
    let peakBytes = 0
    const watching = setInterval(() => {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
    }, 200)
    try {
      for (let first = 0; first < joiners.length; first += BATCH)
        await Promise.all(joiners.slice(first, first + BATCH).map(node => node.start()))
      context.diagnostic(`all up after ${Math.round(performance.now() - startMs)} ms`)
      while (!nodes.every(node => node.status().peers.alive === PEERS)) {
        assert.ok(performance.now() - startMs < 3 * TIME_MS_MAX * patience, 'it takes too long')
        await new Promise(resolve => void setTimeout(resolve, 200))
      }
      const ms = Math.round(performance.now() - startMs)
      context.diagnostic(`${ms} ms, at most ${Math.round(peakBytes / 1e6)} MB`)
      assert.ok(ms <= TIME_MS_MAX * patience, `took ${ms} ms`)
      assert.ok(peakBytes <= MEMORY_BYTES_MAX, `took ${peakBytes} bytes`)
    } finally {
      clearInterval(watching)
      const atOnce = AbortSignal.abort(new Error('the test is over'))
      await Promise.all(nodes.map(node => node.stop({ signal: atOnce })))
    }
  })
})
