import { Prng } from '../../src/base/prng.ts'
import { Model } from './model.ts'
import { BUCKETS, RandomCommands } from './random-commands.ts'
import { createBucket, Host } from './support.ts'

/** A catalog after random commands, most of which could happen. */
export function randomCatalog(seed: number, steps: number): Host {
  const random = new Prng(seed)
  const host = new Host()
  const model = new Model()
  const commands = new RandomCommands(random.fork('commands'), model)
  model.nowMs = host.nowMs
  for (const bucket of BUCKETS) {
    const create = createBucket(bucket, { versioning: random.pick(['off', 'enabled']) })
    model.apply(create)
    host.do(create)
  }
  for (let step = 0; step < steps; step++) {
    host.nowMs += random.below(200)
    model.nowMs = host.nowMs
    const command = commands.next()
    model.apply(command)
    host.do(command)
    if (random.chance(0.05)) host.do({ type: 'collect', rows: 1 + random.below(4) })
  }
  return host
}
