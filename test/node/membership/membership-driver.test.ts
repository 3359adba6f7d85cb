import assert from 'node:assert/strict'
import { test } from 'node:test'

import { profiles } from '../../../src/membership/profile.ts'
import type { Description } from '../../../src/membership/record.ts'
import { startMembership } from '../../../src/node/membership/membership-driver.ts'
import type { MembershipService } from '../../../src/node/membership/membership-service.ts'
import { sealOf } from '../../sim/membership/sim-seal.ts'
import { World } from '../../sim/world.ts'

const description: Description = {
  addresses: ['/ip4/10.0.0.1/tcp/4801'],
  zone: 'z',
  version: '1.2.3',
  protocol: { min: 1, max: 1, current: 1 },
  meta: new Uint8Array(),
}
function worldOf(names: string[]) {
  const world = new World(1)
  const services = new Map<string, MembershipService>()
  for (const name of names) {
    world
      .addPeer(name, {
        program: async environment => {
          const service = await startMembership({
            environment,
            network: 'n',
            description,
            seal: sealOf(name),
            profile: profiles.fast,
            turns: { afterPoll: cb => cb(), watchLag: () => () => undefined },
            onFailure: error => world.fail(error),
            onRefused: r => console.log('refused', r),
          })
          services.set(name, service)
          service.join([names[0] as string])
          await new Promise(() => undefined)
        },
      })
      .start()
  }
  return { world, services }
}
test('smoke', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const { world, services } = worldOf(names)
  await world.play(async () => {
    await world.sleep(3000)
    console.log(
      services
        .get('e')
        ?.roster()
        .map(e => [e.peer, e.state, e.why, e.rttMs]),
    )
    services.get('e')?.onChange(c => console.log(world.nowMs, c))
    world.peers.get('b')?.crash('process')
    await world.sleep(6000)
    world.peers.get('b')?.start()
    await world.sleep(6000)
    await services.get('c')?.leave()
    await world.sleep(3000)
    console.log(
      services
        .get('e')
        ?.roster()
        .map(e => [e.peer, e.state, e.why, e.rttMs, e.incarnation]),
    )
  })
  assert.ok(true)
})
