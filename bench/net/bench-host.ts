import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createIdentity } from '../../src/net/identity.ts'
import type { NetworkHost } from '../../src/net/network-host.ts'
import type { NetworkOptions } from '../../src/net/network-options.ts'
import { openNetwork } from '../../src/net/open-network.ts'
import { openPolicy } from '../../src/net/peer-policy.ts'
import { systemClock, systemRandom, systemTimers } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'

/** A host on loopback that lets everybody do everything; its directory goes with the process. */
export async function openBenchHost(options: Partial<NetworkOptions>): Promise<NetworkHost> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return openNetwork({
    networkId: 'bench',
    identity: await createIdentity(),
    policy: openPolicy,
    environment: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom(),
      disk: openDisk(folder),
    },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    ...options,
  })
}
