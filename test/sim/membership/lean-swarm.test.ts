import assert from 'node:assert/strict'
import { test } from 'node:test'

import { LeanSwarm } from './lean-swarm.ts'

/** What anybody saw, and when, in a minute in which one dies. */
function play(seed: number): string[] {
  const seen: string[] = []
  const swarm: LeanSwarm = new LeanSwarm({
    size: 12,
    seed,
    link: { loss: 0.2, model: 'datagram' },
    onChange: ({ index }, { kind, peer, incarnation }) => {
      const subject = swarm.nodeOf(peer).index
      seen.push(`${swarm.nowMs} ${index} ${kind} ${subject} ${incarnation}`)
    },
  })
  swarm.startAcquainted()
  swarm.advance(5_000)
  swarm.crash(swarm.random.pick(swarm.nodes))
  swarm.advance(60_000)
  return seen
}

test('the same seed plays the same run, and another seed another', () => {
  const first = play(7)
  assert.ok(first.some(line => line.includes('DEAD')))
  assert.deepEqual(play(7), first)
  assert.notDeepEqual(play(8), first)
})

test('a node that is blocked hears later what was said to it', () => {
  const swarm = new LeanSwarm({ size: 2, seed: 1 })
  const [a, b] = swarm.nodes
  assert.ok(a !== undefined && b !== undefined)
  swarm.start(a, [])
  swarm.start(b, [])
  swarm.blockFor(a, 'messages', 1_000)
  swarm.step(b, { type: 'join', peers: [a.name] })
  swarm.advance(900)
  assert.equal(a.core?.peer(b.name, swarm.nowMs), undefined)
  swarm.advance(200)
  assert.equal(a.core?.peer(b.name, swarm.nowMs)?.state, 'alive')
})
