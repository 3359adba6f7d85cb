/** The store of a network as this peer offers it: what it leans on is handed in. */
import type { Environment } from '../../base/environment.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Coder } from '../coder/coder.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import { OriginSeal } from '../fragments/origin-seal.ts'
import { ContentKeys } from './content-keys.ts'
import { NetworkStore } from './network-store.ts'
import type { ReadFault } from './object-reads.ts'
import { PeerPace } from './peer-pace.ts'
import { ReferenceKeeper } from './reference-keeper.ts'
import type { Seats } from './seats.ts'
import type { StandingOf } from './segment-standing.ts'
import type { HeldFragment } from './segment-write.ts'
import type { Store } from './store.ts'
import { WriteMemory } from './write-memory.ts'

export interface OpenStoreOptions {
  readonly environment: Environment
  readonly catalog: Catalog
  readonly peers: FragmentPeers
  readonly seats: Seats
  readonly coder: Coder
  /** 32 bytes: what full members have and storage members have not. */
  readonly networkKey: Uint8Array
  /** 32 bytes. */
  readonly networkId: Uint8Array
  /** Bytes nobody can guess. */
  readonly secrets: (size: number) => Uint8Array
  /** Told of fragments that could not be read, or were not what they should be. */
  readonly onFault?: ((fault: ReadFault) => void) | undefined
  /** Told how long each read of a fragment took, for those who must not slow readers down. */
  readonly onLatency?: ((ms: number) => void) | undefined
  /** Told of fragments that the catalog lists and their peers lost before they were committed. */
  readonly onLost?: ((held: HeldFragment) => void) | undefined
  /** What is known of fragments beyond where they are. @default nothing */
  readonly standing?: StandingOf | undefined
  /** Told of what was committed with fewer fragments, or for fewer peers, than it is to have. */
  readonly onDebt?: (() => void) | undefined
}

export interface OpenedStore {
  readonly store: Store
  /** How quick peers are, as reads and writes have found out. */
  readonly pace: PeerPace
  /** Ends what goes on in the background. Calls under way are their callers' to end, before. */
  close(): Promise<void>
}

export function openStore(options: OpenStoreOptions): OpenedStore {
  const { environment, catalog, peers, seats, coder, networkKey, networkId, secrets } = options
  const { onFault = nothing, onLost = nothing, onDebt = nothing } = options
  const { clock, timers, random, network } = environment
  const pace = new PeerPace(clock, options.onLatency)
  const keeper = new ReferenceKeeper({ timers, peers, seats, onLost })
  const store = new NetworkStore({
    environment,
    clock,
    timers,
    random: random.fork('store'),
    self: network.self,
    catalog,
    peers,
    seats,
    coder,
    pace,
    keeper,
    memory: new WriteMemory(timers),
    keys: new ContentKeys(networkKey, secrets),
    originSeal: new OriginSeal(networkKey),
    networkId,
    secrets,
    onFault,
    standing: options.standing,
    onDebt,
  })
  return { store, pace, close: () => keeper.close() }
}

const nothing = (): void => undefined
