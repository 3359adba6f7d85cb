import { join } from 'node:path'

import { fromUtf8 } from '../../src/base/bytes.ts'
import type { Environment } from '../../src/base/environment.ts'
import { openFragments } from '../../src/node/fragments/open-fragments.ts'
import { openStore } from '../../src/node/store/open-store.ts'
import type { Seats } from '../../src/node/store/seats.ts'
import type { Store } from '../../src/node/store/store.ts'
import { systemMachine } from '../../src/node/system-machine.ts'
import type { FragmentStore } from '../../src/storage/fragment-store.ts'
import { LocalCatalog } from './local-catalog.ts'
import { lonelyNetwork } from './lonely-network.ts'
import { withDirectory } from './temporary.ts'

export interface RealStore {
  readonly store: Store
  readonly catalog: LocalCatalog
  readonly fragments: FragmentStore
}

const KEY_BYTES = 32
const CAPACITY_BYTES = 2 ** 32

/**
 * A store as a peer has it, for as long as `body` takes: fragments on the disk, coded by threads, in
 * real time. It is alone in its network, and its catalog has no log.
 */
export function withRealStore<Result>(body: (real: RealStore) => Promise<Result>): Promise<Result> {
  return withDirectory(async directory => {
    const machine = systemMachine()
    const home = await machine.openHome(join(directory, 'peer'))
    const coder = await machine.openCoder()
    const { clock, timers, random } = machine
    const environment: Environment = {
      clock,
      timers,
      random,
      disk: home.disk,
      network: lonelyNetwork,
    }
    const fragments = await openFragments({
      environment,
      storage: {
        disk: await home.openDirectory('fragments'),
        keyValue: await home.openKeyValue('fragment-records'),
      },
      coder,
      networkId: fromUtf8('n'.repeat(KEY_BYTES)),
      capacityBytes: CAPACITY_BYTES,
    })
    const catalog = await LocalCatalog.open({ wallMs: () => clock.wallMs() })
    const opened = openStore({
      environment,
      catalog,
      peers: fragments.peers,
      seats: oneSeat(fragments.store),
      coder,
      networkKey: fromUtf8('k'.repeat(KEY_BYTES)),
      networkId: fromUtf8('n'.repeat(KEY_BYTES)),
      secrets: machine.secrets,
    })
    try {
      return await body({ store: opened.store, catalog, fragments: fragments.store })
    } finally {
      await opened.close()
      await fragments.close()
      await coder.close()
      await home.release()
    }
  })
}

const oneSeat = (fragments: FragmentStore): Seats => ({
  seatOf: peer => (peer === lonelyNetwork.self ? 1 : undefined),
  peerAt: seat => (seat === 1 ? lonelyNetwork.self : undefined),
  own: async () => 1,
  views: () => [
    {
      seat: 1,
      state: 'alive',
      zone: '',
      freeBytes: fragments.usage.limitBytes - fragments.usage.usedBytes,
      capacityBytes: fragments.usage.limitBytes,
    },
  ],
  uptime: () => 1,
  onChange: () => () => undefined,
})
