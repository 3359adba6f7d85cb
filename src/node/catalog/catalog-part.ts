/**
 * The catalog of a full member, in two steps, for its states are opened with the log and its groups
 * run with the map:
 *
 *     const part = new CatalogPart({ keyValue, stampMs, … })
 *     SystemGroup.open({ states: snapshots => part.openStates(snapshots), changed: part.changed, … })
 *     part.start({ node, network, kv })      → { catalog, ranges }
 *     part.stop(), then the groups are closed, then part.close(), then the store
 */
import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import { bucketPosition, positionOf } from '../../catalog/position.ts'
import type { KeyValue } from '../../storage/key-value.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { ReplicaStates } from '../consensus/replica-state.ts'
import type { SnapshotStore } from '../consensus/snapshot-store.ts'
import type { KvClient } from '../kv/kv-client.ts'
import { type BucketCommand, BucketMirrors } from './bucket-mirrors.ts'
import { CatalogClient } from './catalog-client.ts'
import { CatalogHost } from './catalog-host.ts'
import { CatalogReach } from './catalog-reach.ts'
import { CatalogStates, groupStates } from './catalog-states.ts'
import type { Catalog, PlacedCommand } from './catalog.ts'
import type { Child } from './group-row.ts'
import { placeOf } from './places.ts'
import { RangeLists } from './range-lists.ts'
import { RangeWatch } from './range-watch.ts'
import { RangeChanges, type Ranges } from './ranges.ts'
import { ShardBook } from './shard-book.ts'

/** Where the rows of the catalog lie in a data directory. */
export const CATALOG_DIRECTORY = 'catalog'

export interface CatalogPartOptions {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly keyValue: KeyValue
  /** The time that commands get where this peer leads, milliseconds since 1970. */
  readonly stampMs: () => number
  /** The state of the system group, which is not of the catalog. */
  readonly systemStates: (snapshots: SnapshotStore) => ReplicaStates
  /** A range with more objects is split by itself. @default 10 million */
  readonly splitObjects?: number | undefined
  /** A range was split off here: of which group, and as which. */
  readonly onSplit?: (group: number, child: number) => void
  readonly failed: (error: unknown) => void
}

export interface CatalogPlace {
  readonly node: ConsensusNode
  /** Of those who take part. */
  readonly network: Network
  readonly kv: KvClient
}

/** What users and operators have of it. */
export interface OpenCatalog {
  readonly catalog: Catalog
  readonly ranges: Ranges
}

const SYSTEM_GROUP = 0
const LISTENERS_MAX = 64
/** What a voter was measured to bear in one group within its memory. */
const SPLIT_OBJECTS = 10_000_000

export class CatalogPart {
  readonly #options: CatalogPartOptions
  readonly #tasks: Tasks
  readonly #listeners = new Set<() => void>()
  #states: CatalogStates | undefined
  #node: ConsensusNode | undefined
  #host: CatalogHost | undefined
  #led = ''

  constructor(options: CatalogPartOptions) {
    this.#options = options
    this.#tasks = new Tasks({ onFailure: ({ error }) => options.failed(error) })
  }

  /** The states of all groups: of the catalog here, the system group's where they always are. */
  async openStates(snapshots: SnapshotStore): Promise<ReplicaStates> {
    const { keyValue, stampMs, systemStates, failed } = this.#options
    const states = await CatalogStates.open({
      keyValue,
      snapshots,
      stampMs,
      failed,
      born: child => {
        const parent = this.#states?.standing(child)?.parent
        if (parent !== undefined) this.#options.onSplit?.(parent, child)
        this.#host?.changed()
      },
      isEstablished: child => this.#isEstablished(child),
    })
    this.#states = states
    return groupStates(systemStates(snapshots), states)
  }

  /** Undefined before they are open. */
  get states(): CatalogStates | undefined {
    return this.#states
  }

  /** Something of a group has changed. */
  readonly changed = (group: number): void => {
    if (group === SYSTEM_GROUP) return
    this.#host?.changed()
    const led = this.#host?.led.join() ?? ''
    if (led === this.#led) return
    this.#led = led
    for (const listener of this.#listeners) listener()
  }

  /** Begins to run the groups, and returns the catalog as this peer has it. */
  start({ node, network, kv }: CatalogPlace): OpenCatalog {
    const states = this.#states
    if (states === undefined) throw new RangeError('the states are opened before the groups run')
    const { environment } = this.#options
    const { clock, timers } = environment
    const book = new ShardBook(kv)
    const reach = new CatalogReach({ node, network, clock, timers, kv })
    const client = new CatalogClient({ node, states, reach, book, clock, timers })
    const host = new CatalogHost({ environment, node, states, book, kv, client })
    this.#node = node
    this.#host = host
    host.start(this.#tasks)
    const led = (): readonly number[] => host.led
    const ranges = new RangeChanges({ client, book, kv, states, led })
    const { splitObjects: objectsMax = SPLIT_OBJECTS } = this.#options
    new RangeWatch({ timers, states, ranges, led, objectsMax }).start(this.#tasks)
    return { catalog: this.#catalog(client, host, book), ranges }
  }

  /** Begins nothing more; to be called before the groups end. */
  stop(): Promise<void> {
    return this.#tasks.stop()
  }

  /** To be called after the groups have ended, and before the store is closed. */
  async close(): Promise<void> {
    await this.#states?.close()
  }

  #catalog(client: CatalogClient, host: CatalogHost, book: ShardBook): Catalog {
    const lists = new RangeLists(client)
    const mirrors = new BucketMirrors(client)
    return {
      propose: async (command, call) => {
        const place = placeOf(command)
        return isBucketCommand(command)
          ? mirrors.propose(command, call)
          : client.propose(place, command, call)
      },
      ask: async (type, asked, call) => client.ask(positionOf(placeOf(asked)), type, asked, call),
      listObjects: async (options, ask = {}) => lists.objects(checked(options), ask),
      listVersions: async (options, ask = {}) => lists.versions(checked(options), ask),
      listUploads: async (bucket, options, ask = {}) =>
        lists.uploads(placeOf({ bucket }).bucket, options, ask),
      listBuckets: (options, ask = {}) => lists.buckets(options, ask),
      usage: async (bucket, ask = {}) => lists.usage(placeOf({ bucket }).bucket, ask),
      groups: async (call = {}) => {
        await client.shardOf(bucketPosition(''), call)
        return book.shards.map(({ group }) => group).toSorted((a, b) => a - b)
      },
      groupOf: async (place, call = {}) => (await client.shardOf(positionOf(place), call)).group,
      led: () => host.led,
      onLed: listener => this.#listen(listener),
      proposeTo: (group, command, call) => client.proposeTo(group, command, call),
      askOf: (group, type, asked, call) => client.askOf(group, type, asked, call),
      askGroup: (group, type, asked, call) => client.askGroup(group, type, asked, call),
    }
  }

  /** A child that is not run here, and never will be, needs nothing of this peer. */
  #isEstablished({ group, index }: Child): boolean {
    const isUnborn = this.#states?.standing(group)?.parent !== undefined
    if (this.#node === undefined || isUnborn) return false
    const child = this.#node.group(group)
    return child === undefined || child.commit > index
  }

  #listen(listener: () => void): () => void {
    if (this.#listeners.size >= LISTENERS_MAX) {
      const details = { code: 'BUSY', what: 'listeners', limit: LISTENERS_MAX } as const
      throw new HoldfastError(`Cannot listen: ${LISTENERS_MAX} do`, details)
    }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

const isBucketCommand = (command: PlacedCommand): command is BucketCommand =>
  ['createBucket', 'changeBucket', 'deleteBucket'].includes(command.type)

function checked<Options extends { readonly bucket: string }>(options: Options): Options {
  placeOf({ bucket: options.bucket })
  return options
}

/** A storage member takes no part in the catalog. */
export function noCatalog(self: PeerId): OpenCatalog {
  const refuse = (): Promise<never> => {
    const details = { code: 'NOT_AUTHORISED', peer: self, protocol: 'catalog' } as const
    return Promise.reject(
      new HoldfastError('Cannot use the catalog: storage members take no part in it', details),
    )
  }
  const catalog = {
    propose: refuse,
    ask: refuse,
    listObjects: refuse,
    listVersions: refuse,
    listUploads: refuse,
    listBuckets: refuse,
    usage: refuse,
    groups: refuse,
    groupOf: refuse,
    led: () => [],
    onLed: () => () => undefined,
    proposeTo: refuse,
    askOf: refuse,
    askGroup: refuse,
  }
  return { catalog, ranges: { list: refuse, split: refuse, halve: refuse } }
}
