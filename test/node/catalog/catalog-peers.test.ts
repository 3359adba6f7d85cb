import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { toUtf8 } from '../../../src/base/bytes.ts'
import type { NetworkHost } from '../../../src/net/network-host.ts'
import type { Home } from '../../../src/node/machine.ts'
import { systemMachine } from '../../../src/node/system-machine.ts'
import { createBucket, putInline } from '../../catalog/support.ts'
import {
  type CatalogPeer,
  openCatalogNetwork,
  openCatalogPeer,
} from '../../support/catalog-peer.ts'
import { eventually, introduce } from '../../support/hosts.ts'
import { withDirectory } from '../../support/temporary.ts'

const place = { bucket: 'aaa', key: 'k' }

/** Peers over real connections, logs and stores, in one process. */
async function withPeers(
  count: number,
  story: (peers: readonly CatalogPeer[]) => Promise<void>,
): Promise<void> {
  await withDirectory(async root => {
    const machine = systemMachine()
    const homes: Home[] = []
    const hosts: NetworkHost[] = []
    const peers: CatalogPeer[] = []
    try {
      for (let at = 0; at < count; at++) {
        homes.push(await machine.openHome(join(root, `p${at}`)))
        hosts.push((await openCatalogNetwork(machine, homes[at] as Home)) as NetworkHost)
      }
      introduce(...hosts)
      const names = hosts.map(({ self }) => self)
      const alive = { zone: '', state: 'alive', stateMs: 60_000, upMs: 60_000, score: 1 } as const
      const roster = () => names.map(peer => ({ peer, ...alive, failing: [], flapsPerHour: 0 }))
      for (const [at, network] of hosts.entries()) {
        const members = (): string[] => names.filter(name => name !== network.self)
        const failed = (error: unknown): void => assert.fail(String(error))
        const options = { isFounder: at === 0, roster, members, failed }
        peers.push(await openCatalogPeer(machine, { home: homes[at] as Home, network }, options))
      }
      await story(peers)
    } finally {
      await Promise.all(peers.map(peer => peer.close()))
      await Promise.all(hosts.map(host => host.stop()))
      await Promise.all(homes.map(home => home.release()))
    }
  })
}

test('over real connections and stores a catalog is written, read and split by any peer', () =>
  withPeers(4, async peers => {
    const [a, , , d] = peers as [CatalogPeer, CatalogPeer, CatalogPeer, CatalogPeer]
    await eventually(
      'the catalog has three voters',
      () => {
        const led = peers.find(({ node }) => node.group(1)?.role === 'leader')
        return led?.node.group(1)?.configuration.voters.length === 3
      },
      60_000,
    )
    await d.catalog.propose(createBucket('aaa'))
    const written = await Promise.all(
      Array.from({ length: 40 }, (_, at) => {
        const peer = peers[at % peers.length] as CatalogPeer
        return peer.catalog.propose(putInline({ ...place, key: `k${at}` }, `${at}`))
      }),
    )
    assert.ok(written.every(({ type }) => type === 'version'))
    const child = await a.ranges.split({ bucket: 'aaa', key: 'k3' })
    assert.equal(child, 2)
    for (const at of [0, 11, 29, 39]) {
      const asked = { ...place, key: `k${at}`, version: undefined }
      const { bytes } = await d.catalog.ask('object', asked)
      assert.equal(toUtf8(bytes ?? new Uint8Array(0)), `${at}`)
      const stale = await a.catalog.ask('object', asked, { consistency: 'stale' })
      assert.equal(toUtf8(stale.bytes ?? new Uint8Array(0)), `${at}`)
    }
    const list = { bucket: 'aaa', prefix: '', delimiter: '', after: new Uint8Array(0), limit: 100 }
    assert.equal((await d.catalog.listObjects(list)).objects.length, 40)
    const led = peers.flatMap(({ catalog }) => catalog.led())
    assert.deepEqual(
      led.toSorted((x, y) => x - y),
      [1, 2],
    )
  }))
