import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import type { PeerId } from '../../../src/base/environment.ts'
import type { Catalog } from '../../../src/node/catalog/catalog.ts'
import { CoderPool } from '../../../src/node/coder/coder-pool.ts'
import type { Coder } from '../../../src/node/coder/coder.ts'
import { type Fragments, openFragments } from '../../../src/node/fragments/open-fragments.ts'
import { type OpenedStore, openStore } from '../../../src/node/store/open-store.ts'
import type { Seats } from '../../../src/node/store/seats.ts'
import type { Store } from '../../../src/node/store/store.ts'
import { openDisk } from '../../../src/storage/disk.ts'
import { LevelKeyValue } from '../../../src/storage/level-key-value.ts'
import { introduce, realEnvironment, type TestHost, withHosts } from '../../support/hosts.ts'
import { LocalCatalog } from '../../support/local-catalog.ts'
import { withDirectory } from '../../support/temporary.ts'

/** Peers of this process over loopback and real disks, which share one catalog without a log. */
export interface RealTown {
  readonly catalog: Catalog
  readonly stores: readonly Store[]
  readonly fragments: readonly Fragments[]
}

export function withRealTown(
  count: number,
  body: (town: RealTown) => Promise<void>,
): Promise<void> {
  return withDirectory(directory =>
    withHosts(async open => {
      const hosts = await Promise.all(Array.from({ length: count }, () => open()))
      introduce(...hosts.map(({ host }) => host))
      const coder = await CoderPool.create({})
      const catalog = await LocalCatalog.open({
        wallMs: () => performance.timeOrigin + performance.now(),
      })
      const fragments = await Promise.all(
        hosts.map(({ host }, at) => openAt(join(directory, String(at)), host, coder)),
      )
      const opened = hosts.map(({ host }, at) =>
        storeOf(host, { catalog, coder, own: fragments[at] as Fragments, hosts, fragments }),
      )
      try {
        await opened[0]?.store.createBucket('films')
        await body({ catalog, fragments, stores: opened.map(({ store }) => store) })
      } finally {
        await Promise.all(opened.map(each => each.close()))
        await Promise.all(fragments.map(each => each.close()))
        await coder.close()
      }
    }),
  )
}

type Host = TestHost['host']

async function openAt(directory: string, network: Host, coder: Coder): Promise<Fragments> {
  const root = join(directory, 'fragments')
  mkdirSync(root, { recursive: true })
  const keyValue = await LevelKeyValue.open(join(directory, 'records'))
  return openFragments({
    environment: { ...realEnvironment(directory), network },
    storage: { disk: openDisk(root), keyValue },
    coder,
    networkId: new Uint8Array(32).fill(7),
  })
}

function storeOf(
  network: Host,
  parts: {
    catalog: Catalog
    coder: Coder
    own: Fragments
    hosts: readonly TestHost[]
    fragments: readonly Fragments[]
  },
): OpenedStore {
  const { catalog, coder, own, hosts, fragments } = parts
  return openStore({
    environment: { ...realEnvironment('.'), network },
    catalog,
    peers: own.peers,
    seats: seatsOf(
      hosts.map(({ host }) => host.self),
      fragments,
      network.self,
    ),
    coder,
    networkKey: new Uint8Array(32).fill(9),
    networkId: new Uint8Array(32).fill(7),
    secrets: size => new Uint8Array(randomBytes(size)),
  })
}

function seatsOf(names: readonly PeerId[], fragments: readonly Fragments[], self: PeerId): Seats {
  const seatOf = (peer: PeerId): number => names.indexOf(peer) + 1
  return {
    seatOf,
    peerAt: seat => names[seat - 1],
    own: async () => seatOf(self),
    views: () =>
      fragments.map(({ store }, at) => {
        const { usedBytes, limitBytes } = store.usage
        const freeBytes = limitBytes - usedBytes
        return { seat: at + 1, state: 'alive', zone: '', freeBytes, capacityBytes: limitBytes }
      }),
    uptime: () => 1,
    onChange: () => () => undefined,
  }
}
