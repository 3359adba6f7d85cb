import { fromHex, fromUtf8 } from '../../src/base/bytes.ts'
import type { Random } from '../../src/base/environment.ts'
import { type BlobInit, type Conditions, NO_CONDITIONS } from '../../src/catalog/commands.ts'
import type { Place } from '../../src/catalog/position.ts'
import type {
  ContentName,
  Description,
  Fragment,
  Retention,
  SegmentInit,
} from '../../src/catalog/records.ts'
import { type Model, type ModelCommand, nameOfVersion } from './model.ts'
import { blob, blobId, contentId, description, fragmentId, segment } from './support.ts'

/**
 * Commands about few names, so that they meet; most could happen, some are stale or wrong in one
 * way. What is there the model knows.
 */
export const BUCKETS = ['aaa', 'bbb'] as const
export const KEYS = ['a', 'a/b', 'a/c', 'b', 'é'] as const
const CONTENTS = 10
const DAY = 86_400_000

export class RandomCommands {
  readonly #random: Random
  readonly #model: Model

  constructor(random: Random, model: Model) {
    this.#random = random
    this.#model = model
  }

  next(): ModelCommand {
    const random = this.#random
    const makers: readonly [weight: number, make: () => ModelCommand][] = [
      [6, () => this.#createBucket()],
      [3, () => this.#changeBucket()],
      [1, () => ({ type: 'deleteBucket', bucket: this.#bucket() })],
      [14, () => this.#putInline()],
      [14, () => this.#putBlob()],
      [8, () => this.#delete()],
      [10, () => this.#copy()],
      [3, () => ({ type: 'setTags', ...this.#version(), tags: this.#tags() })],
      [6, () => this.#setLock()],
      [8, () => this.#open()],
      [2, () => ({ type: 'renewContent', ...this.#openContent(), untilMs: this.#lease() })],
      [6, () => ({ type: 'addSegments', ...this.#openContent(), blob: this.#blob(1) })],
      [12, () => this.#putPart()],
      [12, () => this.#copyPart()],
      [9, () => this.#complete()],
      [3, () => ({ type: 'releaseContent', ...this.#content() })],
      [3, () => ({ type: 'sweepContents', contents: [this.#content(), this.#content()] })],
      [10, () => this.#place()],
      [2, () => this.#recut()],
      [3, () => this.#disown()],
    ]
    let at = random.below(makers.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, make] of makers) {
      if (at < weight) return make()
      at -= weight
    }
    throw new Error('the weights add up')
  }

  #bucket(): string {
    return this.#random.chance(0.97) ? this.#random.pick(BUCKETS) : 'nowhere'
  }

  #anyPlace(): Place {
    const key = this.#random.chance(0.98)
      ? this.#random.pick(KEYS)
      : this.#random.pick(['', 'x\0y'])
    return { bucket: this.#bucket(), key }
  }

  #version(): Place & { version: string | undefined } {
    const known = [...this.#model.versions].filter(([, versions]) => versions.length > 0)
    const [bucket = '', key = ''] =
      known.length > 0 && this.#random.chance(0.8)
        ? this.#random.pick(known)[0].split('\0')
        : Object.values(this.#anyPlace())
    const place = { bucket, key }
    const names = this.#model.versionsAt(place.bucket, place.key).map(nameOfVersion)
    const others = ['null', '0000000000000001', 'nonsense']
    const version = this.#random.chance(0.4)
      ? undefined
      : this.#random.chance(0.9) && names.length > 0
        ? this.#random.pick(names)
        : this.#random.pick(others)
    return { ...place, version }
  }

  #content(): ContentName {
    const known = [...this.#model.contents.values()]
    if (known.length > 0 && this.#random.chance(0.8)) {
      const { bucket, key, id } = this.#random.pick(known)
      return { bucket, key, content: fromHex(id) }
    }
    return { ...this.#anyPlace(), content: contentId(this.#random.below(CONTENTS)) }
  }

  /** Open if there is one, and mostly an upload. */
  #openContent(): ContentName {
    const open = [...this.#model.contents.values()].filter(({ state }) => state === 'open')
    if (open.length === 0 || this.#random.chance(0.1)) return this.#content()
    const { bucket, key, id } = this.#random.pick(open)
    return { bucket, key, content: fromHex(id) }
  }

  #lease(): number {
    const { nowMs } = this.#model
    if (this.#random.chance(0.05)) return this.#random.pick([nowMs, nowMs + 2 * DAY])
    return nowMs + this.#random.pick([60_000, DAY])
  }

  #conditions(place: Place): Conditions {
    const random = this.#random
    if (random.chance(0.7)) return NO_CONDITIONS
    const { nowMs } = this.#model
    const etag = this.#model.versionsAt(place.bucket, place.key)[0]?.description.etag ?? 'none'
    const choices: Partial<Conditions>[] = [
      { ifNoneMatch: ['*'] },
      { ifMatch: ['*'] },
      { ifMatch: [etag] },
      { ifMatch: ['other', etag] },
      { ifNoneMatch: [etag] },
      { ifMatch: ['other'] },
      { ifSizeBytes: random.below(4) },
      { ifModifiedSinceMs: nowMs - random.below(5_000) },
      { ifUnmodifiedSinceMs: nowMs - random.below(5_000) },
    ]
    return { ...NO_CONDITIONS, ...random.pick(choices) }
  }

  #tags(): Description['tags'] {
    const names = this.#random.chance(0.02)
      ? ['x', 'x']
      : this.#random.pick([[], ['x'], ['x', 'y']])
    return names.map(name => ({ name, value: String(this.#random.below(3)) }))
  }

  /** Where there is no object lock a retention is refused. */
  #retention(bucket: string): Retention | undefined {
    const hasLock = this.#model.buckets.get(bucket)?.hasLock === true
    if (this.#random.chance(hasLock ? 0.7 : 0.99)) return undefined
    const mode = this.#random.pick(['governance', 'compliance'] as const)
    return { mode, untilMs: this.#model.nowMs + this.#random.below(20_000) }
  }

  #description(bucket: string, more: Partial<Description>): Description {
    const hasLock = this.#model.buckets.get(bucket)?.hasLock === true
    return description({
      etag: `"${this.#random.below(4)}"`,
      tags: this.#tags(),
      retention: this.#retention(bucket),
      hasLegalHold: this.#random.chance(hasLock ? 0.3 : 0.01),
      ...more,
    })
  }

  #createBucket(): ModelCommand {
    const versioning = this.#random.pick(['off', 'off', 'enabled', 'enabled', 'suspended'] as const)
    const hasLock = this.#random.chance(versioning === 'enabled' ? 0.5 : 0.02)
    const retention = this.#random.chance(hasLock ? 0.3 : 0.02)
      ? ({ mode: 'governance', forMs: 5_000 } as const)
      : undefined
    return {
      type: 'createBucket',
      bucket: this.#bucket(),
      owner: 'me',
      versioning,
      hasLock,
      retention,
    }
  }

  #changeBucket(): ModelCommand {
    const bucket = this.#bucket()
    const found = this.#model.buckets.get(bucket)
    const random = this.#random
    return {
      type: 'changeBucket',
      bucket,
      ifRevision: random.chance(0.5) ? found?.revision : undefined,
      versioning: random.chance(0.4)
        ? (found?.versioning ?? 'off')
        : random.pick(['off', 'enabled', 'enabled', 'suspended'] as const),
      hasLock: random.chance(0.8) ? (found?.hasLock ?? false) : random.chance(0.5),
      retention: random.chance(0.9) ? undefined : { mode: 'governance', forMs: 3_000 },
      isFrozen: random.chance(0.05),
    }
  }

  #putInline(): ModelCommand {
    const place = this.#anyPlace()
    const bytes = fromUtf8('x'.repeat(this.#random.below(4)))
    const sizeBytes = this.#random.chance(0.97) ? bytes.length : 77
    return {
      type: 'putObject',
      ...place,
      conditions: this.#conditions(place),
      description: this.#description(place.bucket, { sizeBytes }),
      body: { type: 'inline', bytes },
    }
  }

  #putBlob(): ModelCommand {
    const random = this.#random
    const name = random.chance(0.3) ? this.#openContent() : this.#content()
    const place = { bucket: name.bucket, key: name.key }
    const init = this.#blob(1, name)
    const sizeBytes = random.chance(0.97) ? init.sizeBytes : init.sizeBytes + 1
    return {
      type: 'putObject',
      ...place,
      conditions: this.#conditions(place),
      description: this.#description(place.bucket, { sizeBytes }),
      body: { type: 'blob', content: name.content, untilMs: this.#lease(), blob: init },
    }
  }

  #segment(): SegmentInit {
    const random = this.#random
    const seats = random.shuffle([1, 2, 3, 4, 5, 6, 7])
    const k = 1 + random.below(3)
    const m = random.below(3)
    const chosen = seats
      .slice(0, k + m)
      .map((seat, at) => (at > k && random.chance(0.3) ? 0 : seat))
    if (random.chance(0.02)) chosen.splice(0, 1, 0)
    if (random.chance(0.02)) chosen.push(chosen[0] ?? 1)
    return segment(random.chance(0.99) ? k : 9, chosen, 1 + random.below(3))
  }

  /** Mostly what the blob needs next. */
  #blob(part: number, name?: ContentName): BlobInit {
    const random = this.#random
    const id = blobId(random.chance(0.97) ? part : part + 1, random.below(3))
    const content = name && this.#model.contentAt(name)
    const there = content?.blobs.get(Buffer.from(id).toString('hex'))?.length ?? 0
    const firstSegment = random.chance(0.95) ? there : random.below(3)
    const segments = Array.from({ length: random.below(20) === 0 ? 0 : 1 + random.below(2) }, () =>
      this.#segment(),
    )
    const segmentCount = firstSegment + segments.length + (random.chance(0.02) ? 1 : 0)
    return blob(id, segments, { firstSegment, segmentCount, sizeBytes: 1 + random.below(5) })
  }

  #delete(): ModelCommand {
    const version = this.#version()
    const conditions = this.#conditions(version)
    return {
      type: 'deleteObject',
      ...version,
      conditions,
      bypassesGovernance: this.#random.chance(0.3),
    }
  }

  #copy(): ModelCommand {
    const random = this.#random
    const source = this.#version()
    const place = random.chance(0.3) ? { bucket: source.bucket, key: source.key } : this.#anyPlace()
    return {
      type: 'copyObject',
      ...place,
      source,
      sourceConditions: this.#conditions(source),
      conditions: this.#conditions(place),
      holder: contentId(100 + random.below(100_000)),
      headers: random.chance(0.5) ? undefined : [{ name: 'a', value: 'b' }],
      tags: random.chance(0.5) ? undefined : this.#tags(),
      retention: this.#retention(place.bucket),
      hasLegalHold: false,
    }
  }

  #setLock(): ModelCommand {
    const random = this.#random
    const version = this.#version()
    return {
      type: 'setLock',
      ...version,
      retention: random.pick([undefined, 'none', this.#retention(version.bucket)] as const),
      hasLegalHold: random.pick([undefined, true, false, false]),
      bypassesGovernance: random.chance(0.5),
    }
  }

  #open(): ModelCommand {
    const isUpload = this.#random.chance(0.75)
    const place = this.#anyPlace()
    const upload = isUpload ? this.#description(place.bucket, { etag: '' }) : undefined
    const content = contentId(this.#random.below(CONTENTS))
    return { type: 'openContent', ...place, content, untilMs: this.#lease(), upload }
  }

  #putPart(): ModelCommand {
    const name = this.#openContent()
    const part = this.#random.below(20) === 0 ? 0 : 1 + this.#random.below(3)
    const init = this.#blob(part, name)
    const etag = String(this.#random.below(3))
    return {
      type: 'putPart',
      ...name,
      part,
      etag,
      checksums: [],
      blob: init,
      untilMs: this.#lease(),
    }
  }

  #copyPart(): ModelCommand {
    const source = this.#version()
    const random = this.#random
    return {
      type: 'copyPart',
      ...this.#openContent(),
      part: random.below(30) === 0 ? 0 : 1 + random.below(3),
      etag: String(random.below(3)),
      checksums: [],
      source,
      sourceConditions: this.#conditions(source),
      fromBytes: random.below(3),
      lengthBytes: random.chance(0.5) ? undefined : random.below(4),
    }
  }

  #complete(): ModelCommand {
    const random = this.#random
    const name = this.#openContent()
    const there = [...(this.#model.contentAt(name)?.parts ?? [])]
    const parts = there
      .map(([part, { etag }]) => ({ part, etag: random.chance(0.9) ? etag : 'wrong' }))
      .toSorted((a, b) => a.part - b.part)
      .filter(() => random.chance(0.9))
    if (random.chance(0.03)) parts.reverse()
    if (random.chance(0.03)) parts.push({ part: 9, etag: 'x' })
    return {
      type: 'completeUpload',
      ...name,
      conditions: this.#conditions(name),
      parts,
      partBytesMin: random.chance(0.9) ? 0 : 3,
      etag: '"m-2"',
      checksums: [],
    }
  }

  /** A segment that is there, if any is. */
  #segmentName() {
    const contents = [...this.#model.contents.values()].filter(({ blobs }) => blobs.size > 0)
    if (contents.length === 0 || this.#random.chance(0.05)) {
      return { name: { ...this.#content(), blob: blobId(1, 1), segment: 0 }, found: undefined }
    }
    const { bucket, key, id, blobs } = this.#random.pick(contents)
    const [blobHex, segments] = this.#random.pick([...blobs])
    const at = this.#random.below(segments.length)
    const name = { bucket, key, content: fromHex(id), blob: fromHex(blobHex), segment: at }
    return { name, found: segments[at] }
  }

  #place(): ModelCommand {
    const random = this.#random
    const count = 1 + random.below(2)
    const placements = Array.from({ length: count }, () => {
      const { name, found } = this.#segmentName()
      const size = found?.fragments.length ?? 1
      const index = random.below(size + (random.chance(0.2) ? 2 : 0))
      const id = random.chance(0.97) ? fragmentId(index + 1) : fragmentId(99)
      const seat = random.below(8)
      const ifRevision = (found?.revision ?? 1) - (random.chance(0.05) ? 1 : 0)
      return { ...name, ifRevision, index, fragment: { id, seat } }
    })
    return { type: 'place', placements }
  }

  #recut(): ModelCommand {
    const { name, found } = this.#segmentName()
    const { k, fragments } = this.#segment()
    const renamed: Fragment[] = fragments.map(({ seat }, at) => ({ id: fragmentId(at + 1), seat }))
    return { type: 'recut', ...name, ifRevision: found?.revision ?? 1, k, fragments: renamed }
  }

  #disown(): ModelCommand {
    const { name, found } = this.#segmentName()
    const index = this.#random.below(found?.fragments.length ?? 1)
    const seat = this.#random.chance(0.5)
      ? (found?.fragments[index]?.seat ?? 1)
      : this.#random.below(8)
    return { type: 'disown', ...name, generation: found?.generation ?? 0, index, seat }
  }
}
