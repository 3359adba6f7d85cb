import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { proposals } from '../../../src/catalog/command-codec.ts'
import type { Command } from '../../../src/catalog/commands.ts'
import { rangeOf } from '../../../src/catalog/queries.ts'
import { type Result, results } from '../../../src/catalog/results.ts'
import { stateHash } from '../../../src/catalog/snapshot.ts'
import type { SnapshotMark } from '../../../src/consensus/raft-event.ts'
import {
  decodeSessionReply,
  encodeSessionRequest,
  type SessionReply,
} from '../../../src/consensus/session-command.ts'
import type { CatalogState } from '../../../src/node/catalog/catalog-state.ts'
import { CatalogStates } from '../../../src/node/catalog/catalog-states.ts'
import { SnapshotStore } from '../../../src/node/consensus/snapshot-store.ts'
import { openDisk } from '../../../src/storage/disk.ts'
import { createBucket, putInline } from '../../catalog/support.ts'
import { rejectsWith } from '../../support/expect.ts'
import { MemoryKeyValue } from '../../support/memory-key-value.ts'
import { withDirectory } from '../../support/temporary.ts'

const GROUP = 1
const CHILD = 2
const configuration = { voters: ['a/1'], outgoing: [], learners: [] }
const place = { bucket: 'aaa', key: 'k' }

/** A peer's states, and a log that is applied to one of them entry by entry. */
class Bench {
  readonly directory: string
  readonly born: number[] = []
  keyValue = new MemoryKeyValue()
  index = 0
  session = 0
  #sequence = 0
  #states: CatalogStates | undefined

  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory)
  }

  get states(): CatalogStates {
    assert.ok(this.#states !== undefined)
    return this.#states
  }

  state(group: number = GROUP): CatalogState {
    const state = this.states.state(group)
    assert.ok(state !== undefined)
    return state
  }

  /** Opens what is there, as after a start. */
  async open(): Promise<this> {
    this.keyValue = this.keyValue.reopened()
    this.#states = await CatalogStates.open({
      keyValue: this.keyValue,
      snapshots: await SnapshotStore.open(openDisk(this.directory)),
      stampMs: () => 5_000,
      born: group => this.born.push(group),
      isEstablished: () => false,
      failed: error => assert.fail(String(error)),
    })
    const { start } = await this.states.open(GROUP)
    this.index = start.index
    return this
  }

  mark(index: number = this.index): SnapshotMark {
    return { index, term: 1, configuration }
  }

  async apply(bytes: Uint8Array, group: number = GROUP): Promise<SessionReply> {
    const state = this.state(group)
    const index = ++this.index
    const commands = [{ index, data: state.prepare(bytes) }]
    const [answer] = await state.apply({ commands, mark: this.mark() })
    assert.ok(answer !== undefined)
    return decodeSessionReply(answer)
  }

  async register(): Promise<void> {
    const reply = await this.apply(encodeSessionRequest({ type: 'register', timeMs: 0 }))
    assert.ok(reply.type === 'registered')
    this.session = reply.session
  }

  /** A command of the session, as it travels. */
  command(command: Command, epoch = 1): Uint8Array {
    const sequence = ++this.#sequence
    return encodeSessionRequest({
      type: 'command',
      timeMs: 0,
      session: this.session,
      sequence,
      ackedBelow: 1,
      payload: proposals.encode({ epoch, command }),
    })
  }

  hash(group: number = GROUP): Promise<string> {
    return this.state(group).ask(stateHash(group))
  }
}

function resultOf(reply: SessionReply): Result {
  assert.ok(reply.type === 'done', reply.type)
  return results.decode(reply.payload)
}

const withBench = (story: (bench: Bench, root: string) => Promise<void>): Promise<void> =>
  withDirectory(async root => story(await new Bench(join(root, 'a')).open(), root))

test('a command is done once, also where it comes again after a start', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    const put = bench.command(putInline(place, 'x'))
    const first = resultOf(await bench.apply(put))
    assert.equal(first.type, 'version')
    const { index } = bench
    await bench.open()
    assert.equal(bench.index, index, 'all of it was on the disk')
    assert.deepEqual(resultOf(await bench.apply(put)), first)
  }))

test('both halves of a split know the sessions, and the child begins behind the split', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    const put = bench.command(putInline({ bucket: 'aaa', key: 'z' }, 'x'))
    const first = resultOf(await bench.apply(put))
    const at = { bucket: 'aaa', key: 'm' }
    await bench.apply(bench.command({ type: 'splitRange', at, child: CHILD }))
    assert.deepEqual(bench.born, [CHILD])
    assert.deepEqual(bench.states.unborn, [{ group: CHILD, parent: GROUP }])
    const split = bench.index
    const { start } = await bench.states.open(CHILD)
    assert.deepEqual(start, { index: split, term: 1, configuration })
    assert.deepEqual(resultOf(await bench.apply(put, CHILD)), first)
    assert.equal(await bench.state().secure(bench.mark(split)), split - 1)
    const stale = resultOf(await bench.apply(bench.command(putInline(place, 'y'))))
    assert.ok(stale.type === 'refused' && stale.refusal.code === 'STALE_EPOCH')
  }))

test('a split that comes to where the child is already leaves that alone', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    await bench.states.open(CHILD)
    const before = await bench.hash(CHILD)
    const at = { bucket: 'aaa', key: 'm' }
    await bench.apply(bench.command({ type: 'splitRange', at, child: CHILD }))
    assert.equal(await bench.hash(CHILD), before)
    assert.deepEqual(bench.states.unborn, [])
  }))

test('a state goes to another peer as a file, with its sessions', () =>
  withBench(async (bench, root) => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    const put = bench.command(putInline(place, 'x'))
    const first = resultOf(await bench.apply(put))
    const other = await new Bench(join(root, 'b')).open()
    const held = await bench.state().snapshot(bench.index)
    copyFileSync(join(bench.directory, held.path), join(other.directory, held.path))
    await held.release()
    await rejectsWith('CORRUPT', bench.state().snapshot(bench.index + 1))
    other.states.snapshots.received(GROUP, bench.mark())
    await other.state().install(bench.mark())
    other.index = bench.index
    assert.equal(await other.hash(), await bench.hash())
    assert.deepEqual(resultOf(await other.apply(put)), first)
    assert.equal(other.states.snapshots.newestPath(GROUP), undefined, 'the file is of no more use')
    await other.open()
    assert.equal(other.index, bench.index + 1)
  }))

test('a file that came just before a crash is taken up at the start, a broken one is not', () =>
  withBench(async (bench, root) => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    const held = await bench.state().snapshot(bench.index)
    const [whole, broken] = [new Bench(join(root, 'b')), new Bench(join(root, 'c'))]
    for (const other of [whole, broken]) {
      await other.open()
      copyFileSync(join(bench.directory, held.path), join(other.directory, held.path))
    }
    truncateSync(join(broken.directory, held.path), 100)
    await whole.open()
    assert.equal(whole.index, bench.index)
    assert.equal(await whole.hash(), await bench.hash())
    await broken.open()
    assert.equal(broken.index, 0)
    const range = await broken.state().ask(rangeOf(GROUP))
    assert.equal(range?.epoch, 1)
  }))

test('all states are found, however short the pages of the store are', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    for (const group of [5, 6, 7]) await bench.states.open(group)
    const before = await bench.hash(7)
    bench.keyValue.pageRowsMax = 1
    await bench.open()
    assert.deepEqual(bench.states.groups, [GROUP, 5, 6, 7])
    await bench.states.open(7)
    assert.equal(await bench.hash(7), before)
  }))

test('a group that is erased leaves nothing, and those that share its space lose nothing', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    for (const key of ['a', 'z'])
      await bench.apply(bench.command(putInline({ ...place, key }, key)))
    const at = { bucket: 'aaa', key: 'm' }
    await bench.apply(bench.command({ type: 'splitRange', at, child: CHILD }))
    const before = await bench.hash()
    await bench.states.erase(CHILD)
    assert.equal(await bench.hash(), before)
    assert.deepEqual(bench.states.groups, [GROUP])
    await bench.states.erase(GROUP)
    const all = { after: new Uint8Array(0), before: Uint8Array.of(255), limit: 100 }
    const left = await bench.keyValue.page(all)
    assert.deepEqual(
      left.map(({ key }) => String.fromCharCode(key[1] ?? 0)),
      ['n'],
    )
  }))

test('what time a command has rises, whatever the leaders believe', () =>
  withBench(async bench => {
    await bench.register()
    await bench.apply(bench.command(createBucket('aaa')))
    const stamps: number[] = []
    for (let at = 0; at < 3; at++) {
      const written = resultOf(await bench.apply(bench.command(putInline(place, `${at}`))))
      assert.ok(written.type === 'version')
      stamps.push(written.ms)
    }
    assert.deepEqual(stamps, [5_000, 5_000, 5_000])
    const { stamp } = bench.states.standing(GROUP) ?? {}
    assert.deepEqual(stamp, { ms: 5_000, count: 3 })
  }))
