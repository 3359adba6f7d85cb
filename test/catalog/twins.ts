import assert from 'node:assert/strict'

import { toHex } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import { getUsage } from '../../src/catalog/queries.ts'
import {
  getObject,
  listObjects,
  listVersions,
  type ObjectList,
  type VersionList,
} from '../../src/catalog/query-objects.ts'
import { allSegments, garbage, segmentsOf } from '../../src/catalog/query-upkeep.ts'
import { checkInvariants } from './invariants.ts'
import { Model, type ModelCommand, type ModelVersion, nameOfVersion, segmentKey } from './model.ts'
import { BUCKETS, KEYS, RandomCommands } from './random-commands.ts'
import { createBucket, Host } from './support.ts'

const SEATS = [1, 2, 3, 4, 5, 6, 7]
const all = { after: undefined, limit: 10_000 }

/** A catalog and what it ought to be, in step. */
export class Twins {
  readonly host: Host = new Host()
  readonly model: Model = new Model()
  readonly random: Prng
  readonly #commands: RandomCommands
  /** How often which command had which outcome. */
  readonly counts: Map<string, number> = new Map()

  constructor(seed: number) {
    this.random = new Prng(seed)
    this.#commands = new RandomCommands(this.random.fork('commands'), this.model)
    this.model.nowMs = this.host.nowMs
    for (const bucket of BUCKETS) {
      const versioning = this.random.pick(['off', 'enabled'] as const)
      const hasLock = versioning === 'enabled' && this.random.chance(0.5)
      this.#play(createBucket(bucket, { versioning, hasLock }))
    }
  }

  play(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.step()
      if (step % 15 === 0) this.compare()
    }
    this.collect()
    this.compare()
  }

  step(): void {
    if (this.random.chance(0.06))
      this.#pass(
        this.random.pick([1, 700, 5_000, 20_000, this.random.chance(0.1) ? 90_000_000 : 70_000]),
      )
    const chance = this.random.float()
    if (chance < 0.05) return this.collect()
    if (chance < 0.08) return this.#dropGarbage()
    this.#play(this.#commands.next())
  }

  /** The catalog does as the model says, or refuses for one of its reasons. */
  #play(command: ModelCommand): void {
    const verdict = this.model.apply(command)
    const before = this.host.store.rows.length
    const result = this.host.do(command)
    const what = `${shown(command)}\n→ ${shown(result)}`
    this.#count(`${command.type} ${result.type === 'refused' ? result.refusal.code : 'ok'}`)
    if ('refusals' in verdict) {
      assert.equal(result.type, 'refused', `${what}, not ${[...verdict.refusals].join()}`)
      if (result.type !== 'refused') return
      assert.ok(
        verdict.refusals.has(result.refusal.code),
        `${what} ∉ ${[...verdict.refusals].join()}`,
      )
      assert.ok(this.host.store.rows.length - before <= 1, 'a refusal changes nothing')
    } else if (verdict.result === undefined) assert.notEqual(result.type, 'refused', what)
    else assert.deepEqual(result, plain(verdict.result), what)
  }

  collect(): void {
    this.model.collect()
    for (;;) {
      const result = this.host.do({ type: 'collect', rows: 1 + this.random.below(8) })
      assert.equal(result.type, 'collected')
      if (result.type !== 'collected' || !result.isMore) return
      if (this.random.chance(0.2)) checkInvariants(this.host.store.rows)
    }
  }

  #pass(ms: number): void {
    this.host.nowMs += ms
    this.model.nowMs = this.host.nowMs
  }

  #dropGarbage(): void {
    const { items } = this.host.see(garbage({ after: undefined, limit: 3 }))
    this.host.do({ type: 'dropGarbage', rows: items.map(({ row }) => row) })
    for (const item of items) this.model.garbage.delete(garbageName(item))
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  /** Everything that can be asked has the answer that the model has. */
  compare(): void {
    checkInvariants(this.host.store.rows)
    for (const bucket of BUCKETS) this.#compareBucket(bucket)
    const segments = new Map<string, object>()
    const bySeat = new Map<number, Set<string>>(SEATS.map(seat => [seat, new Set()]))
    for (const { bucket, key, id, blobs } of this.model.contents.values()) {
      for (const [blob, list] of blobs) {
        for (const [at, segment] of list.entries()) {
          const name = `${bucket}\0${key}\0${id}/${blob}/${at}`
          segments.set(name, plain(segment))
          for (const { seat } of segment.fragments) bySeat.get(seat)?.add(name)
        }
      }
    }
    const found = this.host.see(allSegments(all)).items.map(item => {
      const { record } = item
      const fragments = record.fragments.map(({ id, seat }) => ({ id: toHex(id), seat }))
      return [segmentKey(item), { ...record, fragments }] as const
    })
    assert.deepEqual(new Map(found), segments)
    for (const seat of SEATS) {
      const held = this.host.see(segmentsOf(seat, all)).items.map(segmentKey)
      assert.deepEqual(new Set(held), bySeat.get(seat))
    }
    const dropped = this.host.see(garbage(all)).items.map(garbageName)
    assert.deepEqual(new Set(dropped), this.model.garbage)
  }

  #compareBucket(bucket: string): void {
    const usage = this.host.ask(getUsage(bucket))
    if (!this.model.buckets.has(bucket)) return
    assert.deepEqual(usage, { type: 'answer', value: this.model.usage(bucket) })
    const delimiter = this.random.pick(['', '/'])
    const prefix = this.random.pick(['', '', 'a', 'a/', 'b'])
    const limit = 1 + this.random.below(4)
    this.#compareList({ bucket, prefix, delimiter, limit })
    this.#compareVersionList({ bucket, prefix, delimiter, limit })
    for (const key of KEYS) {
      const [head] = this.model.versionsAt(bucket, key)
      const answered = this.host.ask(getObject({ bucket, key }, undefined))
      if (head === undefined) assert.equal(answered.type, 'refused')
      else if (answered.type === 'answer') {
        const { value } = answered
        assert.equal(value.id, nameOfVersion(head))
        assert.equal(value.bytes && toHex(value.bytes), head.inline)
        const { tags, etag, retention, hasLegalHold, sizeBytes } = value.version
        const { description } = head
        assert.deepEqual(
          { tags, etag, retention, hasLegalHold, sizeBytes },
          {
            tags: description.tags,
            etag: description.etag,
            retention: description.retention,
            hasLegalHold: description.hasLegalHold,
            sizeBytes: description.sizeBytes,
          },
        )
      } else assert.fail('there is one')
    }
  }

  #compareList(options: Listing): void {
    const live = this.#keys(options).filter(([, [head]]) => head?.isMarker === false)
    const { entries, prefixes } = grouped(live, options)
    const keys: string[] = []
    const found: string[] = []
    let after: Uint8Array | undefined = new Uint8Array(0)
    for (let pages = 0; after !== undefined; pages++) {
      assert.ok(pages < 100, 'a list ends')
      const page = this.#page({ ...options, after })
      assert.ok(page.objects.length + page.prefixes.length <= options.limit)
      keys.push(...page.objects.map(({ key, version }) => `${key} ${version.etag}`))
      found.push(...page.prefixes)
      after = page.next
    }
    const expected = entries.map(([key, [head]]) => `${key} ${head?.description.etag}`)
    assert.deepEqual([keys, found], [expected, prefixes])
  }

  #page(options: Listing & { after: Uint8Array }): ObjectList {
    return this.host.see(listObjects(options))
  }

  #versionPage(
    options: Listing & { after: Uint8Array; afterVersion: string | undefined },
  ): VersionList {
    return this.host.see(listVersions(options))
  }

  #compareVersionList(options: Listing): void {
    const { entries, prefixes } = grouped(this.#keys(options), options)
    const names: string[] = []
    const found: string[] = []
    let next: { after: Uint8Array; version: string | undefined } | undefined = {
      after: new Uint8Array(0),
      version: undefined,
    }
    for (let pages = 0; next !== undefined; pages++) {
      assert.ok(pages < 300, 'a list ends')
      const page = this.#versionPage({
        ...options,
        after: next.after,
        afterVersion: next.version,
      })
      assert.ok(page.versions.length + page.prefixes.length <= options.limit)
      names.push(...page.versions.map(({ key, id, isLatest }) => `${key} ${id} ${isLatest}`))
      found.push(...page.prefixes)
      next = page.next
    }
    const expected = entries.flatMap(([key, versions]) =>
      versions.map((version, at) => `${key} ${nameOfVersion(version)} ${at === 0}`),
    )
    assert.deepEqual([names, found], [expected, prefixes])
  }

  #keys({ bucket, prefix }: Listing): [string, ModelVersion[]][] {
    return KEYS.filter(key => key.startsWith(prefix))
      .map((key): [string, ModelVersion[]] => [key, this.model.versionsAt(bucket, key)])
      .filter(([, versions]) => versions.length > 0)
  }
}

interface Listing {
  readonly bucket: string
  readonly prefix: string
  readonly delimiter: string
  readonly limit: number
}

function grouped(keys: [string, ModelVersion[]][], { prefix, delimiter }: Listing) {
  const isGrouped = ([key]: [string, ModelVersion[]]): boolean =>
    delimiter !== '' && key.slice(prefix.length).includes(delimiter)
  const groups = keys
    .filter(isGrouped)
    .map(([key]) => key.slice(0, key.indexOf(delimiter, prefix.length) + 1))
  return { entries: keys.filter(key => !isGrouped(key)), prefixes: [...new Set(groups)] }
}

const garbageName = (
  item: Parameters<typeof segmentKey>[0] & {
    generation: number
    index: number
    fragment: { seat: number }
  },
) => `${segmentKey(item)}/${item.generation}/${item.index}/${item.fragment.seat}`

/** With bytes in hexadecimal. */
export const shown = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? toHex(part) : part))

/** Without what `undefined` fields and array types would tell apart. */
const plain = <Value>(value: Value): Value => structuredClone(value)
