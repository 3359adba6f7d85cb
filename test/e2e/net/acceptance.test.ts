import type { Timers } from '../../../src/base/environment.ts'
import { createIdentity } from '../../../src/net/identity.ts'
import { systemTimers } from '../../../src/node/system.ts'
import { acceptNetwork, type Pair } from '../../sim/network-acceptance.ts'
import { introduce, withHosts } from '../../support/hosts.ts'

/** The suite waits for what takes milliseconds here as long as a simulated network may take. */
const hasty: Timers = { after: (ms, callback) => systemTimers.after(ms / 5, callback) }

async function withPair(body: (pair: Pair) => Promise<void>): Promise<void> {
  const { peer: nobody } = await createIdentity()
  await withHosts(async open => {
    const [{ host: a }, { host: b }] = await Promise.all([open(), open()])
    introduce(a, b)
    await body({ a, b, nobody, timers: hasty, killB: () => void b.stop() })
  })
}

acceptNetwork('real', withPair)

/** The same with bulk streams over libp2p, as where the lane cannot go. */
async function withPairOffLane(body: (pair: Pair) => Promise<void>): Promise<void> {
  const { peer: nobody } = await createIdentity()
  await withHosts(async open => {
    const [{ host: a }, { host: b }] = await Promise.all([open({ lane: false }), open()])
    introduce(a, b)
    await body({ a, b, nobody, timers: hasty, killB: () => void b.stop() })
  })
}

acceptNetwork('real, without lane,', withPairOffLane)
