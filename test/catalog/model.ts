/* oxlint-disable max-lines -- a model is for reading in one go */
import { toHex } from '../../src/base/bytes.ts'
import type {
  BlobInit,
  Command,
  Conditions,
  Placement,
  SegmentName,
} from '../../src/catalog/commands.ts'
import type {
  ContentName,
  Description,
  Pair,
  Retention,
  SegmentInit,
} from '../../src/catalog/records.ts'

/**
 * What the catalog promises, said as simply as possible: maps of objects, everything by value,
 * nothing indexed. It decides by rules that are all looked at: where several forbid a command, the
 * catalog may name any of them. It takes released contents apart all at once.
 */
export interface ModelVersion {
  readonly order: number
  readonly isNull: boolean
  readonly isMarker: boolean
  readonly description: Description
  readonly parts: number
  /** Bytes, or the name of a content. */
  readonly inline: string | undefined
  readonly content: string | undefined
  readonly holder: string | undefined
}

interface ModelBucket {
  owner: string
  versioning: 'off' | 'enabled' | 'suspended'
  hasLock: boolean
  retention: { mode: Retention['mode']; forMs: number } | undefined
  isFrozen: boolean
  revision: number
}

interface ModelExtent {
  readonly content: string
  readonly blob: string
  readonly from: number
  readonly length: number
}

interface ModelPart {
  readonly sizeBytes: number
  readonly etag: string
  readonly extents: readonly ModelExtent[]
}

export interface ModelSegment {
  revision: number
  generation: number
  k: number
  sizeBytes: number
  fragments: { id: string; seat: number }[]
}

interface ModelContent {
  readonly bucket: string
  readonly key: string
  readonly id: string
  state: 'open' | 'kept' | 'released'
  kind: 'intent' | 'upload' | 'fence' | undefined
  untilMs: number
  watchUntilMs: number
  upload: Description | undefined
  readonly parts: Map<number, ModelPart>
  readonly blobs: Map<string, ModelSegment[]>
  readonly dropped: Set<string>
  readonly holders: Set<string>
  isQueued: boolean
}

/** Notes why a command must not happen. */
type No = (code: string) => undefined

/** The commands that the model knows: those about buckets, objects, contents and segments. */
export type ModelCommand = Exclude<
  Command,
  {
    readonly type:
      | 'absorbRange'
      | 'collect'
      | 'dropGarbage'
      | 'dropReference'
      | 'expire'
      | 'expireUpload'
      | 'freezeRange'
      | 'mirrorBucket'
      | 'retainContent'
      | 'setDocument'
      | 'setRegister'
      | 'settleReferences'
      | 'splitRange'
      | 'thawRange'
      | 'updateShards'
  }
>

/** Either what the catalog must answer, or the reasons of which it must name one. */
export type Verdict = { readonly result: unknown } | { readonly refusals: ReadonlySet<string> }

const DAY = 86_400_000
const NO_VERSION = { type: 'version', version: undefined, isMarker: false, ms: 0, etag: '' }
const EMPTY: Description = {
  sizeBytes: 0,
  etag: '',
  headers: [],
  checksums: [],
  tags: [],
  retention: undefined,
  hasLegalHold: false,
}

export const nameOfVersion = ({ isNull, order }: ModelVersion): string =>
  isNull ? 'null' : order.toString(16).padStart(16, '0')

export class Model {
  nowMs = 0
  readonly buckets: Map<string, ModelBucket> = new Map()
  /** By bucket and key with a NUL between; the newest first. */
  readonly versions: Map<string, ModelVersion[]> = new Map()
  readonly contents: Map<string, ModelContent> = new Map()
  /** Which fragments peers are to drop: segment, generation, index, seat. */
  readonly garbage: Set<string> = new Set()

  /** Judges a command and, if it may happen, lets it. */
  apply(command: ModelCommand): Verdict {
    const refusals = new Set<string>()
    const happen = this.#judge(command, code => {
      refusals.add(code)
      return undefined
    })
    return refusals.size > 0 || happen === undefined ? { refusals } : { result: happen() }
  }

  // oxlint-disable-next-line max-lines-per-function -- one line per command
  #judge(command: ModelCommand, no: No): (() => unknown) | undefined {
    switch (command.type) {
      case 'createBucket':
        return this.#createBucket(command, no)
      case 'changeBucket':
        return this.#changeBucket(command, no)
      case 'deleteBucket':
        return this.#deleteBucket(command, no)
      case 'putObject':
        return this.#putObject(command, no)
      case 'deleteObject':
        return this.#deleteObject(command, no)
      case 'copyObject':
        return this.#copyObject(command, no)
      case 'setTags':
        return this.#setTags(command, no)
      case 'setLock':
        return this.#setLock(command, no)
      case 'openContent':
        return this.#openContent(command, no)
      case 'renewContent':
        return this.#renewContent(command, no)
      case 'addSegments':
        return this.#addSegments(command, no)
      case 'putPart':
        return this.#putPart(command, no)
      case 'copyPart':
        return this.#copyPart(command, no)
      case 'completeUpload':
        return this.#complete(command, no)
      case 'releaseContent':
        return this.#release(command, no)
      case 'sweepContents':
        return this.#sweep(command, no)
      case 'place':
        return this.#place(command.placements, no)
      case 'recut':
        return this.#recut(command, no)
      case 'disown':
        return this.#disown(command, no)
    }
  }

  versionsAt(bucket: string, key: string): ModelVersion[] {
    const name = `${bucket}\0${key}`
    let found = this.versions.get(name)
    if (found === undefined) this.versions.set(name, (found = []))
    return found
  }

  contentAt({ bucket, key, content }: ContentName): ModelContent | undefined {
    return this.contents.get(contentName(bucket, key, content))
  }

  /** Takes every released content apart, and what that releases in turn. */
  collect(): void {
    for (let isDone = false; !isDone;) {
      isDone = true
      for (const [name, content] of this.contents) {
        for (const blob of content.dropped) this.#discardBlob(content, blob)
        content.dropped.clear()
        if (!content.isQueued) continue
        isDone = false
        content.isQueued = false
        for (const blob of content.blobs.keys()) this.#discardBlob(content, blob)
        for (const [number, part] of content.parts) this.#dropPart(content, number, part)
        content.parts.clear()
        if (content.untilMs <= this.nowMs) this.contents.delete(name)
        else {
          content.kind = 'fence'
          content.watchUntilMs = content.untilMs
        }
      }
    }
    for (const content of this.contents.values()) {
      for (const blob of content.dropped) this.#discardBlob(content, blob)
      content.dropped.clear()
    }
  }

  usage(bucket: string): Record<string, number> {
    const usage = { objects: 0, versions: 0, markers: 0, bytes: 0, uploads: 0 }
    for (const [name, versions] of this.versions) {
      if (!name.startsWith(`${bucket}\0`)) continue
      if (versions[0]?.isMarker === false) usage.objects++
      for (const { isMarker, description } of versions) {
        if (isMarker) usage.markers++
        else usage.versions++
        usage.bytes += description.sizeBytes
      }
    }
    for (const content of this.contents.values()) {
      if (content.bucket === bucket && content.state === 'open' && content.kind === 'upload') {
        usage.uploads++
      }
    }
    return usage
  }

  #createBucket(command: Extract<Command, { type: 'createBucket' }>, no: No) {
    const { bucket, owner, versioning, hasLock, retention } = command
    if (!/^[a-z0-9.-]{3,63}$/.test(bucket)) no('INVALID_COMMAND')
    if (this.buckets.has(bucket)) no('BUCKET_EXISTS')
    if (hasLock && versioning !== 'enabled') no('INVALID_COMMAND')
    if (!hasLock && retention !== undefined) no('INVALID_COMMAND')
    return () => {
      const record = { owner, versioning, hasLock, retention, isFrozen: false, revision: 1 }
      this.buckets.set(bucket, record)
      return { type: 'bucket', record: { ...record, createdMs: this.nowMs } }
    }
  }

  #changeBucket(command: Extract<Command, { type: 'changeBucket' }>, no: No) {
    const found = this.buckets.get(command.bucket)
    if (found === undefined) return no('NO_SUCH_BUCKET')
    const { versioning, hasLock, retention, isFrozen, ifRevision } = command
    if (ifRevision !== undefined && ifRevision !== found.revision) no('STALE_REVISION')
    if (versioning === 'off' && found.versioning !== 'off') no('INVALID_COMMAND')
    if (found.hasLock && !hasLock) no('INVALID_COMMAND')
    if (hasLock && versioning !== 'enabled') no('INVALID_COMMAND')
    if (!hasLock && retention !== undefined) no('INVALID_COMMAND')
    return () => {
      Object.assign(found, { versioning, hasLock, retention, isFrozen })
      found.revision++
      return undefined
    }
  }

  #deleteBucket({ bucket }: { bucket: string }, no: No) {
    if (!this.buckets.has(bucket)) return no('NO_SUCH_BUCKET')
    const { versions, markers, uploads } = this.usage(bucket) as { [name: string]: number }
    if ((versions ?? 0) + (markers ?? 0) + (uploads ?? 0) > 0) no('BUCKET_NOT_EMPTY')
    return () => {
      this.buckets.delete(bucket)
      return { type: 'done' }
    }
  }

  #putObject(command: Extract<Command, { type: 'putObject' }>, no: No) {
    const { bucket, key, body, description } = command
    const found = this.#writable(bucket, key, no)
    this.#checkDescription(found, description, no)
    this.#checkConditions(command.conditions, this.versionsAt(bucket, key)[0], no)
    const size =
      body.type === 'inline' ? body.bytes.length : body.type === 'blob' ? body.blob.sizeBytes : 0
    if (size !== description.sizeBytes) no('INVALID_COMMAND')
    if (body.type === 'inline') {
      return () => this.#addVersion(command, { description, inline: toHex(body.bytes) })
    }
    if (body.type !== 'blob') throw new Error('the model has one range')
    const content = this.contentAt({ bucket, key, content: body.content })
    this.#checkLease(body.untilMs, no)
    if (content?.state === 'kept') no('CONTENT_TAKEN')
    if (content?.state === 'released') no('WRITE_EXPIRED')
    if (content?.state === 'open') {
      if (content.untilMs <= this.nowMs) no('WRITE_EXPIRED')
      if (content.kind !== 'intent') no('CONTENT_TAKEN')
    }
    this.#checkBlob(content, { blob: body.blob, part: 1 }, no)
    return () => {
      const kept = content ?? this.#newContent({ bucket, key, content: body.content })
      this.#addBlob(kept, body.blob)
      kept.parts.set(1, this.#partOf(kept, body.blob, description.etag))
      Object.assign(kept, { state: 'kept', kind: undefined, untilMs: body.untilMs })
      kept.holders.add(kept.id)
      return this.#addVersion(command, {
        description,
        content: contentName(bucket, key, body.content),
        holder: kept.id,
      })
    }
  }

  #deleteObject(command: Extract<Command, { type: 'deleteObject' }>, no: No) {
    const { bucket, key, version: name } = command
    if (!isKey(key)) no('INVALID_COMMAND')
    const found = this.buckets.get(bucket)
    if (found === undefined) return no('NO_SUCH_BUCKET')
    const version = this.#find(bucket, key, name)
    this.#checkConditions(command.conditions, version, no)
    if (name === undefined && found.versioning !== 'off') {
      if (found.isFrozen) no('BUCKET_FROZEN')
      return () => this.#addVersion({ bucket, key }, { description: EMPTY, isMarker: true })
    }
    if (version === undefined) return () => NO_VERSION
    if (!this.#isUnlocked(version, command.bypassesGovernance)) no('OBJECT_LOCKED')
    return () => {
      const versions = this.versionsAt(bucket, key)
      versions.splice(versions.indexOf(version), 1)
      this.#dropVersion(version)
      return resultOf(version)
    }
  }

  #copyObject(command: Extract<Command, { type: 'copyObject' }>, no: No) {
    const { bucket, key, source, holder } = command
    const target = this.#writable(bucket, key, no)
    if (!this.buckets.has(source.bucket)) no('NO_SUCH_BUCKET')
    if (!isKey(source.key)) no('INVALID_COMMAND')
    const version = this.#live(source.bucket, source.key, source.version, no)
    this.#checkConditions(command.conditions, this.versionsAt(bucket, key)[0], no)
    if (version === undefined) return undefined
    this.#checkConditions(command.sourceConditions, version, no)
    const description = {
      ...version.description,
      headers: command.headers ?? version.description.headers,
      tags: command.tags ?? version.description.tags,
      retention: command.retention,
      hasLegalHold: command.hasLegalHold,
    }
    this.#checkDescription(target, description, no)
    const content = version.content === undefined ? undefined : this.contents.get(version.content)
    if (content?.holders.has(toHex(holder)) === true) no('CONTENT_TAKEN')
    return () => {
      content?.holders.add(toHex(holder))
      return this.#addVersion(command, {
        description,
        parts: version.parts,
        inline: version.inline,
        content: version.content,
        holder: content && toHex(holder),
      })
    }
  }

  #setTags(command: Extract<Command, { type: 'setTags' }>, no: No) {
    const { bucket, key, tags } = command
    if (!this.buckets.has(bucket)) no('NO_SUCH_BUCKET')
    if (hasTwice(tags) || !isKey(key)) no('INVALID_COMMAND')
    const version = this.#live(bucket, key, command.version, no)
    if (version === undefined) return undefined
    return () => {
      this.#replace(bucket, key, version, { tags })
      return resultOf(version)
    }
  }

  #setLock(command: Extract<Command, { type: 'setLock' }>, no: No) {
    const { bucket, key, retention, hasLegalHold, bypassesGovernance } = command
    const found = this.buckets.get(bucket)
    if (!isKey(key)) no('INVALID_COMMAND')
    if (found === undefined) return no('NO_SUCH_BUCKET')
    if (!found.hasLock) no('INVALID_COMMAND')
    const version = this.#live(bucket, key, command.version, no)
    if (version === undefined) return undefined
    const current = version.description.retention
    const wanted = retention === 'none' ? undefined : retention
    if (retention !== undefined) {
      if (wanted !== undefined && wanted.untilMs <= this.nowMs) no('INVALID_COMMAND')
      const isBound = current !== undefined && current.untilMs > this.nowMs
      const isStronger =
        wanted !== undefined &&
        wanted.untilMs >= (current?.untilMs ?? 0) &&
        !(current?.mode === 'compliance' && wanted.mode === 'governance')
      const mayBypass = current?.mode === 'governance' && bypassesGovernance
      if (isBound && !isStronger && !mayBypass) no('OBJECT_LOCKED')
    }
    return () => {
      this.#replace(bucket, key, version, {
        retention: retention === undefined ? current : wanted,
        hasLegalHold: hasLegalHold ?? version.description.hasLegalHold,
      })
      return { type: 'done' }
    }
  }

  #openContent(command: Extract<Command, { type: 'openContent' }>, no: No) {
    const { bucket, key, content: id, untilMs, upload } = command
    const found = this.#writable(bucket, key, no)
    if (upload === undefined) this.#checkLease(untilMs, no)
    else {
      this.#checkDescription(found, upload, no)
      if (untilMs <= this.nowMs) no('INVALID_COMMAND')
    }
    const content = this.contentAt(command)
    if (content?.state === 'released') no('WRITE_EXPIRED')
    else if (content !== undefined) no('CONTENT_TAKEN')
    return () => {
      const opened = this.#newContent({ bucket, key, content: id })
      const kind = upload === undefined ? 'intent' : 'upload'
      Object.assign(opened, { state: 'open', kind, untilMs, watchUntilMs: untilMs, upload })
      return { type: 'content', state: 'open' }
    }
  }

  #renewContent(command: Extract<Command, { type: 'renewContent' }>, no: No) {
    const content = this.#open(command, no)
    if (content?.kind === 'intent') this.#checkLease(command.untilMs, no)
    if (content !== undefined && command.untilMs < content.untilMs) no('INVALID_COMMAND')
    return () => {
      Object.assign(content as ModelContent, {
        untilMs: command.untilMs,
        watchUntilMs: command.untilMs,
      })
      return { type: 'content', state: 'open' }
    }
  }

  #addSegments(command: Extract<Command, { type: 'addSegments' }>, no: No) {
    const content = this.#open(command, no)
    this.#checkSegments(content, command.blob, no)
    return () => {
      this.#addBlob(content as ModelContent, command.blob)
      return { type: 'done' }
    }
  }

  #putPart(command: Extract<Command, { type: 'putPart' }>, no: No) {
    const content = this.#open(command, no, 'upload')
    this.#checkLease(command.untilMs, no)
    this.#checkBlob(content, { blob: command.blob, part: command.part }, no)
    const old = content?.parts.get(command.part)
    const blob = toHex(command.blob.blob)
    const isOwn = (extent: ModelExtent): boolean =>
      extent.blob === blob &&
      extent.content === contentName(command.bucket, command.key, command.content)
    if (old?.extents.some(isOwn) === true) no('CONTENT_TAKEN')
    return () => {
      const open = content as ModelContent
      this.#addBlob(open, command.blob)
      if (old !== undefined) this.#dropPart(open, command.part, old)
      open.parts.set(command.part, this.#partOf(open, command.blob, command.etag))
      return { type: 'done' }
    }
  }

  #copyPart(command: Extract<Command, { type: 'copyPart' }>, no: No) {
    const { source, part: number, etag, fromBytes } = command
    const open = this.#open(command, no, 'upload')
    if (number < 1 || !isKey(source.key)) no('INVALID_COMMAND')
    if (!this.buckets.has(source.bucket)) no('NO_SUCH_BUCKET')
    const version = this.#live(source.bucket, source.key, source.version, no)
    if (version === undefined) return undefined
    this.#checkConditions(command.sourceConditions, version, no)
    const whole = version.description.sizeBytes
    const length = command.lengthBytes ?? whole - fromBytes
    if (length <= 0 || fromBytes + length > whole) no('INVALID_PART')
    if (version.content === undefined) return no('INVALID_PART')
    const extents = this.#extents(version.content, fromBytes, length)
    return () => {
      const content = open as ModelContent
      const old = content.parts.get(number)
      const holder = `${content.id}${number.toString(16).padStart(4, '0')}`
      if (old !== undefined) this.#dropPart(content, number, old)
      content.parts.set(number, { sizeBytes: length, etag, extents })
      for (const extent of extents) this.contents.get(extent.content)?.holders.add(holder)
      return { type: 'done' }
    }
  }

  /** Where the bytes of a content lie, byte by byte as it were. */
  #extents(name: string, from: number, length: number): ModelExtent[] {
    const content = this.contents.get(name) as ModelContent
    const numbers = [...content.parts.keys()].toSorted((a, b) => a - b)
    const all = numbers.flatMap(number => (content.parts.get(number) as ModelPart).extents)
    let start = 0
    return all.flatMap(extent => {
      const first = Math.max(from, start)
      const end = Math.min(from + length, start + extent.length)
      const piece = { ...extent, from: extent.from + first - start, length: end - first }
      start += extent.length
      return first < end ? [piece] : []
    })
  }

  #complete(command: Extract<Command, { type: 'completeUpload' }>, no: No) {
    const { bucket, key, parts, etag, checksums } = command
    const content = this.contentAt(command)
    const [head] = this.versionsAt(bucket, key)
    const name = contentName(bucket, key, command.content)
    if (content?.state === 'kept' && head?.content === name && head.parts > 0) {
      if (head.holder === content.id) return () => resultOf(head)
    }
    const found = this.#writable(bucket, key, no)
    const open = this.#open(command, no, 'upload')
    this.#checkConditions(command.conditions, head, no)
    if (parts.length === 0) no('INVALID_COMMAND')
    for (const [at, { part, etag: expected }] of parts.entries()) {
      if (part <= (parts[at - 1]?.part ?? 0)) no('INVALID_PART')
      const there = open?.parts.get(part)
      if (there === undefined || there.etag !== expected) no('INVALID_PART')
      const isSmall = there !== undefined && there.sizeBytes < command.partBytesMin
      if (isSmall && at < parts.length - 1) no('PART_TOO_SMALL')
    }
    if (open?.upload === undefined) return undefined
    const { upload } = open
    this.#checkDescription(found, upload, no)
    return () => {
      const chosen = new Set(parts.map(({ part }) => part))
      for (const [number, part] of open.parts) {
        if (chosen.has(number)) continue
        this.#dropPart(open, number, part)
        open.parts.delete(number)
      }
      Object.assign(open, {
        state: 'kept',
        kind: undefined,
        untilMs: this.nowMs,
        upload: undefined,
      })
      open.holders.add(open.id)
      const sizeBytes = [...open.parts.values()].reduce((sum, part) => sum + part.sizeBytes, 0)
      const description = { ...upload, sizeBytes, etag, checksums }
      return this.#addVersion(command, {
        description,
        parts: parts.length,
        content: name,
        holder: open.id,
      })
    }
  }

  #release(command: ContentName, no: No) {
    if (!isKey(command.key)) no('INVALID_COMMAND')
    const content = this.contentAt(command)
    return () => {
      if (content?.state === 'open') this.#close(content)
      if (content === undefined) this.#fence(this.#newContent(command))
      return { type: 'content', state: content?.state === 'kept' ? 'kept' : 'released' }
    }
  }

  #sweep({ contents }: Extract<Command, { type: 'sweepContents' }>, no: No) {
    if (contents.some(({ key }) => !isKey(key))) no('INVALID_COMMAND')
    return () => {
      for (const name of contents) {
        const content = this.contentAt(name)
        if (content?.kind === undefined || content.watchUntilMs > this.nowMs) continue
        if (content.state === 'open') this.#close(content)
        else if (!content.isQueued) {
          this.contents.delete(contentName(name.bucket, name.key, name.content))
        }
      }
      return { type: 'done' }
    }
  }

  #place(placements: readonly Placement[], no: No) {
    // All or nothing: tried on copies, segment by segment, in order.
    const trial = new Map<ModelSegment, ModelSegment>()
    const dropped = new Set<string>()
    const revisions: number[] = []
    for (const placement of placements) {
      const found = this.#segment(placement)
      if (!isKey(placement.key)) return no('INVALID_COMMAND')
      if (found === undefined) return no('NO_SUCH_SEGMENT')
      const segment = trial.get(found) ?? structuredClone(found)
      trial.set(found, segment)
      if (segment.revision !== placement.ifRevision) return no('STALE_REVISION')
      const { index } = placement
      const current = segment.fragments[index]
      const { seat } = placement.fragment
      if (index > segment.fragments.length) no('INVALID_COMMAND')
      if (current !== undefined && current.id !== toHex(placement.fragment.id))
        no('INVALID_COMMAND')
      const isElsewhere = segment.fragments.some((other, at) => at !== index && other.seat === seat)
      if (seat !== 0 && isElsewhere) no('INVALID_COMMAND')
      const name = segmentKey(placement)
      const order = `${name}/${segment.generation}/${index}/${seat}`
      const isDropped = this.garbage.has(order) || dropped.has(order)
      if (seat !== 0 && current?.seat !== seat && isDropped) no('BEING_DROPPED')
      if (current !== undefined && current.seat !== 0 && current.seat !== seat) {
        dropped.add(`${name}/${segment.generation}/${index}/${current.seat}`)
      }
      segment.fragments[index] = { id: toHex(placement.fragment.id), seat }
      segment.revision++
      revisions.push(segment.revision)
    }
    return () => {
      for (const [found, segment] of trial) Object.assign(found, segment)
      for (const order of dropped) this.garbage.add(order)
      return { type: 'placed', revisions }
    }
  }

  #recut(command: Extract<Command, { type: 'recut' }>, no: No) {
    const segment = this.#segment(command)
    if (!isKey(command.key)) no('INVALID_COMMAND')
    if (segment === undefined) return no('NO_SUCH_SEGMENT')
    if (segment.revision !== command.ifRevision) no('STALE_REVISION')
    if (segment.generation === 255) no('INVALID_COMMAND')
    const { k, fragments } = command
    this.#checkSegment({ k, fragments, sizeBytes: segment.sizeBytes }, no)
    return () => {
      this.#discardFragments(segmentKey(command), segment)
      segment.k = k
      segment.fragments = fragments.map(({ id, seat }) => ({ id: toHex(id), seat }))
      segment.revision++
      segment.generation++
      return { type: 'placed', revisions: [segment.revision] }
    }
  }

  #disown(command: Extract<Command, { type: 'disown' }>, no: No) {
    if (!isKey(command.key)) no('INVALID_COMMAND')
    const segment = this.#segment(command)
    const content = this.contentAt(command)
    return () => {
      if (segment !== undefined) {
        const isListed =
          segment.generation === command.generation &&
          segment.fragments[command.index]?.seat === command.seat
        if (!isListed) segment.revision++
        return { type: 'content', state: isListed ? 'kept' : 'released' }
      }
      if (content === undefined) this.#fence(this.#newContent(command))
      return { type: 'content', state: content?.state === 'open' ? 'open' : 'released' }
    }
  }

  #segment(name: SegmentName): ModelSegment | undefined {
    return this.contentAt(name)?.blobs.get(toHex(name.blob))?.[name.segment]
  }

  #writable(bucket: string, key: string, no: No): ModelBucket | undefined {
    if (!isKey(key)) no('INVALID_COMMAND')
    const found = this.buckets.get(bucket)
    if (found === undefined) no('NO_SUCH_BUCKET')
    if (found?.isFrozen === true) no('BUCKET_FROZEN')
    return found
  }

  #find(bucket: string, key: string, name: string | undefined): ModelVersion | undefined {
    const versions = this.versionsAt(bucket, key)
    if (name === undefined) return versions[0]
    return versions.find(version => nameOfVersion(version) === name)
  }

  #live(bucket: string, key: string, name: string | undefined, no: No) {
    const version = this.#find(bucket, key, name)
    if (version !== undefined && !version.isMarker) return version
    return no(name === undefined ? 'NO_SUCH_KEY' : 'NO_SUCH_VERSION')
  }

  #open(name: ContentName, no: No, kind?: 'upload'): ModelContent | undefined {
    if (!isKey(name.key)) no('INVALID_COMMAND')
    const content = this.contentAt(name)
    if (content?.state !== 'open') return no('NO_SUCH_UPLOAD')
    if (content.untilMs <= this.nowMs) no('WRITE_EXPIRED')
    if (kind !== undefined && content.kind !== kind) no('NO_SUCH_UPLOAD')
    return content
  }

  #checkLease(untilMs: number, no: No): void {
    if (untilMs <= this.nowMs) no('WRITE_EXPIRED')
    if (untilMs > this.nowMs + DAY) no('INVALID_COMMAND')
  }

  #checkDescription(
    bucket: ModelBucket | undefined,
    { tags, retention, hasLegalHold }: Description,
    no: No,
  ): void {
    if (hasTwice(tags)) no('INVALID_COMMAND')
    if (bucket?.hasLock !== true && (retention !== undefined || hasLegalHold)) no('INVALID_COMMAND')
    if (retention !== undefined && retention.untilMs <= this.nowMs) no('INVALID_COMMAND')
  }

  #checkConditions(conditions: Conditions, version: ModelVersion | undefined, no: No): void {
    const there = version?.isMarker === true ? undefined : version
    const { ifMatch, ifNoneMatch, ifSizeBytes } = conditions
    const newer = conditions.ifModifiedSinceMs
    const notAfter = conditions.ifUnmodifiedSinceMs
    if (there === undefined) {
      const dates = [newer, notAfter, ifSizeBytes]
      if (ifMatch.length > 0 || dates.some(value => value !== undefined)) no('NO_SUCH_KEY')
      return
    }
    const second = Math.floor(Math.floor(there.order / 65_536) / 1000) * 1000
    const has = (etags: readonly string[]): boolean =>
      etags.some(etag => etag === '*' || etag === there.description.etag)
    if (ifMatch.length > 0 && !has(ifMatch)) no('PRECONDITION_FAILED')
    if (ifNoneMatch.length > 0 && has(ifNoneMatch)) no('PRECONDITION_FAILED')
    const isOld = notAfter !== undefined && second > notAfter
    if (ifMatch.length === 0 && isOld) no('PRECONDITION_FAILED')
    const isUnchanged = newer !== undefined && second <= newer
    if (ifNoneMatch.length === 0 && isUnchanged) no('PRECONDITION_FAILED')
    const isOther = ifSizeBytes !== undefined && ifSizeBytes !== there.description.sizeBytes
    if (isOther) no('PRECONDITION_FAILED')
  }

  #isUnlocked({ description }: ModelVersion, bypasses: boolean): boolean {
    const { retention, hasLegalHold } = description
    if (hasLegalHold) return false
    if (retention === undefined || retention.untilMs <= this.nowMs) return true
    return retention.mode === 'governance' && bypasses
  }

  #checkBlob(
    content: ModelContent | undefined,
    { blob, part }: { blob: BlobInit; part: number },
    no: No,
  ): void {
    if (part < 1 || toHex(blob.blob.subarray(0, 2)) !== part.toString(16).padStart(4, '0')) {
      no('INVALID_COMMAND')
    }
    if (blob.firstSegment + blob.segments.length !== blob.segmentCount) no('INVALID_COMMAND')
    if (blob.sizeBytes === 0 || blob.sizeBytes > blob.segmentCount * 2 ** 24) no('INVALID_COMMAND')
    this.#checkSegments(content, blob, no)
  }

  #checkSegments(content: ModelContent | undefined, blob: BlobInit, no: No) {
    const there = content?.blobs.get(toHex(blob.blob))?.length ?? 0
    if (blob.segments.length === 0) no('INVALID_COMMAND')
    if (blob.firstSegment > there) no('INVALID_COMMAND')
    if (blob.firstSegment < there) no('CONTENT_TAKEN')
    if (content?.dropped.has(toHex(blob.blob)) === true) no('WRITE_EXPIRED')
    for (const segment of blob.segments) this.#checkSegment(segment, no)
  }

  #checkSegment({ sizeBytes, k, fragments }: SegmentInit, no: No): void {
    const seats = fragments.map(({ seat }) => seat).filter(seat => seat > 0)
    const m = fragments.length - k
    if (sizeBytes === 0 || k < 1 || m < 0) no('INVALID_COMMAND')
    if (new Set(seats).size < seats.length) no('INVALID_COMMAND')
    if (seats.length < (m > 0 ? Math.max(k + 1, k + Math.ceil(m / 2)) : k)) no('TOO_FEW_PEERS')
  }

  #newContent({ bucket, key, content }: ContentName): ModelContent {
    const created: ModelContent = {
      bucket,
      key,
      id: toHex(content),
      state: 'open',
      kind: undefined,
      untilMs: 0,
      watchUntilMs: 0,
      upload: undefined,
      parts: new Map(),
      blobs: new Map(),
      dropped: new Set(),
      holders: new Set(),
      isQueued: false,
    }
    this.contents.set(contentName(bucket, key, content), created)
    return created
  }

  #addBlob(content: ModelContent, { blob, segments }: BlobInit): void {
    const there = content.blobs.get(toHex(blob)) ?? []
    content.blobs.set(toHex(blob), there)
    for (const { sizeBytes, k, fragments } of segments) {
      const copied = fragments.map(({ id, seat }) => ({ id: toHex(id), seat }))
      there.push({ sizeBytes, k, fragments: copied, revision: 1, generation: 0 })
    }
  }

  #partOf(
    { bucket, key, id }: ModelContent,
    { blob, sizeBytes }: BlobInit,
    etag: string,
  ): ModelPart {
    const content = `${bucket}\0${key}\0${id}`
    const extent = { content, blob: toHex(blob), from: 0, length: sizeBytes }
    return { sizeBytes, etag, extents: [extent] }
  }

  #addVersion(
    { bucket, key }: { bucket: string; key: string },
    version: Partial<ModelVersion> & { description: Description },
  ): unknown {
    const found = this.buckets.get(bucket) as ModelBucket
    const versions = this.versionsAt(bucket, key)
    const isNull = found.versioning !== 'enabled'
    const order = Math.max(this.nowMs * 65_536, (versions[0]?.order ?? 0) + 1)
    const { retention: kept, hasLock } = found
    const isMarker = version.isMarker ?? false
    const given = version.description.retention
    const lock =
      given === undefined && hasLock && kept !== undefined && !isMarker
        ? { mode: kept.mode, untilMs: this.nowMs + kept.forMs }
        : given
    const added: ModelVersion = {
      order,
      isNull,
      isMarker,
      parts: version.parts ?? 0,
      inline: version.inline,
      content: version.content,
      holder: version.holder,
      description: { ...version.description, retention: lock },
    }
    for (const old of versions.filter(other => isNull && other.isNull)) {
      versions.splice(versions.indexOf(old), 1)
      this.#dropVersion(old)
    }
    versions.unshift(added)
    return resultOf(added)
  }

  #dropVersion({ content, holder }: ModelVersion): void {
    if (content !== undefined && holder !== undefined) this.#dropHolder(content, holder)
  }

  #dropHolder(name: string, holder: string): void {
    const content = this.contents.get(name)
    if (content?.holders.delete(holder) !== true || content.holders.size > 0) return
    content.state = 'released'
    content.isQueued = true
  }

  #dropPart(content: ModelContent, number: number, part: ModelPart): void {
    const own = `${content.bucket}\0${content.key}\0${content.id}`
    const holder = `${content.id}${number.toString(16).padStart(4, '0')}`
    for (const extent of part.extents) {
      if (extent.content === own) content.dropped.add(extent.blob)
      else this.#dropHolder(extent.content, holder)
    }
  }

  #close(content: ModelContent): void {
    this.#fence(content)
    content.isQueued = true
  }

  #fence(content: ModelContent): void {
    const untilMs = Math.max(content.untilMs, this.nowMs + DAY)
    Object.assign(content, { state: 'released', kind: 'fence', untilMs, watchUntilMs: untilMs })
  }

  #discardBlob(content: ModelContent, blob: string): void {
    const { bucket, key, id } = content
    for (const [at, segment] of (content.blobs.get(blob) ?? []).entries()) {
      this.#discardFragments(`${bucket}\0${key}\0${id}/${blob}/${at}`, segment)
    }
    content.blobs.delete(blob)
  }

  #discardFragments(name: string, { generation, fragments }: ModelSegment): void {
    for (const [index, { seat }] of fragments.entries()) {
      if (seat !== 0) this.garbage.add(`${name}/${generation}/${index}/${seat}`)
    }
  }

  #replace(bucket: string, key: string, version: ModelVersion, change: Partial<Description>): void {
    const versions = this.versionsAt(bucket, key)
    const description = { ...version.description, ...change }
    versions[versions.indexOf(version)] = { ...version, description }
  }
}

export const segmentKey = ({ bucket, key, content, blob, segment }: SegmentName): string =>
  `${contentName(bucket, key, content)}/${toHex(blob)}/${segment}`

const contentName = (bucket: string, key: string, content: Uint8Array): string =>
  `${bucket}\0${key}\0${toHex(content)}`

const isKey = (key: string): boolean => key.length > 0 && !key.includes('\0')

const hasTwice = (tags: readonly Pair[]): boolean =>
  new Set(tags.map(({ name }) => name)).size < tags.length

const resultOf = (version: ModelVersion): unknown => ({
  type: 'version',
  version: nameOfVersion(version),
  isMarker: version.isMarker,
  ms: Math.floor(version.order / 65_536),
  etag: version.description.etag,
})
