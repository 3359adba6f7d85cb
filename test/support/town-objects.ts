import assert from 'node:assert/strict'

import { concat, equals } from '../../src/base/bytes.ts'
import type { PeerId, Random } from '../../src/base/environment.ts'
import { type BlobInit, NO_CONDITIONS } from '../../src/catalog/commands.ts'
import type { PlacedSegment } from '../../src/catalog/query-upkeep.ts'
import type { Fragment } from '../../src/catalog/records.ts'
import {
  decodeFragmentId,
  encodeFragmentId,
  formatFragmentId,
} from '../../src/erasure/fragment-id.ts'
import type { Scheme } from '../../src/erasure/scheme.ts'
import { decodeStream } from '../../src/node/coder/decode-stream.ts'
import { encodeStream } from '../../src/node/coder/encode-stream.ts'
import { encodeReference } from '../../src/node/fragments/fragment-reference.ts'
import type { OriginSeal } from '../../src/node/fragments/origin-seal.ts'
import { canTake, type PeerView } from '../../src/placement/peer-view.ts'
import { isSameReference } from '../../src/storage/fragment-record.ts'
import type { Town } from './fragment-town.ts'
import type { LocalCatalog } from './local-catalog.ts'
import { TOWN_GROUP } from './town-catalog.ts'

export const NETWORK_ID: Uint8Array = new Uint8Array(32).fill(7)
const BUCKET = 'films'
const LEASE_MS = 600_000
/** What has ended may wait this long for its collector. */
const OVERDUE_MS = 180_000

/** An object that was acknowledged, and must be there. */
export interface Stored {
  readonly key: string
  readonly bytes: Uint8Array
}

/** A fragment that is listed and cannot be had. */
export interface Missing {
  readonly placed: PlacedSegment
  readonly index: number
  readonly holder: string
  readonly why: 'away' | 'absent' | 'rotten'
}

export interface PutOptions {
  /** Fragments that nobody gets: debts. */
  readonly missing?: number
  /** Whether it is ever committed. @default true */
  readonly isListed?: boolean
  /** For how long peers promise to keep what they were given. */
  readonly leaseMs?: number
  /** Between the last fragment and the commit. */
  readonly slowMs?: number
  /** The catalog knows of it from the beginning. */
  readonly isOpened?: boolean
  /** Whether peers are told that their fragments are listed. @default true */
  readonly commits?: boolean
}

/** What objects of a town need to know of it. */
export interface TownMap {
  readonly town: Town
  readonly catalog: LocalCatalog
  readonly seal: OriginSeal
  readonly views: () => readonly PeerView[]
  readonly seatOf: (name: string) => number
  readonly nameAt: (seat: number) => string
  readonly runs: (name: string) => boolean
  readonly wallMs: () => number
}

/** Clients of a town: they store objects, read them, and look what became of the fragments. */
export class TownObjects {
  readonly #map: TownMap
  readonly #random: Random
  #contents = 0

  constructor(map: TownMap, random: Random) {
    this.#map = map
    this.#random = random
  }

  /** Makes room for objects. */
  async createBucket(): Promise<void> {
    const options = { owner: '', versioning: 'off', hasLock: false, retention: undefined } as const
    await this.#map.catalog.propose({ type: 'createBucket', bucket: BUCKET, ...options })
  }

  /** Stores an object as a client would: fragments under leases, then the version, then commits. */
  async put(
    key: string,
    bytes: Uint8Array,
    scheme: Scheme,
    options: PutOptions = {},
  ): Promise<Stored> {
    const {
      missing = 0,
      isListed = true,
      leaseMs = LEASE_MS,
      slowMs = 0,
      commits: tells = true,
    } = options
    const content = this.#nextContent()
    const blob = concat([Uint8Array.of(0, 1), this.#random.bytes(6)])
    const open = { type: 'openContent', bucket: BUCKET, key, content } as const
    const untilMs = this.#map.wallMs() + LEASE_MS
    if (options.isOpened === true) {
      await this.#map.catalog.propose({ ...open, untilMs, upload: undefined })
    }
    const about = { content, blob, scheme, missing, leaseMs }
    const { segments, commits } = await this.#store(key, bytes, about)
    if (!isListed) return { key, bytes }
    await this.#map.town.world.sleep(slowMs)
    const init: BlobInit = {
      blob,
      firstSegment: 0,
      segments,
      sizeBytes: bytes.length,
      segmentCount: segments.length,
      envelope: new Uint8Array(0),
    }
    await this.#map.catalog.propose({
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
    if (tells) await Promise.all(commits.map(commit => commit().catch(() => undefined)))
    return { key, bytes }
  }

  async delete(key: string): Promise<void> {
    const options = { version: undefined, conditions: NO_CONDITIONS, bypassesGovernance: false }
    await this.#map.catalog.propose({ type: 'deleteObject', bucket: BUCKET, key, ...options })
  }

  /** Every segment that is listed. */
  async segments(): Promise<readonly PlacedSegment[]> {
    const items: PlacedSegment[] = []
    let after: Uint8Array | undefined
    do {
      const page = await this.#map.catalog.askOf(TOWN_GROUP, 'allSegments', { after, limit: 100 })
      items.push(...page.items)
      after = page.next
    } while (after !== undefined)
    return items
  }

  async garbage(): Promise<number> {
    const asked = { after: undefined, limit: 1_000 }
    return (await this.#map.catalog.askOf(TOWN_GROUP, 'garbage', asked)).items.length
  }

  /** Reads an object from the peers that run, and compares it. */
  async check({ key, bytes }: Stored, reader: string = this.#anyReader()): Promise<void> {
    const object = await this.#map.catalog.ask('object', {
      bucket: BUCKET,
      key,
      version: undefined,
    })
    const { body } = object.version
    assert.ok(body.type === 'content', 'the object has a content')
    const name = { bucket: BUCKET, key, content: body.content }
    const range = { fromBytes: 0, lengthBytes: bytes.length }
    const { extents } = await this.#map.catalog.ask('extents', { ...name, ...range })
    const blob = extents[0]?.blob ?? new Uint8Array(8)
    const asked = { ...name, blob, first: 0, count: 100 }
    const records = await this.#map.catalog.ask('segments', asked)
    const { peers } = this.#map.town.peer(reader).fragments
    const holderOf = (segment: number, column: number): PeerId =>
      this.#map.nameAt(records[segment]?.fragments[column]?.seat ?? 0)
    const source = {
      columnsOf: (segment: number) =>
        [...(records[segment]?.fragments ?? []).keys()].filter(column =>
          this.#map.runs(holderOf(segment, column)),
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
    for await (const chunk of decodeStream(stored, { coder: this.#map.town.coder, source })) {
      chunks.push(chunk)
    }
    assert.ok(equals(concat(chunks), bytes), `${key} reads back as it was`)
  }

  /**
   * What is listed under peers that run is there, whole and kept; returns how many fragments are
   * missing, rotten or listed under peers that are away.
   */
  async lacking(): Promise<number> {
    return (await this.missing()).length
  }

  /** The same one by one. */
  async missing(): Promise<readonly Missing[]> {
    const missing: Missing[] = []
    for (const placed of await this.segments()) {
      for (const [index, { seat }] of placed.record.fragments.entries()) {
        const why = await this.whyMissing(placed, index)
        if (why !== undefined) missing.push({ placed, index, holder: this.#map.nameAt(seat), why })
      }
    }
    return missing
  }

  /** References on running peers that the catalog does not list, and that do not end soon. */
  async unlisted(): Promise<number> {
    const listed = new Set<string>()
    for (const { record, content, blob, segment } of await this.segments()) {
      for (const [index, { seat }] of record.fragments.entries()) {
        const name = { content, blob, segment, generation: record.generation }
        listed.add(`${seat} ${index} ${String(encodeReference(name))}`)
      }
    }
    let unlisted = 0
    for (const name of this.#map.town.names) {
      const { store } = this.#map.town.peer(name).fragments
      for (const { references } of await store.list()) {
        for (const { segment, index, untilMs } of references) {
          const isLasting = untilMs === 0 || untilMs < this.#map.wallMs() - OVERDUE_MS
          if (isLasting && !listed.has(`${this.#map.seatOf(name)} ${index} ${String(segment)}`))
            unlisted++
        }
      }
    }
    return unlisted
  }

  /** Why a fragment cannot be had from whom it is listed under; undefined if it can. */
  async whyMissing(placed: PlacedSegment, index: number): Promise<Missing['why'] | undefined> {
    const { content, blob, segment, record } = placed
    const { id, seat } = record.fragments[index] as Fragment
    const name = this.#map.nameAt(seat)
    if (!this.#map.runs(name)) return 'away'
    const { store } = this.#map.town.peer(name).fragments
    const text = formatFragmentId(decodeFragmentId(id))
    const reference = encodeReference({ content, blob, segment, generation: record.generation })
    const info = await store.stat(text)
    const own = info?.references.find(it => isSameReference(it, { segment: reference, index }))
    if (info === undefined || own === undefined) return 'absent'
    if (info.isRotten) return 'rotten'
    try {
      for await (const cell of store.read(text)) void cell
      return undefined
    } catch {
      return 'rotten'
    }
  }

  async #store(
    key: string,
    bytes: Uint8Array,
    about: {
      content: Uint8Array
      blob: Uint8Array
      scheme: Scheme
      missing: number
      leaseMs: number
    },
  ): Promise<{ segments: BlobInit['segments']; commits: (() => Promise<void>)[] }> {
    const { content, blob, scheme, missing, leaseMs } = about
    const segments: BlobInit['segments'][number][] = []
    const commits: (() => Promise<void>)[] = []
    let columns: Uint8Array[][] = []
    const { peers } = this.#map.town.peer(this.#anyReader()).fragments
    const options = { coder: this.#map.town.coder, scheme }
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
            await peers.put(holder, name, { ...put, leaseMs }, cells)
          } catch {
            return { id: encoded, seat: 0 }
          }
          commits.push(() => peers.commit(holder, name, { segment: reference, index }))
          return { id: encoded, seat: this.#map.seatOf(holder) }
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
    return this.#map.seal.seal({
      networkId: NETWORK_ID,
      ...object,
      ...rest,
      segmentBytes,
      envelope,
    })
  }

  #holders(count: number): string[] {
    const free = this.#map.views().filter(view => canTake(view, 1 << 20))
    return this.#random
      .shuffle(free)
      .slice(0, count)
      .map(({ seat }) => this.#map.nameAt(seat))
  }

  #anyReader(): string {
    const alive = this.#map.views().filter(({ state }) => state === 'alive')
    return this.#random.pick(alive.map(({ seat }) => this.#map.nameAt(seat)))
  }

  #nextContent(): Uint8Array {
    const content = new Uint8Array(16)
    new DataView(content.buffer).setUint32(0, ++this.#contents)
    return content
  }
}

type Place = { segment: number; column: number; id: ReturnType<typeof decodeFragmentId> }

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
