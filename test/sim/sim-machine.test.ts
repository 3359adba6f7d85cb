import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createNodeOn, type HoldfastNode } from '../../src/node/create-node.ts'
import { guardAgainstLeaks } from './leak-guard.ts'
import { SimMachine } from './sim-machine.ts'
import { World } from './world.ts'

/** Runs whole peers by name, for as long as their processes live. */
class Town {
  readonly world: World
  readonly nodes: Map<string, HoldfastNode> = new Map()

  constructor(seed: number) {
    this.world = new World(seed)
  }

  add(name: string, join?: string): SimMachine {
    const machine = new SimMachine(this.world, name, {
      program: async on => {
        const node = createNodeOn(on, { dataDirectory: '/home', name, join })
        const ended = Promise.withResolvers<void>()
        node.onEvent(event => {
          if (event.type === 'failed') ended.reject(event.error)
        })
        await node.start()
        this.nodes.set(name, node)
        await ended.promise
      },
    })
    machine.peer.start()
    return machine
  }

  node(name: string): HoldfastNode {
    const node = this.nodes.get(name)
    assert.ok(node, `${name} is up`)
    return node
  }
}

/** Five peers that find each other, agree, and go on after a power cut; returns the trace. */
async function tell(seed: number): Promise<string> {
  const town = new Town(seed)
  const liftGuard = guardAgainstLeaks()
  try {
    await town.world.play(async () => {
      town.add('p0')
      await town.world.sleep(5_000)
      const token = await town.node('p0').invite({ uses: 4 })
      const [victim] = ['p1', 'p2', 'p3', 'p4'].map(name => town.add(name, token))
      await town.world.sleep(20_000)
      for (const node of town.nodes.values()) {
        assert.deepEqual(
          node.peers().map(({ state }) => state),
          ['alive', 'alive', 'alive', 'alive', 'alive'],
        )
      }
      await town.node('p2').kv.put('answer', Uint8Array.of(42))
      victim?.crash('power')
      victim?.peer.start()
      await town.world.sleep(20_000)
      const entry = await town.node('p1').kv.get('answer')
      assert.deepEqual(entry?.value, Uint8Array.of(42))
    })
  } finally {
    liftGuard()
  }
  return town.world.trace.digest()
}

test('whole peers run on simulated machines, and the same seed gives the same trace', async () => {
  assert.equal(await tell(7), await tell(7))
  assert.notEqual(await tell(7), await tell(8))
})
