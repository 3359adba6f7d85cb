import type { Environment, Network, PeerId } from '../../src/base/environment.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { openPolicy } from '../../src/net/peer-policy.ts'
import {
  CATALOG_DIRECTORY,
  CatalogPart,
  type OpenCatalog,
} from '../../src/node/catalog/catalog-part.ts'
import type { CatalogStates } from '../../src/node/catalog/catalog-states.ts'
import type { ConsensusNode } from '../../src/node/consensus/consensus-node.ts'
import { markFounding } from '../../src/node/consensus/founding.ts'
import type { RosterPeer } from '../../src/node/consensus/group-steward.ts'
import type { CompactionOptions } from '../../src/node/consensus/raft-group.ts'
import { SystemGroup, systemStates } from '../../src/node/consensus/system-group.ts'
import { KvClient } from '../../src/node/kv/kv-client.ts'
import { SystemMap } from '../../src/node/kv/system-map.ts'
import { silentLog } from '../../src/node/log.ts'
import type { Home, Machine } from '../../src/node/machine.ts'

export interface CatalogPeerOptions {
  readonly raft?: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  /** @default never */
  readonly splitObjects?: number | undefined
  /** Whether this peer makes the network. */
  readonly isFounder: boolean
  readonly roster: () => readonly RosterPeer[]
  /** Everybody else. */
  readonly members: () => readonly PeerId[]
  readonly failed: (error: unknown) => void
}

/** A full member, as far as agreement and the catalog go. */
export interface CatalogPeer extends OpenCatalog {
  readonly name: PeerId
  readonly node: ConsensusNode
  readonly states: CatalogStates
  readonly kv: KvClient
  readonly network: Network
  close(): Promise<void>
}

const networkId = new Uint8Array(32).fill(5)

/** Opens the network of a peer that everybody may talk to. */
export const openCatalogNetwork = (
  machine: Machine,
  home: Home,
): ReturnType<Machine['openNetwork']> => {
  const { clock, timers, random } = machine
  return machine.openNetwork(home, {
    networkId: 'town',
    policy: openPolicy,
    mdns: false,
    nat: {},
    onEvent: () => undefined,
    environment: { clock, timers, random, disk: home.disk },
    listen: ['/ip4/127.0.0.1/tcp/0'],
  })
}

export async function openCatalogPeer(
  machine: Machine,
  { home, network }: { readonly home: Home; readonly network: Network },
  options: CatalogPeerOptions,
): Promise<CatalogPeer> {
  const { clock, timers, random, afterTurn } = machine
  const { raft = {}, compaction = {}, isFounder, roster, members, failed } = options
  const environment: Environment = { clock, timers, random, disk: home.disk, network }
  if (isFounder) await markFounding(home.disk)
  const keyValue = await home.openKeyValue(CATALOG_DIRECTORY)
  const stampMs = (): number => clock.wallMs()
  const splitObjects = options.splitObjects ?? Infinity
  const parts = { environment, keyValue, stampMs, systemStates, splitObjects }
  const part = new CatalogPart({ ...parts, failed })
  const system = await SystemGroup.open({
    environment,
    home,
    afterTurn,
    networkId,
    raft,
    compaction,
    admits: () => true,
    roster,
    describe: () => ({ name: '', zone: '' }),
    decided: () => undefined,
    led: () => undefined,
    states: snapshots => part.openStates(snapshots),
    changed: part.changed,
    log: silentLog,
    failed,
  })
  const kv = new KvClient({ group: new SystemMap(system, environment, members), clock, timers })
  const { node, network: fenced } = system
  const open = part.start({ node, network: fenced, kv })
  const { states } = part
  if (states === undefined) throw new Error('the states are open')
  const close = async (): Promise<void> => {
    await part.stop()
    await system.close(AbortSignal.abort())
    await part.close()
    await keyValue.close()
  }
  return { name: network.self, node, states, kv, network, close, ...open }
}
