import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { Environment } from '../../src/base/environment.ts'
import { createIdentity, type Identity } from '../../src/net/identity.ts'
import type { NetEvent } from '../../src/net/net-events.ts'
import type { NetworkHost } from '../../src/net/network-host.ts'
import type { NetworkOptions } from '../../src/net/network-options.ts'
import { openNetwork } from '../../src/net/open-network.ts'
import { openPolicy } from '../../src/net/peer-policy.ts'
import { systemClock, systemRandom, systemTimers } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { withDirectory } from './temporary.ts'

export interface TestHost {
  readonly host: NetworkHost
  readonly identity: Identity
  /** What it told of since the start. */
  readonly events: NetEvent[]
}

export type OpenHost = (options?: Partial<NetworkOptions> & { name?: string }) => Promise<TestHost>

/** Runs `body` with a way to open hosts on loopback, which are stopped and wiped afterwards. */
export async function withHosts(body: (open: OpenHost) => Promise<void>): Promise<void> {
  await withDirectory(async directory => {
    const hosts: NetworkHost[] = []
    const open: OpenHost = async ({ name, ...options } = {}) => {
      const identity = options.identity ?? (await createIdentity())
      const events: NetEvent[] = []
      const root = join(directory, name ?? identity.peer)
      mkdirSync(root, { recursive: true })
      const host = await openNetwork({
        networkId: 'test',
        identity,
        policy: openPolicy,
        environment: realEnvironment(root),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        onEvent: event => events.push(event),
        ...options,
      })
      hosts.push(host)
      return { host, identity, events }
    }
    try {
      await body(open)
    } finally {
      await Promise.all(hosts.map(host => host.stop()))
    }
  })
}

/** What a host needs of this machine. */
export const realEnvironment = (
  root: string,
): Pick<Environment, 'clock' | 'timers' | 'random' | 'disk'> => ({
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom(),
  disk: openDisk(root),
})

/** Tells each of them where the others are. */
export function introduce(...hosts: readonly NetworkHost[]): void {
  for (const host of hosts) {
    for (const other of hosts) if (other !== host) host.learn(other.self, other.addresses())
  }
}

/** Resolves once it holds; rejects after `ms`. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms: number = 10_000,
): Promise<void> {
  const endMs = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise(resolve => void setTimeout(resolve, 20))
  }
}
