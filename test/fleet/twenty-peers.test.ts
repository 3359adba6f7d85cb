import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { allSee, buildProgram, type Fleet, killAll, startFleet } from '../support/processes.ts'

/** How many times the promised times may be taken: 1 on a machine of one's own, more on a shared one. */
const patience = Number(process.env['HOLDFAST_PATIENCE'] ?? 1)

const PEERS = 20

/** Twenty peers, each a process of its own, on loopback. */
describe('twenty peers', () => {
  let main = ''
  let fleet: Fleet
  before(() => {
    main = buildProgram()
  })
  after(killAll)

  test('join with one invite and all know each other within 15 s', async context => {
    const startMs = performance.now()
    fleet = await startFleet(main, PEERS, ['--profile', 'fast'])
    await allSee(fleet.peers, 60_000)
    const ms = performance.now() - startMs
    context.diagnostic(
      `all up after ${Math.round(fleet.upMs)} ms, all known after ${Math.round(ms)} ms`,
    )
    assert.ok(ms <= 15_000 * patience, `took ${Math.round(ms)} ms`)
  })

  test('do not take one that stood still for a second for dead', async () => {
    const [frozen, ...others] = fleet.peers
    assert.ok(frozen)
    frozen.kill('SIGSTOP')
    await new Promise(resolve => void setTimeout(resolve, 1000))
    frozen.kill('SIGCONT')
    await new Promise(resolve => void setTimeout(resolve, 8000))
    await allSee(fleet.peers, 1000)
    const deaths = others.flatMap(({ name, log }) =>
      log
        .split('\n')
        .filter(line => line.includes('"state":"dead"'))
        .map(line => `${name}: ${line}`),
    )
    assert.deepEqual(deaths, [])
  })

  test('all know within 5 s that three were killed', async context => {
    const killed = fleet.peers.slice(5, 8)
    const left = fleet.peers.filter(peer => !killed.includes(peer))
    for (const peer of killed) peer.kill('SIGKILL')
    const ms = await allSee(left, 20_000)
    context.diagnostic(`known to all after ${Math.round(ms)} ms`)
    assert.ok(ms <= 5000 * patience, `took ${Math.round(ms)} ms`)
  })
})
