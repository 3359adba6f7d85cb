import assert from 'node:assert/strict'

import type { Environment, Random } from '../../src/base/environment.ts'
import { sleep } from '../../src/base/waiting.ts'
import type { Catalog } from '../../src/node/catalog/catalog.ts'
import { OriginSeal } from '../../src/node/fragments/origin-seal.ts'
import type { NodeKv } from '../../src/node/kv/node-kv.ts'
import { DRAINS_PREFIX, type Seats } from '../../src/node/store/seats.ts'
import { UpkeepService } from '../../src/node/upkeep/upkeep-service.ts'
import type { UpkeepSettings } from '../../src/node/upkeep/upkeep-settings.ts'
import type { PeerView } from '../../src/placement/peer-view.ts'
import type { FragmentStore } from '../../src/storage/fragment-store.ts'
import { EPOCH_MS } from '../sim/sim-clock.ts'
import type { Ending } from '../sim/sim-peer.ts'
import { Town, type TownOptions, type Townsman } from './fragment-town.ts'
import { LocalCatalog } from './local-catalog.ts'
import { type CatalogFaults, type CatalogWatch, TownCatalog } from './town-catalog.ts'
import { NETWORK_ID, TownObjects } from './town-objects.ts'

/** How long it takes until all know that a peer is silent, and that it is dead. */
const SUSPECT_MS = 2_000
const DEAD_MS = 7_000
const FENCE_MS = 3_000

type Known = { state: PeerView['state']; zone: string; freeBytes: number; capacityBytes: number }

export interface UpkeepPlayOptions extends Omit<TownOptions, 'furnish' | 'onFinding'> {
  readonly settings?: Partial<UpkeepSettings>
}

/**
 * A town with one agreed catalog, seats, and upkeep on every peer. Who is suspected and who is dead
 * all learn at the same time, a while after it happened; who leads changes with the leader's death.
 */
export class UpkeepTown {
  readonly town: Town
  readonly catalog: LocalCatalog
  readonly objects: TownObjects
  readonly seal: OriginSeal = new OriginSeal(new Uint8Array(32).fill(3))
  readonly faults: CatalogFaults = { refused: 0, unanswered: 0 }
  readonly services: Map<string, UpkeepService> = new Map()
  readonly failures: unknown[] = []
  readonly #onListed: CatalogWatch
  readonly #random: Random
  readonly #settings: Partial<UpkeepSettings>
  readonly #seats: string[] = []
  readonly #stores = new Map<string, FragmentStore>()
  readonly #known = new Map<string, Known>()
  readonly #retired = new Set<string>()
  /** Killed or frozen. */
  readonly #away = new Set<string>()
  readonly #drains = new Map<string, Uint8Array>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #led = new Map<string, Set<() => void>>()
  #leader = ''

  constructor(
    town: Town,
    catalog: LocalCatalog,
    {
      settings = {},
      random,
      onListed = async () => undefined,
    }: {
      settings?: Partial<UpkeepSettings>
      random: Random
      /** Told of each fragment that upkeep has just listed. */
      onListed?: CatalogWatch
    },
  ) {
    this.#onListed = onListed
    this.town = town
    this.catalog = catalog
    this.#settings = settings
    this.#random = random
    this.objects = new TownObjects(
      {
        town,
        catalog,
        seal: this.seal,
        views: () => this.views(),
        seatOf: name => this.seatOf(name),
        nameAt: seat => this.nameAt(seat),
        runs: name => this.runs(name),
        wallMs: () => Math.floor(EPOCH_MS + town.world.nowMs),
      },
      random.fork('objects'),
    )
  }

  /** Lets `body` play in a town of peers that look after what is stored. */
  static async play(
    names: readonly string[],
    body: (upkeep: UpkeepTown) => Promise<void>,
    { settings = {}, ...options }: UpkeepPlayOptions = {},
  ): Promise<void> {
    let opening: Promise<UpkeepTown> | undefined
    await Town.play(
      names,
      async () => {
        const upkeep = await (opening as Promise<UpkeepTown>)
        await upkeep.objects.createBucket()
        await body(upkeep)
      },
      {
        ...options,
        onFinding: (name, finding) =>
          void opening?.then(({ services }) => services.get(name)?.onFinding(finding)),
        furnish: async (peer, town) => {
          opening ??= UpkeepTown.found(town, settings)
          await (await opening).furnish(peer)
        },
      },
    )
  }

  /** For peers that are added to a town. */
  static async found(town: Town, settings: Partial<UpkeepSettings>): Promise<UpkeepTown> {
    const catalog = await LocalCatalog.open({ wallMs: () => EPOCH_MS + town.world.nowMs })
    return new UpkeepTown(town, catalog, { settings, random: town.world.random.fork('upkeep') })
  }

  get leader(): string {
    return this.#leader
  }

  /** Has a peer of the town take part. */
  async furnish({ name, environment, fragments }: Townsman): Promise<void> {
    if (!this.#seats.includes(name)) this.#seats.push(name)
    this.#leader ||= name
    this.#listeners.set(name, new Set())
    this.#led.set(name, new Set())
    this.services.delete(name)
    const service = await UpkeepService.start({
      environment,
      catalog: this.#catalogFor(name, environment),
      seats: this.#seatsFor(name),
      kv: this.#kv(environment),
      peers: fragments.peers,
      store: fragments.store,
      coder: this.town.coder,
      seal: this.seal,
      networkId: NETWORK_ID,
      secrets: size => environment.random.bytes(size),
      settings: this.#settings,
      onFailure: error => {
        this.failures.push(error)
        this.town.world.fail(error)
      },
    })
    this.services.set(name, service)
    this.#away.delete(name)
    this.#stores.set(name, fragments.store)
    this.#learn(name, 'alive')
    this.#watchSpace(name)
  }

  service(name: string = this.#leader): UpkeepService {
    const service = this.services.get(name)
    assert.ok(service !== undefined, `${name} runs`)
    return service
  }

  /** Whether a peer is up, and not frozen. */
  runs(name: string): boolean {
    return this.services.has(name) && !this.#away.has(name)
  }

  kill(name: string, ending: Ending = 'process'): void {
    this.town.kill(name, ending)
    this.services.delete(name)
    this.#silent(name)
  }

  async restart(name: string): Promise<void> {
    await this.town.restart(name)
  }

  /** The process stands still, or goes on. */
  freeze(name: string): void {
    this.town.peer(name).machine.pause()
    this.#silent(name)
  }

  thaw(name: string): void {
    this.town.peer(name).machine.resume()
    this.#away.delete(name)
    this.#learn(name, 'alive')
  }

  /** It will not come back. */
  retire(name: string): void {
    this.#retired.add(name)
    this.#learn(name, 'gone')
  }

  /** What the replicated map says of drains. */
  async drains(): Promise<readonly { readonly peer: string; readonly state: string }[]> {
    return [...this.#drains].map(([key, value]) => ({
      peer: key.slice(DRAINS_PREFIX.length),
      state: Buffer.from(value).toString(),
    }))
  }

  zone(name: string, zone: string): void {
    const known = this.#known.get(name)
    if (known !== undefined) known.zone = zone
  }

  views(): readonly PeerView[] {
    return this.#seats.flatMap((name, at) => {
      const known = this.#known.get(name)
      if (known === undefined) return []
      const isDraining = known.state === 'alive' && this.#drains.has(DRAINS_PREFIX + name)
      return [{ ...known, seat: at + 1, state: isDraining ? ('draining' as const) : known.state }]
    })
  }

  seatOf(name: string): number {
    return this.#seats.indexOf(name) + 1
  }

  nameAt(seat: number): string {
    return this.#seats[seat - 1] ?? ''
  }

  /** Nothing is heard of a peer any more. */
  #silent(name: string): void {
    this.#away.add(name)
    const { world } = this.town
    const isSilent = (): boolean => this.#away.has(name) && !this.#retired.has(name)
    world.schedule(SUSPECT_MS, () => isSilent() && this.#learn(name, 'suspect'))
    world.schedule(DEAD_MS, () => isSilent() && this.#learn(name, 'dead'))
    if (name === this.#leader) world.schedule(FENCE_MS, () => this.#elect())
  }

  /** Somebody else leads. */
  abdicate(): void {
    const others = [...this.services.keys()].filter(
      name => this.runs(name) && name !== this.#leader,
    )
    if (others.length > 0) this.#lead(this.#random.pick(others))
  }

  #elect(): void {
    const candidates = [...this.services.keys()].filter(name => this.runs(name))
    if (this.runs(this.#leader) || candidates.length === 0) return
    this.#lead(this.#random.pick(candidates))
  }

  #lead(name: string): void {
    this.#leader = name
    this.town.world.note('town', `${this.#leader} leads`)
    for (const listeners of this.#led.values()) for (const listener of listeners) listener()
  }

  #learn(name: string, state: PeerView['state']): void {
    const known = this.#known.get(name) ?? { zone: '', freeBytes: 0, capacityBytes: 0, state }
    this.#known.set(name, { ...known, ...this.#spaceOf(name), state })
    if (!this.runs(this.#leader)) this.#elect()
    this.#tell()
  }

  #tell(): void {
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener()
  }

  #spaceOf(name: string): { freeBytes: number; capacityBytes: number } | undefined {
    const store = this.#stores.get(name)
    if (!this.services.has(name) || store === undefined) return undefined
    const { usedBytes, limitBytes, isReadonly } = store.usage
    const freeBytes = isReadonly ? 0 : Math.max(0, limitBytes - usedBytes)
    return { freeBytes, capacityBytes: usedBytes + freeBytes }
  }

  #watchSpace(name: string): void {
    this.town.world.schedule(1_000, () => {
      if (!this.services.has(name)) return
      const known = this.#known.get(name)
      if (known !== undefined) Object.assign(known, this.#spaceOf(name))
      this.#watchSpace(name)
    })
  }

  #seatsFor(name: string): Seats {
    return {
      seatOf: peer => (this.#seats.includes(peer) ? this.seatOf(peer) : undefined),
      peerAt: seat => this.#seats[seat - 1],
      own: async () => this.seatOf(name),
      views: () => this.views(),
      uptime: () => 1,
      onChange: listener => {
        this.#listeners.get(name)?.add(listener)
        return () => this.#listeners.get(name)?.delete(listener)
      },
    }
  }

  #kv({ timers }: Environment): Pick<NodeKv, 'put' | 'delete' | 'list'> {
    const entry = (key: string, value: Uint8Array) => ({ key, value, revision: 1 })
    return {
      put: async (key, value) => {
        await sleep(timers, 2)
        this.#drains.set(key, value)
        this.#tell()
        return 1
      },
      delete: async key => {
        await sleep(timers, 2)
        const was = this.#drains.delete(key)
        this.#tell()
        return was
      },
      list: async prefix => {
        await sleep(timers, 2)
        const entries = [...this.#drains].filter(([key]) => key.startsWith(prefix))
        return { entries: entries.map(([key, value]) => entry(key, value)), isMore: false }
      },
    }
  }

  /** The agreed catalog as one process reaches it: after a while, if at all. */
  #catalogFor(name: string, environment: Environment): Catalog {
    return new TownCatalog(this.catalog, {
      environment,
      faults: this.faults,
      leads: () => this.#leader === name,
      onListed: this.#onListed,
      listeners: this.#led.get(name) as Set<() => void>,
    })
  }
}
