import { createHash } from 'node:crypto'

import { HoldfastError } from '../../src/base/errors.ts'
import type {
  BucketInfo,
  ListOptions,
  ListPage,
  ObjectInfo,
  ObjectPlace,
  ObjectReading,
  ObjectSettings,
  Store,
  UploadedPart,
  UploadName,
  WriteConditions,
  Written,
} from '../../src/node/store/store.ts'
import type { Upkeep } from '../../src/node/store/upkeep.ts'

type Kept = ObjectInfo & {
  readonly bytes: Buffer
  readonly pieces?: readonly UploadedPart[] | undefined
}
interface Bucket {
  info: BucketInfo
  readonly objects: Map<string, Kept>
  readonly documents: Map<string, Uint8Array>
}
interface Upload {
  readonly name: UploadName
  readonly settings: ObjectSettings
  readonly begun: Date
  readonly parts: Map<number, UploadedPart & { readonly bytes: Buffer }>
}

/** Reads at most this much at a time, so that streams are streams. */
const CHUNK_BYTES = 65_536

/**
 * A store in memory, of which the last version counts: what the gateway is tried on without a
 * network. It keeps the contract of `Store`, durability apart.
 */
export function memoryStore(): Store & Upkeep {
  const buckets = new Map<string, Bucket>()
  const uploads = new Map<string, Upload>()
  let count = 0

  const bucketOf = (name: string): Bucket => {
    const bucket = buckets.get(name)
    if (bucket !== undefined) return bucket
    throw new HoldfastError(`There is no bucket ${name}`, { code: 'NO_SUCH_BUCKET', bucket: name })
  }
  const find = ({ bucket, key }: ObjectPlace, version?: string): Kept => {
    const found = bucketOf(bucket).objects.get(key)
    if (found === undefined)
      throw new HoldfastError(`There is no ${key}`, { code: 'NO_SUCH_KEY', bucket, key })
    if (version === undefined || version === found.version) return found
    throw new HoldfastError(`There is no version ${version}`, {
      code: 'NO_SUCH_VERSION',
      bucket,
      key,
      version,
    })
  }
  const check = (place: ObjectPlace, { ifMatch, ifNoneMatch }: WriteConditions): void => {
    const etag = bucketOf(place.bucket).objects.get(place.key)?.etag
    const is = (wanted: string): boolean => etag !== undefined && ['*', etag].includes(wanted)
    if (ifMatch !== undefined && !is(ifMatch)) throw refused('ifMatch')
    if (ifNoneMatch !== undefined && is(ifNoneMatch)) throw refused('ifNoneMatch')
  }
  const keep = (
    place: ObjectPlace,
    bytes: Buffer,
    more: ObjectSettings & Partial<Pick<Kept, 'etag' | 'parts' | 'pieces'>>,
  ): Written => {
    const kept: Kept = {
      bucket: place.bucket,
      key: place.key,
      bytes,
      version: `v${++count}`,
      sizeBytes: bytes.length,
      etag: more.etag ?? md5(bytes),
      modified: new Date(),
      headers: more.headers ?? {},
      tags: more.tags ?? {},
      checksums: more.checksums ?? {},
      parts: more.parts ?? 0,
      pieces: more.pieces,
      retention: more.retention,
      hasLegalHold: more.hasLegalHold ?? false,
      needsKey: false,
    }
    bucketOf(place.bucket).objects.set(place.key, kept)
    const { version, etag, sizeBytes, modified } = kept
    return { version, etag, sizeBytes, modified }
  }
  const uploadOf = ({ upload }: UploadName): Upload => {
    const found = uploads.get(upload)
    if (found !== undefined) return found
    throw new HoldfastError(`There is no upload ${upload}`, { code: 'NO_SUCH_UPLOAD', upload })
  }
  const keepPart = (
    name: UploadName,
    part: number,
    { bytes, checksums = {} }: { bytes: Buffer; checksums?: ObjectSettings['checksums'] },
  ): UploadedPart => {
    const sizeBytes = bytes.length
    const made = { part, etag: md5(bytes), sizeBytes, modified: new Date(), checksums }
    uploadOf(name).parts.set(part, { ...made, bytes })
    return made
  }

  const store: Store = {
    async put(place, source, options = {}) {
      bucketOf(place.bucket)
      check(place, options)
      const bytes = await gather(source, options.signal)
      const settled = await options.settle?.({ sizeBytes: bytes.length, md5: md5(bytes) })
      check(place, options)
      return keep(place, bytes, { ...settingsIn(options), ...settled })
    },
    async get(place, options = {}): Promise<ObjectReading> {
      const kept = find(place, options.version)
      check(place, options)
      const from = options.from ?? 0
      if (options.from !== undefined && from >= kept.sizeBytes)
        throw new HoldfastError('Cannot read behind the end', {
          code: 'RANGE_UNSATISFIABLE',
          from,
          sizeBytes: kept.sizeBytes,
        })
      const to = Math.min(options.to ?? kept.sizeBytes, kept.sizeBytes)
      return { ...kept, from, to, body: chunksOf(kept.bytes.subarray(from, to), options.signal) }
    },
    async head(place, options = {}) {
      return infoOf(find(place, options.version))
    },
    async delete(place, options = {}) {
      check(place, options)
      const { objects } = bucketOf(place.bucket)
      const version = objects.get(place.key)?.version
      objects.delete(place.key)
      return { version, isMarker: false }
    },
    async setTags(place, tags, { version } = {}) {
      const kept = find(place, version)
      bucketOf(place.bucket).objects.set(place.key, { ...kept, tags })
      return { version: kept.version }
    },
    async setLock(place, { retention, hasLegalHold }, { version } = {}) {
      const kept = find(place, version)
      bucketOf(place.bucket).objects.set(place.key, {
        ...kept,
        retention: retention === 'none' ? undefined : (retention ?? kept.retention),
        hasLegalHold: hasLegalHold ?? kept.hasLegalHold,
      })
    },
    async partsOf(place, { version, after = 0, limit = 1000 } = {}) {
      const pieces = find(place, version).pieces ?? []
      return pieces.filter(({ part }) => part > after).slice(0, limit)
    },
    async copy(from, to, options = {}) {
      check(to, options)
      check(from, options.source ?? {})
      const { bytes, headers, tags, etag, checksums } = find(from, options.version)
      return keep(to, bytes, {
        etag,
        checksums,
        headers: options.headers ?? headers,
        tags: options.tags ?? tags,
      })
    },
    async *list(bucket, options = {}) {
      const { objects, prefixes } = pageOf(bucketOf(bucket), { ...options, limit: 1e9 })
      for (const prefix of prefixes) yield { type: 'prefix', prefix }
      for (const object of objects) yield { type: 'object', ...object }
    },
    listPage: async (bucket, options = {}) => pageOf(bucketOf(bucket), options),
    async listVersions(bucket, options = {}) {
      const { objects, prefixes, next } = pageOf(bucketOf(bucket), options)
      const versions = objects.map(each => ({ ...each, isLatest: true, isMarker: false }))
      return {
        versions,
        prefixes,
        next: next === undefined ? undefined : { after: next, version: undefined },
      }
    },
    async createBucket(name, { versioning = 'off', hasLock = false, owner = '' } = {}) {
      if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
        throw new HoldfastError('Cannot create', { code: 'INVALID_COMMAND', what: 'bucket name' })
      if (buckets.has(name))
        throw new HoldfastError('Cannot create', { code: 'BUCKET_EXISTS', bucket: name, owner })
      const info = { name, created: new Date(), owner, versioning, hasLock }
      buckets.set(name, { info, objects: new Map(), documents: new Map() })
      return info
    },
    bucket: async name => bucketOf(name).info,
    async changeBucket(name, { versioning, hasLock, retention }) {
      const bucket = bucketOf(name)
      const { info } = bucket
      bucket.info = {
        ...info,
        versioning: versioning ?? info.versioning,
        hasLock: hasLock ?? info.hasLock,
        retention: retention === 'none' ? undefined : (retention ?? info.retention),
      }
      return bucket.info
    },
    async deleteBucket(name) {
      if (bucketOf(name).objects.size > 0)
        throw new HoldfastError('Cannot delete', { code: 'BUCKET_NOT_EMPTY', bucket: name })
      buckets.delete(name)
    },
    async *buckets() {
      for (const name of [...buckets.keys()].toSorted()) yield bucketOf(name).info
    },
    async usage(name) {
      const sizes = [...bucketOf(name).objects.values()].map(({ sizeBytes }) => sizeBytes)
      const bytes = sizes.reduce((sum, size) => sum + size, 0)
      return { objects: sizes.length, versions: sizes.length, markers: 0, bytes, uploads: 0 }
    },
    document: async (bucket, name) => bucketOf(bucket).documents.get(name),
    async setDocument(bucket, name, document) {
      const { documents } = bucketOf(bucket)
      if (document === undefined) documents.delete(name)
      else documents.set(name, document)
    },
    async createUpload({ bucket, key }, options = {}) {
      bucketOf(bucket)
      const name = { bucket, key, upload: `u${++count}` }
      const settings = settingsIn(options)
      uploads.set(name.upload, { name, settings, begun: new Date(), parts: new Map() })
      return name
    },
    async upload(name) {
      const { settings, begun } = uploadOf(name)
      return { ...name, settings, begun }
    },
    async putPart(name, part, source, options = {}) {
      uploadOf(name)
      const bytes = await gather(source, options.signal)
      const settled = await options.settle?.({ sizeBytes: bytes.length, md5: md5(bytes) })
      return keepPart(name, part, { bytes, checksums: settled?.checksums ?? options.checksums })
    },
    async copyPart(name, part, from, { from: first = 0, to } = {}) {
      return keepPart(name, part, { bytes: find(from, from.version).bytes.subarray(first, to) })
    },
    async parts(name, { after = 0, limit = 1000 } = {}) {
      const all = [...uploadOf(name).parts.values()].toSorted((a, b) => a.part - b.part)
      return all
        .filter(({ part }) => part > after)
        .slice(0, limit)
        .map(describePart)
    },
    async completeUpload(name, parts, options = {}) {
      const upload = uploadOf(name)
      check(name, options)
      const pieces = parts.map(({ part, etag }) => {
        const found = upload.parts.get(part)
        if (found?.etag === etag) return found
        throw new HoldfastError('Cannot complete', {
          code: 'INVALID_PART',
          part,
          reason: 'it is another one',
        })
      })
      uploads.delete(name.upload)
      const digests = parts.map(({ etag }) => Buffer.from(etag, 'hex'))
      return keep(name, Buffer.concat(pieces.map(({ bytes }) => bytes)), {
        ...upload.settings,
        checksums: options.checksums ?? {},
        etag: `${md5(Buffer.concat(digests))}-${parts.length}`,
        parts: parts.length,
        pieces: pieces.map(describePart),
      })
    },
    async abortUpload(name) {
      uploadOf(name)
      uploads.delete(name.upload)
    },
    async uploads(bucket) {
      const open = [...uploads.values()].filter(({ name }) => name.bucket === bucket)
      return { uploads: open.map(({ name }) => ({ ...name, begun: new Date() })), next: undefined }
    },
    async placement(place, options = {}) {
      const { sizeBytes, version } = find(place, options.version)
      const fragment = { index: 0, kind: 'data', id: 'f0', sizeBytes, peer: 'self' } as const
      const segment = { segment: 0, sizeBytes, k: 1, m: 0, margin: 0 }
      const segments = [{ ...segment, fragments: [{ ...fragment, state: 'alive' } as const] }]
      const { bucket, key } = place
      return { bucket, key, version, sizeBytes, isInline: false, segments, next: undefined }
    },
  }
  return { ...store, ...idleUpkeep() }
}

/** A part without its bytes. */
const describePart = ({
  part,
  etag,
  sizeBytes,
  modified,
  checksums,
}: UploadedPart): UploadedPart => ({ part, etag, sizeBytes, modified, checksums })

/** What of a call is kept beside the bytes. */
const settingsIn = (options: ObjectSettings): ObjectSettings => ({
  headers: options.headers ?? {},
  tags: options.tags ?? {},
  checksums: options.checksums ?? {},
  retention: options.retention,
  hasLegalHold: options.hasLegalHold,
})

/** Of a network with nothing to repair. */
function idleUpkeep(): Upkeep {
  const draining = new Set<string>()
  return {
    upkeep: () => ({
      waiting: 0,
      running: 0,
      short: 0,
      repairedSegments: 0,
      repairedBytes: 0,
      audits: { ok: 0, wrong: 0, unknown: 0, offline: 0 },
      scrub: { fragments: 0, findings: 0 },
      garbage: 0,
    }),
    repairs: async () => [],
    async drain(peer) {
      draining.add(peer)
    },
    async undrain(peer) {
      draining.delete(peer)
    },
    drains: async () => [...draining].map(peer => ({ peer, state: 'draining' })),
    rebalance: async () => ({
      moves: 0,
      bytes: 0,
      before: { fullest: 0, emptiest: 0 },
      after: { fullest: 0, emptiest: 0 },
    }),
  }
}

function pageOf({ objects }: Bucket, options: ListOptions): ListPage {
  const { prefix = '', delimiter, after = '', limit = 1000 } = options
  const found: Kept[] = []
  const prefixes: string[] = []
  let last = after
  const keys = [...objects.keys()].toSorted((a, b) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )
  for (const key of keys) {
    if (!key.startsWith(prefix) || key <= last) continue
    const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length)
    const group = cut === -1 ? undefined : key.slice(0, cut + (delimiter ?? '').length)
    if (group !== undefined && (group === prefixes.at(-1) || after.startsWith(group))) continue
    if (found.length + prefixes.length === limit)
      return { objects: found.map(listed), prefixes, next: last }
    if (group === undefined) found.push(objects.get(key) as Kept)
    else prefixes.push(group)
    last = group ?? key
  }
  return { objects: found.map(listed), prefixes, next: undefined }
}

const listed = ({
  key,
  version,
  sizeBytes,
  etag,
  modified,
}: Kept): ListPage['objects'][number] => ({
  key,
  version,
  sizeBytes,
  etag,
  modified,
})

async function gather(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  if (source instanceof Uint8Array) return Buffer.from(source)
  const chunks: Uint8Array[] = []
  for await (const chunk of source) {
    signal?.throwIfAborted()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function* chunksOf(
  bytes: Buffer,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    signal?.throwIfAborted()
    yield bytes.subarray(at, at + CHUNK_BYTES)
  }
}

function infoOf(kept: Kept): ObjectInfo {
  const { bytes, pieces: _pieces, ...info } = kept
  return { ...info, sizeBytes: bytes.length }
}

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

const refused = (condition: string): HoldfastError =>
  new HoldfastError('Cannot do that', { code: 'PRECONDITION_FAILED', condition })
