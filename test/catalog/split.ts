import assert from 'node:assert/strict'

import { compare, concat, fromUtf8, toHex } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import type { Command } from '../../src/catalog/commands.ts'
import { type Place, positionOf } from '../../src/catalog/position.ts'
import { getBucket, getUsage } from '../../src/catalog/queries.ts'
import { getObject, listObjects, type ObjectList } from '../../src/catalog/query-objects.ts'
import { garbage, outbox, segmentsOf } from '../../src/catalog/query-upkeep.ts'
import type { Result } from '../../src/catalog/results.ts'
import { checkInvariants } from './invariants.ts'
import { Model, type ModelCommand, segmentKey } from './model.ts'
import { BUCKETS, KEYS, RandomCommands } from './random-commands.ts'
import {
  codeOf,
  contentId,
  createBucket,
  deleteKey,
  Host,
  putBlob,
  putInline,
  segment,
} from './support.ts'
import { shown } from './twins.ts'

const all = { after: undefined, limit: 10_000 }

/** One catalog whole, and the same one in ranges. */
export class Split {
  readonly whole: Host = new Host()
  readonly parts: Host = new Host()
  readonly model: Model = new Model()
  readonly random: Prng
  groups: number[] = [1]
  readonly #commands: RandomCommands

  constructor(seed: number) {
    this.random = new Prng(seed)
    this.model.nowMs = this.whole.nowMs
    this.#commands = new RandomCommands(this.random.fork('commands'), this.model)
    for (const bucket of BUCKETS) {
      const versioning = this.random.pick(['off', 'enabled'] as const)
      this.play(createBucket(bucket, { versioning }))
    }
  }

  /** Splits and merges while commands go on; in the end all is one range again, row by row. */
  playAll(rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      for (let step = 0; step < 30; step++) this.step()
      this.compare()
      const key = this.random.pick(['', ...KEYS, 'a/bb'])
      this.split({ bucket: this.random.pick(BUCKETS), key })
      this.compare()
      if (this.groups.length > 2 && this.random.chance(0.4)) this.merge()
    }
    this.collect()
    while (this.groups.length > 1) this.merge()
    this.compare()
    assert.deepEqual(objectRows(this.parts), objectRows(this.whole))
  }

  step(): void {
    if (this.random.chance(0.1)) this.#pass(this.random.pick([1, 5_000, 70_000]))
    if (this.random.chance(0.05)) return this.collect()
    const command = this.#commands.next()
    // What freezing means to ranges is tried step by step elsewhere.
    const isFreeze = command.type === 'changeBucket' && command.isFrozen
    if (command.type !== 'deleteBucket' && !isFreeze) this.play(command)
  }

  /** Where all places of a command are in one range, it has the same outcome in both. */
  play(command: ModelCommand): void {
    const owners = new Set(placesOf(command).map(place => this.#owner(place)))
    const [group] = owners
    if (owners.size !== 1 || group === undefined) return
    this.#misdirect(command, group)
    const result = this.parts.do(command, { group })
    if (codeOf(result) === 'OUT_OF_RANGE') return
    assert.deepEqual(this.whole.do(command), result, shown(command))
    this.model.apply(command)
    this.#mirror(result, command)
    this.deliver()
  }

  /** Another range refuses it, whoever sent it there. */
  #misdirect(command: ModelCommand, owner: number): void {
    const others = this.groups.filter(group => group !== owner)
    if (others.length === 0 || !this.random.chance(0.2)) return
    const result = this.parts.do(command, { group: this.random.pick(others) })
    assert.equal(result.type, 'refused', shown(command))
  }

  #owner(place: Place): number {
    return this.parts.groupOf(positionOf(place), this.groups)
  }

  /** Brings a bucket's record to the ranges that begin inside it. */
  #mirror(result: Result, command: ModelCommand): void {
    if (result.type !== 'bucket' || !('bucket' in command)) return
    const { bucket } = command
    const { record } = result
    const home = positionOf({ bucket, key: '' })
    for (const group of this.groups) {
      const lo = this.parts.range(group)?.lo ?? new Uint8Array(0)
      const isInside = lo.length > home.length && compare(lo.subarray(0, home.length), home) === 0
      if (!isInside) continue
      const mirror: Command = { type: 'mirrorBucket', bucket, record }
      assert.equal(codeOf(this.parts.do(mirror, { group })), 'done')
    }
  }

  /** Brings references that were given up to the ranges that have them. */
  deliver(): void {
    for (const group of this.groups) {
      for (const { name, holder, row } of this.parts.see(outbox(all), group).items) {
        const drop = { type: 'dropReference', ...name, holder } as const
        assert.equal(codeOf(this.parts.do(drop, { group: this.#owner(name) })), 'done')
        this.parts.do({ type: 'settleReferences', rows: [row] }, { group })
      }
    }
  }

  collect(): void {
    this.model.collect()
    for (let isMore = true; isMore;) {
      isMore = this.#collectOnce(this.whole, 1)
      for (const group of this.groups) isMore = this.#collectOnce(this.parts, group) || isMore
      this.deliver()
      for (const group of this.groups) isMore = this.#collectOnce(this.parts, group) || isMore
    }
  }

  #collectOnce(host: Host, group: number): boolean {
    const result = host.do({ type: 'collect', rows: 1_000 }, { group })
    return result.type === 'collected' && result.rows > 0
  }

  #pass(ms: number): void {
    for (const clock of [this.whole, this.parts, this.model]) clock.nowMs += ms
  }

  split(at: Place): void {
    const child = Math.max(...this.groups) + 1
    const result = this.parts.do({ type: 'splitRange', at, child }, { group: this.#owner(at) })
    if (result.type === 'range') this.groups.push(child)
  }

  /** The last range is taken over by the one before. */
  merge(): void {
    const lo = (group: number): Uint8Array => this.parts.range(group)?.lo ?? new Uint8Array(0)
    this.groups = this.groups.toSorted((a, b) => compare(lo(a), lo(b)))
    const right = 1 + this.random.below(this.groups.length - 1)
    const [left, source] = [this.groups[right - 1], this.groups[right]]
    assert.ok(left !== undefined && source !== undefined)
    const frozen = this.parts.do({ type: 'freezeRange' }, { group: source })
    assert.ok(frozen.type === 'range')
    const { epoch } = frozen.range
    const absorbed = this.parts.do({ type: 'absorbRange', group: source, epoch }, { group: left })
    assert.equal(absorbed.type, 'range', JSON.stringify(absorbed))
    this.groups.splice(right, 1)
  }

  compare(): void {
    checkInvariants(this.parts.store.rows)
    for (const bucket of BUCKETS) {
      for (const key of KEYS) {
        const group = this.#owner({ bucket, key })
        const question = getObject({ bucket, key }, undefined)
        assert.deepEqual(this.parts.ask(question, group), this.whole.ask(question))
      }
      this.#compareLists(bucket)
      this.#compareUsage(bucket)
    }
    for (let seat = 1; seat <= 7; seat++) {
      const held = (host: Host, group: number): string[] =>
        host.see(segmentsOf(seat, all), group).items.map(segmentKey)
      const split = this.groups.flatMap(group => held(this.parts, group))
      assert.deepEqual(new Set(split), new Set(held(this.whole, 1)))
    }
    const rows = (host: Host, group: number): string[] =>
      host.see(garbage(all), group).items.map(({ row }) => toHex(row))
    const dropped = this.groups.flatMap(group => rows(this.parts, group))
    assert.deepEqual(new Set(dropped), new Set(rows(this.whole, 1)))
  }

  /** A list goes from range to range under the same options. */
  #compareLists(bucket: string): void {
    const delimiter = this.random.pick(['', '/'])
    const limit = 1 + this.random.below(3)
    const options = { bucket, prefix: this.random.pick(['', 'a']), delimiter, limit: 100 }
    if (this.whole.ask(getBucket(bucket)).type === 'refused') return
    const expected = this.whole.see(listObjects({ ...options, after: new Uint8Array(0) }))
    const names: string[] = []
    let group = this.#owner({ bucket, key: '' })
    let after = new Uint8Array(0)
    for (;;) {
      const page: ObjectList = this.parts.see(listObjects({ ...options, limit, after }), group)
      names.push(...page.objects.map(({ key }) => key), ...page.prefixes)
      if (page.next !== undefined) after = page.next.slice()
      else if (page.goesOn) {
        const hi = this.parts.range(group)?.hi ?? new Uint8Array(0)
        const [last] = page.prefixes.slice(-1)
        if (last !== undefined) after = concat([fromUtf8(last), Uint8Array.of(255)])
        group = this.parts.groupOf(hi, this.groups)
      } else break
    }
    const wanted = [...expected.objects.map(({ key }) => key), ...expected.prefixes]
    assert.deepEqual(names.toSorted(byName), wanted.toSorted(byName))
  }

  #compareUsage(bucket: string): void {
    const whole = this.whole.ask(getUsage(bucket))
    if (whole.type === 'refused') return
    const sum = { objects: 0, versions: 0, markers: 0, bytes: 0, uploads: 0 }
    for (const group of this.groups) {
      const usage = this.parts.see(getUsage(bucket), group)
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += usage[name]
    }
    assert.deepEqual(sum, whole.value)
  }
}

const byName = (a: string, b: string): number => (a < b ? -1 : 1)

/** Everything that a command is about. */
function placesOf(command: ModelCommand): Place[] {
  if (command.type === 'place') return [...command.placements]
  if (command.type === 'sweepContents') return [...command.contents]
  if (!('key' in command)) return [{ bucket: command.bucket, key: '' }]
  return 'source' in command ? [command, command.source] : [command]
}

/** Everything but what the groups keep about themselves, and counts of nothing. */
const objectRows = ({ store }: Host): string[][] =>
  store.rows.filter(({ key }) => key[0] !== 0).map(({ key, value }) => [toHex(key), toHex(value)])

/** A bucket in two ranges: group 1 below `m`, group 2 from there on. */
export function splitHost(): Host {
  const host = new Host()
  host.do(createBucket('aaa'))
  const split = { type: 'splitRange', at: { bucket: 'aaa', key: 'm' }, child: 2 } as const
  assert.equal(codeOf(host.do(split)), 'range')
  return host
}

/** A copy from one range into another, step by step, each step that may be repeated done twice. */
export function playCopyAcross(): void {
  const host = splitHost()
  const [low, high] = [
    { bucket: 'aaa', key: 'a' },
    { bucket: 'aaa', key: 'z' },
  ]
  const untilMs = host.nowMs + 1_000
  const [content, holder] = [contentId(1), contentId(2)]
  host.do(putBlob(low, { content, segments: [segment(1, [1, 2])], untilMs }))
  const name = { ...low, content }
  const twice = (command: Command, group: number): void => {
    for (let time = 0; time < 2; time++) assert.equal(codeOf(host.do(command, { group })), 'done')
  }
  twice({ type: 'retainContent', ...name, holder, holderPlace: high }, 1)
  const body = { type: 'shared', content: name, holder, parts: 0, untilMs } as const
  assert.equal(codeOf(host.do(putInline(high, '', { body }), { group: 2 })), 'version')
  host.do(deleteKey(low))
  const collect = (): Result => host.do({ type: 'collect', rows: 9 })
  assert.deepEqual(collect(), { type: 'collected', rows: 0, isMore: false })
  host.do(deleteKey(high), { group: 2 })
  const [note] = host.see(outbox(all), 2).items
  assert.ok(note !== undefined, 'the other range is to be told')
  twice({ type: 'dropReference', ...note.name, holder: note.holder }, 1)
  twice({ type: 'settleReferences', rows: [note.row] }, 2)
  assert.equal(host.see(outbox(all), 2).items.length, 0)
  collect()
  assert.equal(host.see(garbage(all)).items.length, 2)
  checkInvariants(host.store.rows)
}
