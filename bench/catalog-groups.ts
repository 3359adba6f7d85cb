/**
 * How long do a command and a question take, with the catalog on three peers?
 *
 *     npm run bench -- catalog-groups
 *
 * Three peers in this process, with real connections over loopback, real logs and LevelDB. The
 * reference is what nobody can do without: one synced write to a log of this machine, in the same run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import type { NetworkHost } from '../src/net/network-host.ts'
import type { Home } from '../src/node/machine.ts'
import { systemMachine } from '../src/node/system-machine.ts'
import { openDisk } from '../src/storage/disk.ts'
import { createBucket, description, putInline } from '../test/catalog/support.ts'
import {
  type CatalogPeer,
  openCatalogNetwork,
  openCatalogPeer,
} from '../test/support/catalog-peer.ts'
import { eventually, introduce } from '../test/support/hosts.ts'
import { median, save } from './harness.ts'

const PEERS = 3
const SAMPLES = 300
const CLIENTS = 16
const VALUE = 'x'.repeat(1_000)

const root = mkdtempSync(join(process.cwd(), '.bench-catalog-groups-'))
const machine = systemMachine()
const homes: Home[] = []
const hosts: NetworkHost[] = []
const peers: CatalogPeer[] = []

async function open(): Promise<void> {
  for (let at = 0; at < PEERS; at++) {
    homes.push(await machine.openHome(join(root, `p${at}`)))
    hosts.push((await openCatalogNetwork(machine, homes[at] as Home)) as NetworkHost)
  }
  introduce(...hosts)
  const names = hosts.map(({ self }) => self)
  const alive = { zone: '', state: 'alive', stateMs: 60_000, upMs: 60_000, score: 1 } as const
  const roster = () => names.map(peer => ({ peer, ...alive, failing: [], flapsPerHour: 0 }))
  for (const [at, network] of hosts.entries()) {
    const members = (): string[] => names.filter(name => name !== network.self)
    const options = { isFounder: at === 0, roster, members, failed }
    peers.push(await openCatalogPeer(machine, { home: homes[at] as Home, network }, options))
  }
  await eventually('three voters', () => leaderOf() !== undefined, 60_000)
}

const leaderOf = (): CatalogPeer | undefined =>
  peers.find(({ node }) => {
    const group = node.group(1)
    return group?.role === 'leader' && group.configuration.voters.length === PEERS
  })

const failed = (error: unknown): void => console.error(error)

const put = (peer: CatalogPeer) => (at: number) =>
  peer.catalog.propose(
    putInline({ bucket: 'bench', key: `k${at}` }, VALUE, {
      description: description({ sizeBytes: VALUE.length }),
    }),
  )
const get = (peer: CatalogPeer, consistency: 'linearizable' | 'stale') => (at: number) =>
  peer.catalog.ask(
    'object',
    { bucket: 'bench', key: `k${at}`, version: undefined },
    { consistency },
  )

interface Times {
  readonly p50: number
  readonly p99: number
  readonly perSecond: number
}

async function time(
  work: (number: number) => Promise<unknown>,
  { samples = SAMPLES, clients = 1 } = {},
): Promise<Times> {
  const took: number[] = []
  const begin = performance.now()
  let next = 0
  const client = async (): Promise<void> => {
    for (let at = next++; at < samples; at = next++) {
      const start = performance.now()
      await work(at)
      took.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const perSecond = (samples * 1_000) / (performance.now() - begin)
  const sorted = took.toSorted((a, b) => a - b)
  return { p50: median(took), p99: sorted[Math.floor(samples * 0.99)] ?? Number.NaN, perSecond }
}

async function syncs(): Promise<Times> {
  const file = await openDisk(root).open('reference', 'create')
  await file.preallocate(1 << 20)
  try {
    return await time(at => file.writeDurable(at * 512, new Uint8Array(512)))
  } finally {
    await file.close()
  }
}

try {
  await open()
  const leader = leaderOf() as CatalogPeer
  const other = peers.find(peer => peer !== leader) as CatalogPeer
  await leader.catalog.propose(createBucket('bench'))
  await time(put(leader))
  const many = { samples: 3_000, clients: CLIENTS }
  const rows = [
    ['one synced write of 512 bytes', await syncs()],
    ['put 1 KB through the leader', await time(put(leader))],
    ['put 1 KB through another voter', await time(put(other))],
    [`put 1 KB, ${CLIENTS} at once`, await time(put(leader), many)],
    ['get from the leader', await time(get(leader, 'linearizable'))],
    ['get from another voter', await time(get(other, 'linearizable'))],
    ['get from another voter, stale', await time(get(other, 'stale'))],
    [`get, ${CLIENTS} at once`, await time(at => get(leader, 'linearizable')(at % SAMPLES), many)],
  ] as const
  console.log(`\nthe catalog on ${PEERS} peers in one process`)
  for (const [name, { p50, p99, perSecond }] of rows) {
    const times = `p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms`
    console.log(`  ${name.padEnd(34)} ${times}   ${Math.round(perSecond)}/s`)
  }
  save('catalog-groups', [{ times: Object.fromEntries(rows) }])
} finally {
  await Promise.all(peers.map(peer => peer.close()))
  await Promise.all(hosts.map(host => host.stop()))
  await Promise.all(homes.map(home => home.release()))
  rmSync(root, { recursive: true, force: true })
}
