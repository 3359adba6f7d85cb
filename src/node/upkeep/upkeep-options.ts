import type { Environment, PeerId } from '../../base/environment.ts'
import type { FragmentStore } from '../../storage/fragment-store.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Coder } from '../coder/coder.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'
import type { NodeKv } from '../kv/node-kv.ts'
import type { Seats } from '../store/seats.ts'
import type { UpkeepSettings } from './upkeep-settings.ts'

export interface UpkeepOptions {
  /** The disk is the ledger's own. */
  readonly environment: Environment
  readonly catalog: Catalog
  readonly seats: Seats
  readonly kv: Pick<NodeKv, 'put' | 'delete' | 'list'>
  /** Who leads a group of the catalog, as far as is known. @default nobody is asked */
  readonly leaderOf?: (group: number) => Promise<PeerId | undefined>
  readonly peers: FragmentPeers
  /** This peer's own. */
  readonly store: FragmentStore
  readonly coder: Coder
  /** Undefined on a peer without the network's key: it looks after its own fragments only. */
  readonly seal: OriginSeal | undefined
  /** 32 bytes. */
  readonly networkId: Uint8Array
  /** What nobody can foretell. */
  readonly secrets: (sizeBytes: number) => Uint8Array
  readonly settings?: Partial<UpkeepSettings>
  /** Told of what nobody expects. */
  readonly onFailure: (error: unknown) => void
}
