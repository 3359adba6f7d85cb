import type { PeerId } from '../../src/base/environment.ts'
import { Prng } from '../../src/base/prng.ts'
import type { Catalog } from '../../src/node/catalog/catalog.ts'
import type { FragmentPeers } from '../../src/node/fragments/fragment-peers.ts'
import type { ReadFault } from '../../src/node/store/object-reads.ts'
import { type OpenedStore, openStore } from '../../src/node/store/open-store.ts'
import type { Seats } from '../../src/node/store/seats.ts'
import type { Store } from '../../src/node/store/store.ts'
import type { PeerView } from '../../src/placement/peer-view.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { Town, type TownOptions } from './fragment-town.ts'
import { LocalCatalog } from './local-catalog.ts'

export const NAMES: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f']

/** A town whose peers share one catalog, and each have a store. Seats are given out by their order. */
export class StoreTown {
  readonly town: Town
  readonly catalog: Catalog
  readonly names: readonly PeerId[]
  /** What membership would say; alive unless it says something else. */
  readonly states: Map<PeerId, PeerView['state']> = new Map()
  readonly zones: Map<PeerId, string> = new Map()
  readonly faults: ReadFault[] = []
  /** Peers that have not said yet what room they have. */
  readonly newcomers: Set<PeerId> = new Set()
  /** Peers that send other bytes than they have. */
  readonly liars: Set<PeerId> = new Set()
  readonly #opened = new Map<PeerId, OpenedStore>()

  static play<Result>(
    count: number,
    body: (town: StoreTown) => Promise<Result>,
    options: TownOptions & { readonly catalog?: (catalog: Catalog) => Catalog } = {},
  ): Promise<Result> {
    const names = NAMES.slice(0, count)
    return Town.play(
      names,
      async town => {
        const clock = new SimClock(() => town.world.nowMs, {}).view(0)
        const catalog = await LocalCatalog.open({ wallMs: () => clock.wallMs() })
        const shared = options.catalog?.(catalog) ?? catalog
        const stores = new StoreTown(town, shared, names)
        await stores.store('a').createBucket('films')
        return body(stores)
      },
      options,
    )
  }

  constructor(town: Town, catalog: Catalog, names: readonly PeerId[]) {
    this.town = town
    this.catalog = catalog
    this.names = names
  }

  store(name: PeerId): Store {
    return this.opened(name).store
  }

  opened(name: PeerId): OpenedStore {
    const known = this.#opened.get(name)
    if (known !== undefined) return known
    const { environment, fragments } = this.town.peer(name)
    const secrets = new Prng(name.charCodeAt(0))
    const opened = openStore({
      environment,
      catalog: this.catalog,
      peers: this.#doubting(fragments.peers),
      seats: this.seats(name),
      coder: this.town.coder,
      networkKey: new Uint8Array(32).fill(9),
      networkId: new Uint8Array(32).fill(7),
      secrets: size => secrets.bytes(size),
      onFault: fault => this.faults.push(fault),
    })
    this.#opened.set(name, opened)
    return opened
  }

  /** Nothing is known of a process that is gone. */
  forget(name: PeerId): void {
    this.#opened.delete(name)
  }

  seats(self: PeerId): Seats {
    const seatOf = (peer: PeerId): number | undefined => {
      const at = this.names.indexOf(peer)
      return at < 0 ? undefined : at + 1
    }
    return {
      seatOf,
      peerAt: seat => this.names[seat - 1],
      own: async () => seatOf(self) ?? 0,
      views: () => this.names.map((name, at) => this.#viewOf(name, at + 1)),
      uptime: () => 1,
      onChange: () => () => undefined,
    }
  }

  /** Everything the peers hold, by name: how many references of each kind. */
  async held(): Promise<{ kept: number; leased: number }> {
    const counts = { kept: 0, leased: 0 }
    for (const name of this.town.names) {
      for (const { references } of await this.town.peer(name).fragments.store.list()) {
        for (const { untilMs } of references) counts[untilMs === 0 ? 'kept' : 'leased']++
      }
    }
    return counts
  }

  #viewOf(name: PeerId, seat: number): PeerView {
    const isUp = this.town.names.includes(name) && !this.newcomers.has(name)
    const usage = isUp ? this.town.peer(name).fragments.store.usage : undefined
    const capacityBytes = usage?.limitBytes ?? 0
    const freeBytes = usage === undefined || usage.isReadonly ? 0 : capacityBytes - usage.usedBytes
    const state = this.states.get(name) ?? 'alive'
    return { seat, state, zone: this.zones.get(name) ?? '', freeBytes, capacityBytes }
  }

  /** Reads through which liars lie. */
  #doubting(peers: FragmentPeers): FragmentPeers {
    const spoil = (peer: PeerId, cells: Uint8Array): void => {
      const at = cells.length >> 1
      if (this.liars.has(peer)) cells[at] = (cells[at] ?? 0) ^ 1
    }
    return {
      put: (...given) => peers.put(...given),
      cells: async (peer, id, range) => {
        const cells = await peers.cells(peer, id, range)
        spoil(peer, cells)
        return cells
      },
      read: async (peer, id, range) => {
        const found = await peers.read(peer, id, range)
        spoil(peer, found.cells)
        return found
      },
      leaves: (...given) => peers.leaves(...given),
      commit: (...given) => peers.commit(...given),
      release: (...given) => peers.release(...given),
      stat: (...given) => peers.stat(...given),
      prove: (...given) => peers.prove(...given),
      reveal: (...given) => peers.reveal(...given),
    }
  }
}

/** All of a body in one array. */
export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Bytes as a stream of uneven pieces. */
export async function* streamOf(
  bytes: Uint8Array,
  pieceBytes = 100_000,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}
