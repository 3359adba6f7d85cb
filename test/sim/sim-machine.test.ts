import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { HoldfastNode } from '../../src/node/create-node.ts'
import { guardAgainstLeaks } from './leak-guard.ts'
import { type House, Town } from './town.ts'
import { World } from './world.ts'

/** Five peers that find each other, agree, and go on after a power cut; returns the trace. */
async function tell(seed: number): Promise<string> {
  const town = new Town(new World(seed))
  const liftGuard = guardAgainstLeaks()
  try {
    await town.world.play(async () => {
      const founder = town.add('p0')
      assert.ok(await town.until(10_000, () => founder.node !== undefined))
      const token = await nodeOf(founder).invite({ uses: 4 })
      const join = (): string => token
      const [victim, ...others] = ['p1', 'p2', 'p3', 'p4'].map(name => town.add(name, { join }))
      await town.world.sleep(20_000)
      assert.equal(town.nodes.length, 5)
      for (const node of town.nodes) {
        assert.deepEqual(
          node.peers().map(({ state }) => state),
          ['alive', 'alive', 'alive', 'alive', 'alive'],
        )
      }
      await nodeOf(others[0]).kv.put('answer', Uint8Array.of(42))
      town.crash(victim as House, 'power')
      town.start(victim as House)
      await town.world.sleep(20_000)
      const entry = await nodeOf(victim).kv.get('answer')
      assert.deepEqual(entry?.value, Uint8Array.of(42))
    })
  } finally {
    liftGuard()
  }
  return town.world.trace.digest()
}

function nodeOf(house: House | undefined): HoldfastNode {
  assert.ok(house?.node, `${house?.name} is up`)
  return house.node
}

test('whole peers run on simulated machines, and the same seed gives the same trace', async () => {
  assert.equal(await tell(7), await tell(7))
  assert.notEqual(await tell(7), await tell(8))
})
