import assert from 'node:assert/strict'

import { concat, equals } from '../../src/base/bytes.ts'
import type { Environment, PeerId, Random } from '../../src/base/environment.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/waiting.ts'
import type { BlobInit, SegmentName } from '../../src/catalog/commands.ts'
import { NO_CONDITIONS } from '../../src/catalog/commands.ts'
import type { PlacedSegment } from '../../src/catalog/query-upkeep.ts'
import { decodeFragmentId, encodeFragmentId } from '../../src/erasure/fragment-id.ts'
import { formatFragmentId } from '../../src/erasure/fragment-id.ts'
import type { Scheme } from '../../src/erasure/scheme.ts'
import type {
  Applied,
  Catalog,
  CatalogCall,
  GroupCommand,
  GroupQuestion,
  GroupQuestions,
  PlacedCommand,
  PlacedQuestion,
  PlacedQuestions,
} from '../../src/node/catalog/catalog.ts'
import { decodeStream } from '../../src/node/coder/decode-stream.ts'
import { encodeStream } from '../../src/node/coder/encode-stream.ts'
import { encodeReference } from '../../src/node/fragments/fragment-reference.ts'
import { OriginSeal } from '../../src/node/fragments/origin-seal.ts'
import type { NodeKv } from '../../src/node/kv/node-kv.ts'
import { DRAINS_PREFIX, type Seats } from '../../src/node/store/seats.ts'
import { UpkeepService } from '../../src/node/upkeep/upkeep-service.ts'
import type { UpkeepSettings } from '../../src/node/upkeep/upkeep-settings.ts'
import { canTake, type PeerView } from '../../src/placement/peer-view.ts'
import { isSameReference } from '../../src/storage/fragment-record.ts'
import type { FragmentStore } from '../../src/storage/fragment-store.ts'
import { Town, type TownOptions, type Townsman } from './fragment-town.ts'
import { LocalCatalog } from './local-catalog.ts'

export const NETWORK_ID: Uint8Array = new Uint8Array(32).fill(7)
const GROUP = 1
const BUCKET = 'films'
const LEASE_MS = 600_000
const WALL_MS = 1_700_000_000_000
/** How long it takes until all know that a peer is silent, and that it is dead. */
const SUSPECT_MS = 2_000
const DEAD_MS = 7_000
const FENCE_MS = 3_000

type Known = { state: PeerView['state']; zone: string; freeBytes: number; capacityBytes: number }

/** What a leader of the real catalog may be troubled by, per call. */
export interface CatalogFaults {
  /** Not done. */
  refused: number
  /** Done, but nobody says so. */
  unanswered: number
}

export interface UpkeepPlayOptions extends Omit<TownOptions, 'furnish'> {
  readonly settings?: Partial<UpkeepSettings>
}

/** An object that was acknowledged, and must be there. */
export interface Stored {
  readonly key: string
  readonly bytes: Uint8Array
}

/**
 * A town with one agreed catalog, seats, and upkeep on every peer. Who is suspected and who is dead
 * all learn at the same time, a while after it happened; who leads changes with the leader's death.
 */
export class UpkeepTown {
  readonly town: Town
  readonly catalog: LocalCatalog
  readonly seal: OriginSeal = new OriginSeal(new Uint8Array(32).fill(3))
  readonly faults: CatalogFaults = { refused: 0, unanswered: 0 }
  readonly services: Map<string, UpkeepService> = new Map()
  readonly failures: unknown[] = []
  readonly #random: Random
  readonly #settings: Partial<UpkeepSettings>
  readonly #seats: string[] = []
  readonly #stores = new Map<string, FragmentStore>()
  readonly #known = new Map<string, Known>()
  readonly #retired = new Set<string>()
  readonly #drains = new Map<string, Uint8Array>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #led = new Map<string, Set<() => void>>()
  #leader = ''
  #contents = 0

  constructor(
    town: Town,
    catalog: LocalCatalog,
    { settings = {}, random }: { settings?: Partial<UpkeepSettings>; random: Random },
  ) {
    this.town = town
    this.catalog = catalog
    this.#settings = settings
    this.#random = random
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
        await upkeep.createBucket()
        await body(upkeep)
      },
      {
        ...options,
        furnish: async (peer, town) => {
          opening ??= UpkeepTown.found(town, settings)
          await (await opening).furnish(peer)
        },
      },
    )
  }

  /** For peers that are added to a town. */
  static async found(town: Town, settings: Partial<UpkeepSettings>): Promise<UpkeepTown> {
    const catalog = await LocalCatalog.open({ wallMs: () => WALL_MS + town.world.nowMs })
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
    this.#stores.set(name, fragments.store)
    this.#learn(name, 'alive')
    this.#watchSpace(name)
  }

  service(name: string = this.#leader): UpkeepService {
    const service = this.services.get(name)
    assert.ok(service !== undefined, `${name} runs`)
    return service
  }

  kill(name: string): void {
    this.town.kill(name)
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
    this.#learn(name, 'alive')
  }

  /** It will not come back. */
  retire(name: string): void {
    this.#retired.add(name)
    this.#learn(name, 'gone')
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

  /** Makes room for objects. */
  async createBucket(): Promise<void> {
    const options = { owner: '', versioning: 'off', hasLock: false, retention: undefined } as const
    await this.catalog.propose({ type: 'createBucket', bucket: BUCKET, ...options })
  }

  /**
   * Stores an object as a client would: fragments under leases, then the version, then commits.
   * @param missing fragments that nobody gets: debts
   */
  async put(
    key: string,
    bytes: Uint8Array,
    scheme: Scheme,
    { missing = 0, isListed = true }: { missing?: number; isListed?: boolean } = {},
  ): Promise<Stored> {
    const content = this.#nextContent()
    const blob = concat([Uint8Array.of(0, 1), this.#random.bytes(6)])
    const { segments, commits } = await this.#store(key, bytes, { content, blob, scheme, missing })
    if (!isListed) return { key, bytes }
    const init: BlobInit = {
      blob,
      firstSegment: 0,
      segments,
      sizeBytes: bytes.length,
      segmentCount: segments.length,
      envelope: new Uint8Array(0),
    }
    const untilMs = this.#wallMs() + LEASE_MS
    await this.catalog.propose({
      type: 'putObject',
      bucket: BUCKET,
      key,
      conditions: NO_CONDITIONS,
      description: {
        sizeBytes: bytes.length,
        etag: 'e',
        headers: [],
        checksums: [],
        tags: [],
        retention: undefined,
        hasLegalHold: false,
      },
      body: { type: 'blob', content, untilMs, blob: init },
    })
    await Promise.all(commits.map(commit => commit().catch(() => undefined)))
    return { key, bytes }
  }

  async delete(key: string): Promise<void> {
    const options = { version: undefined, conditions: NO_CONDITIONS, bypassesGovernance: false }
    await this.catalog.propose({ type: 'deleteObject', bucket: BUCKET, key, ...options })
  }

  /** Every segment that is listed. */
  async segments(): Promise<readonly PlacedSegment[]> {
    const items: PlacedSegment[] = []
    let after: Uint8Array | undefined
    do {
      const page = await this.catalog.askOf(GROUP, 'allSegments', { after, limit: 100 })
      items.push(...page.items)
      after = page.next
    } while (after !== undefined)
    return items
  }

  async garbage(): Promise<number> {
    const asked = { after: undefined, limit: 1_000 }
    return (await this.catalog.askOf(GROUP, 'garbage', asked)).items.length
  }

  /** Reads an object from the peers that run, and compares it. */
  async check({ key, bytes }: Stored, reader: string = this.#anyReader()): Promise<void> {
    const object = await this.catalog.ask('object', { bucket: BUCKET, key, version: undefined })
    const { body } = object.version
    assert.ok(body.type === 'content', 'the object has a content')
    const name = { bucket: BUCKET, key, content: body.content }
    const range = { fromBytes: 0, lengthBytes: bytes.length }
    const { extents } = await this.catalog.ask('extents', { ...name, ...range })
    const blob = extents[0]?.blob ?? new Uint8Array(8)
    const asked = { ...name, blob, first: 0, count: 100 }
    const records = await this.catalog.ask('segments', asked)
    const { peers } = this.town.peer(reader).fragments
    const holderOf = (segment: number, column: number): PeerId =>
      this.nameAt(records[segment]?.fragments[column]?.seat ?? 0)
    const source = {
      columnsOf: (segment: number) =>
        [...(records[segment]?.fragments ?? []).keys()].filter(column =>
          this.services.has(holderOf(segment, column)),
        ),
      leaves: ({ segment, column, id }: Place) =>
        peers.leaves(holderOf(segment, column), formatFragmentId(id), { deadlineMs: 2_000 }),
      cells: ({ segment, column, id }: Place, { from, to }: { from: number; to: number }) =>
        peers.cells(holderOf(segment, column), formatFragmentId(id), {
          from,
          to,
          deadlineMs: 2_000,
        }),
    }
    const stored = {
      plainBytes: bytes.length,
      key: undefined,
      segments: records.map(({ k, fragments }) => ({
        k,
        fragments: fragments.map(({ id }) => decodeFragmentId(id)),
      })),
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of decodeStream(stored, { coder: this.town.coder, source })) {
      chunks.push(chunk)
    }
    assert.ok(equals(concat(chunks), bytes), `${key} reads back as it was`)
  }

  /**
   * What is listed under peers that run is there, whole and kept; returns how many fragments are
   * missing, rotten or listed under peers that are away.
   */
  async lacking(): Promise<number> {
    let lacking = 0
    for (const placed of await this.segments()) {
      for (const [index, { id, seat }] of placed.record.fragments.entries()) {
        if (!(await this.#isHeld(placed, index, id, seat))) lacking++
      }
    }
    return lacking
  }

  /** References on running peers that the catalog does not list. */
  async unlisted(): Promise<number> {
    const listed = new Set<string>()
    for (const { record, content, blob, segment } of await this.segments()) {
      for (const [index, { seat }] of record.fragments.entries()) {
        const name = { content, blob, segment, generation: record.generation }
        listed.add(`${seat} ${index} ${String(encodeReference(name))}`)
      }
    }
    let unlisted = 0
    for (const name of this.town.names) {
      const { store } = this.town.peer(name).fragments
      for (const { references } of await store.list()) {
        for (const { segment, index } of references) {
          if (!listed.has(`${this.seatOf(name)} ${index} ${String(segment)}`)) unlisted++
        }
      }
    }
    return unlisted
  }

  async #isHeld(
    placed: PlacedSegment,
    index: number,
    id: Uint8Array,
    seat: number,
  ): Promise<boolean> {
    const name = this.nameAt(seat)
    if (!this.services.has(name)) return false
    const { store } = this.town.peer(name).fragments
    const text = formatFragmentId(decodeFragmentId(id))
    const { content, blob, segment, record } = placed
    const reference = encodeReference({ content, blob, segment, generation: record.generation })
    const info = await store.stat(text)
    const own = info?.references.find(it => isSameReference(it, { segment: reference, index }))
    if (info === undefined || info.isRotten || own === undefined) return false
    try {
      for await (const cell of store.read(text)) void cell
      return true
    } catch {
      return false
    }
  }

  async #store(
    key: string,
    bytes: Uint8Array,
    about: { content: Uint8Array; blob: Uint8Array; scheme: Scheme; missing: number },
  ): Promise<{ segments: BlobInit['segments']; commits: (() => Promise<void>)[] }> {
    const { content, blob, scheme, missing } = about
    const segments: BlobInit['segments'][number][] = []
    const commits: (() => Promise<void>)[] = []
    let columns: Uint8Array[][] = []
    const { peers } = this.town.peer(this.#anyReader()).fragments
    const options = { coder: this.town.coder, scheme }
    for await (const event of encodeStream(chunksOf(bytes), options)) {
      if (event.type === 'end') continue
      if (event.type === 'cells') {
        for (const [column, cells] of event.columns.entries()) {
          ;(columns[column] ??= []).push(...cells.map(cell => cell.slice()))
        }
        event.release()
        continue
      }
      const { segment, lengthBytes: sizeBytes } = event
      const { k, m } = event.scheme
      const holders = this.#holders(k + m)
      const reference = encodeReference({ content, blob, segment, generation: 0 })
      const fragments = await Promise.all(
        event.fragments.map(async ({ id, sizeBytes: fragmentBytes }, index) => {
          const encoded = encodeFragmentId(id)
          const holder = index < k + m - missing ? holders[index] : undefined
          if (holder === undefined) return { id: encoded, seat: 0 }
          const name = formatFragmentId(id)
          const sealed = this.#seal(key, bytes.length, { segment, sizeBytes, k, m, index })
          const put = { segment: reference, index, sizeBytes: fragmentBytes, sealed }
          const cells = columns[index] ?? []
          try {
            await peers.put(holder, name, { ...put, leaseMs: LEASE_MS }, cells)
          } catch {
            return { id: encoded, seat: 0 }
          }
          commits.push(() => peers.commit(holder, name, { segment: reference, index }))
          return { id: encoded, seat: this.seatOf(holder) }
        }),
      )
      segments.push({ sizeBytes, k, fragments })
      columns = []
    }
    return { segments, commits }
  }

  #seal(
    key: string,
    objectBytes: number,
    place: { segment: number; sizeBytes: number; k: number; m: number; index: number },
  ): Uint8Array {
    const { sizeBytes: segmentBytes, ...rest } = place
    const envelope = new Uint8Array(0)
    const object = { bucket: BUCKET, key, version: '1', objectBytes, objectSegments: 1 }
    return this.seal.seal({ networkId: NETWORK_ID, ...object, ...rest, segmentBytes, envelope })
  }

  #holders(count: number): string[] {
    const free = this.views().filter(view => canTake(view, 1 << 20))
    return this.#random
      .shuffle(free)
      .slice(0, count)
      .map(({ seat }) => this.nameAt(seat))
  }

  #anyReader(): string {
    const alive = this.views().filter(({ state }) => state === 'alive')
    return this.#random.pick(alive.map(({ seat }) => this.nameAt(seat)))
  }

  #nextContent(): Uint8Array {
    const content = new Uint8Array(16)
    new DataView(content.buffer).setUint32(0, ++this.#contents)
    return content
  }

  #wallMs(): number {
    return Math.floor(WALL_MS + this.town.world.nowMs)
  }

  /** Nothing is heard of a peer any more. */
  #silent(name: string): void {
    this.services.delete(name)
    const { world } = this.town
    const isSilent = (): boolean => !this.services.has(name) && !this.#retired.has(name)
    world.schedule(SUSPECT_MS, () => isSilent() && this.#learn(name, 'suspect'))
    world.schedule(DEAD_MS, () => isSilent() && this.#learn(name, 'dead'))
    if (name === this.#leader) world.schedule(FENCE_MS, () => this.#elect())
  }

  #elect(): void {
    const candidates = [...this.services.keys()]
    if (this.services.has(this.#leader) || candidates.length === 0) return
    this.#leader = this.#random.pick(candidates)
    this.town.world.note('town', `${this.#leader} leads`)
    for (const listeners of this.#led.values()) for (const listener of listeners) listener()
  }

  #learn(name: string, state: PeerView['state']): void {
    const known = this.#known.get(name) ?? { zone: '', freeBytes: 0, capacityBytes: 0, state }
    this.#known.set(name, { ...known, ...this.#spaceOf(name), state })
    if (!this.services.has(this.#leader)) this.#elect()
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
      listeners: this.#led.get(name) as Set<() => void>,
    })
  }
}

type Place = { segment: number; column: number; id: ReturnType<typeof decodeFragmentId> }

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

interface TownCatalogOptions {
  readonly environment: Environment
  readonly faults: CatalogFaults
  readonly leads: () => boolean
  readonly listeners: Set<() => void>
}

class TownCatalog implements Catalog {
  readonly #catalog: LocalCatalog
  readonly #options: TownCatalogOptions
  readonly #random: Random

  constructor(catalog: LocalCatalog, options: TownCatalogOptions) {
    this.#catalog = catalog
    this.#options = options
    this.#random = options.environment.random.fork('catalog')
  }

  propose(command: PlacedCommand, call: CatalogCall = {}): Promise<Applied> {
    return this.#call(call, () => this.#catalog.propose(command))
  }

  ask<Type extends PlacedQuestion>(
    type: Type,
    asked: PlacedQuestions[Type]['asked'],
    call: CatalogCall = {},
  ): Promise<PlacedQuestions[Type]['answer']> {
    return this.#call(call, () => this.#catalog.ask(type, asked))
  }

  listObjects: Catalog['listObjects'] = options => this.#catalog.listObjects(options)
  listVersions: Catalog['listVersions'] = options => this.#catalog.listVersions(options)
  listUploads: Catalog['listUploads'] = (...asked) => this.#catalog.listUploads(...asked)
  listBuckets: Catalog['listBuckets'] = options => this.#catalog.listBuckets(options)
  usage: Catalog['usage'] = bucket => this.#catalog.usage(bucket)

  groups(call: CatalogCall = {}): Promise<readonly number[]> {
    return this.#call(call, () => this.#catalog.groups())
  }

  groupOf(_: SegmentName | object, call: CatalogCall = {}): Promise<number> {
    return this.#call(call, () => this.#catalog.groupOf())
  }

  led(): readonly number[] {
    return this.#options.leads() ? [GROUP] : []
  }

  onLed(listener: () => void): () => void {
    this.#options.listeners.add(listener)
    return () => this.#options.listeners.delete(listener)
  }

  proposeTo(group: number, command: GroupCommand, call: CatalogCall = {}): Promise<Applied> {
    return this.#call(call, () => {
      this.#demandLed(group)
      return this.#catalog.proposeTo(group, command)
    })
  }

  askOf<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    call: CatalogCall = {},
  ): Promise<GroupQuestions[Type]['answer']> {
    return this.#call(call, () => {
      this.#demandLed(group)
      return this.#catalog.askOf(group, type, asked)
    })
  }

  async #call<Result>({ signal }: CatalogCall, work: () => Promise<Result>): Promise<Result> {
    const { environment, faults } = this.#options
    const { timers } = environment
    await sleep(timers, this.#random.exponential(2), signal)
    if (this.#random.chance(faults.refused)) throw noQuorum()
    const outcome = await work().then(
      value => ({ value }),
      (error: unknown) => ({ error }),
    )
    // Whatever comes of it, a process that is gone never learns.
    await sleep(timers, this.#random.exponential(2), signal)
    if (this.#random.chance(faults.unanswered)) throw unknown()
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  #demandLed(group: number): void {
    if (this.#options.leads()) return
    const details = { code: 'NOT_LEADER', group } as const
    throw new HoldfastError('Cannot lead: another peer does', details)
  }
}

const noQuorum = (): HoldfastError =>
  new HoldfastError('No majority', { code: 'NO_QUORUM', group: GROUP, afterMs: 1 })

const unknown = (): HoldfastError =>
  new HoldfastError('Nobody knows', { code: 'OUTCOME_UNKNOWN', group: GROUP, reason: 'silence' })
