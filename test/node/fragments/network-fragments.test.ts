import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { parseFragmentId } from '../../../src/erasure/fragment-id.ts'
import { VerifiedLeaves } from '../../../src/erasure/leaves.ts'
import { CALL, PUT, READ } from '../../../src/node/fragments/fragment-messages.ts'
import type { FragmentPut } from '../../../src/node/fragments/fragment-peers.ts'
import { rejectsWith } from '../../support/expect.ts'
import { Town } from '../../support/fragment-town.ts'
import { fragmentOf, sha256, type TestFragment } from '../../support/fragments.ts'

const random = new Prng(5)
const segment = random.bytes(29)
const sizes = [64, 4_096, 65_536, 65_600, 131_072, 131_136, 1_000_000 - (1_000_000 % 64), 8 << 20]

const putOf = (fragment: TestFragment): FragmentPut => ({
  segment,
  index: 3,
  sizeBytes: fragment.bytes.length,
  sealed: Uint8Array.of(1, 2, 3),
  leaseMs: 60_000,
})

for (const size of sizes)
  test(`a fragment of ${size} bytes goes to another peer and comes back, cell by cell`, () =>
    Town.play(['a', 'b'], async town => {
      const { peers } = town.peer('a').fragments
      const fragment = fragmentOf(random.bytes(size))
      const { id, bytes, cells } = fragment
      assert.equal(await peers.put('b', id, putOf(fragment), asyncOf(cells)), 'stored')
      assert.equal(await peers.put('b', id, putOf(fragment), cells), 'present')
      const all = await peers.read('b', id, { from: 0, to: cells.length })
      assert.deepEqual(Buffer.from(all.cells), Buffer.from(bytes))
      const { digest } = parseFragmentId(id)
      const leaves = VerifiedLeaves.check(sha256, digest, all.leaves)
      assert.deepEqual(await peers.leaves('b', id), all.leaves)
      const last = cells.length - 1
      const cell = await peers.cells('b', id, { from: last, to: last + 1 })
      assert.ok(leaves.matches(last, cell))
      assert.equal(all.cells.buffer.byteLength, all.cells.length, 'memory of its own')
    }))

test('references are committed and released, stated and proven at another peer as here', () =>
  Town.play(['a', 'b'], async town => {
    const { peers } = town.peer('a').fragments
    const fragment = fragmentOf(random.bytes(100_032))
    const { id, cells } = fragment
    for (const peer of ['a', 'b']) {
      assert.equal(await peers.stat(peer, id), undefined)
      await peers.put(peer, id, putOf(fragment), cells)
      await peers.commit(peer, id, { segment, index: 3 })
      const info = await peers.stat(peer, id)
      assert.equal(info?.sizeBytes, 100_032)
      assert.deepEqual(info?.references, [
        { segment, index: 3, untilMs: 0, sealed: Uint8Array.of(1, 2, 3) },
      ])
      const nonce = random.bytes(32)
      const wanted = sha256.hash(Buffer.concat([nonce, cells[1] as Uint8Array]))
      assert.deepEqual(
        Buffer.from(await peers.prove(peer, id, { cell: 1, nonce })),
        Buffer.from(wanted),
      )
      const revealed = await peers.reveal(peer, id, 1)
      assert.deepEqual(Buffer.from(revealed.cell), Buffer.from(cells[1] as Uint8Array))
      await peers.release(peer, id, { segment, index: 3, graceMs: 0 })
      assert.notEqual((await peers.stat(peer, id))?.references[0]?.untilMs, 0)
    }
  }))

test('failures keep their codes over the wire', () =>
  Town.play(['a', 'b'], async town => {
    const { peers } = town.peer('a').fragments
    const large = fragmentOf(random.bytes(300_032))
    const small = fragmentOf(random.bytes(640))
    await rejectsWith('FRAGMENT_MISSING', peers.cells('b', small.id, { from: 0, to: 1 }))
    await rejectsWith('FRAGMENT_MISSING', peers.cells('b', large.id, { from: 0, to: 5 }))
    await rejectsWith('FRAGMENT_MISSING', peers.commit('b', small.id, { segment, index: 1 }))
    for (const fragment of [small, large]) {
      const wrong = fragment.cells.map(cell => cell.map(byte => byte ^ 1))
      await rejectsWith('FRAGMENT_CORRUPT', peers.put('b', fragment.id, putOf(fragment), wrong))
      const none = { ...putOf(fragment), segment: new Uint8Array(0) }
      await rejectsWith('MALFORMED', peers.put('b', fragment.id, none, fragment.cells))
      const short = fragment.cells.slice(0, -1)
      // A stream that ends too early tells more than the fragment it should have been.
      const code = fragment === small ? 'FRAGMENT_CORRUPT' : 'MALFORMED'
      await rejectsWith(code, peers.put('b', fragment.id, putOf(fragment), short))
      await peers.put('b', fragment.id, putOf(fragment), fragment.cells)
      const beyond = { from: 0, to: fragment.cells.length + 1 }
      await rejectsWith('MALFORMED', peers.cells('b', fragment.id, beyond))
    }
  }))

test('a full peer says so before all of a fragment was sent', () =>
  Town.play(
    ['a', 'b'],
    async town => {
      const { peers } = town.peer('a').fragments
      const fragment = fragmentOf(random.bytes(8 << 20))
      let pulled = 0
      const cells = async function* (): AsyncGenerator<Uint8Array> {
        for (const cell of fragment.cells) {
          pulled++
          yield cell
        }
      }
      await rejectsWith('STORE_READONLY', peers.put('b', fragment.id, putOf(fragment), cells()))
      assert.ok(pulled < fragment.cells.length / 2, `${pulled} cells were pulled`)
    },
    { capacityBytes: 1 << 20 },
  ))

test('a put that is aborted leaves nothing, and its source is told', () =>
  Town.play(['a', 'b'], async town => {
    const { peers } = town.peer('a').fragments
    const { store } = town.peer('b').fragments
    const fragment = fragmentOf(random.bytes(4 << 20))
    const controller = new AbortController()
    let isOver = false
    const cells = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (const [at, cell] of fragment.cells.entries()) {
          if (at === 20) controller.abort(new Error('enough'))
          yield cell
        }
      } finally {
        isOver = true
      }
    }
    const put = { ...putOf(fragment), signal: controller.signal }
    await assert.rejects(peers.put('b', fragment.id, put, cells()), /enough/)
    await town.world.sleep(1_000)
    assert.equal(await store.stat(fragment.id), undefined)
    assert.equal(store.usage.usedBytes, 0)
    const left = town
      .peer('b')
      .machine.drive.files()
      .filter(({ path }) => path !== 'reserve')
    assert.deepEqual(
      left.filter(({ sizeBytes }) => sizeBytes > 0),
      [],
    )
    assert.ok(isOver)
  }))

test('a peer that hangs ends calls by their deadlines', () =>
  Town.play(['a', 'b'], async town => {
    const { peers } = town.peer('a').fragments
    const fragment = fragmentOf(random.bytes(300_032))
    await peers.put('b', fragment.id, putOf(fragment), fragment.cells)
    town.peer('b').machine.pause()
    const began = town.world.nowMs
    await rejectsWith('TIMEOUT', peers.stat('b', fragment.id, { deadlineMs: 700 }))
    assert.equal(Math.round(town.world.nowMs - began), 700)
    const range = { from: 0, to: 5, deadlineMs: 300 }
    await rejectsWith('TIMEOUT', peers.cells('b', fragment.id, range))
    assert.equal(Math.round(town.world.nowMs - began), 1_000)
  }))

test('nonsense is answered MALFORMED and changes nothing', () =>
  Town.play(['a', 'b'], async town => {
    const { network } = town.peer('a').environment
    for (const protocol of [PUT, READ, CALL])
      for (let round = 0; round < 200; round++) {
        const body = random.bytes(random.below(200))
        const failure = await network
          .request('b', protocol, { body, deadlineMs: 1_000 })
          .then(() => undefined, codeOf)
        assert.ok(['MALFORMED', 'HASH_UNKNOWN', 'TOO_LARGE'].includes(String(failure)), failure)
      }
    for (const protocol of [PUT, READ]) {
      const stream = await network.openStream('b', protocol)
      await stream.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3))
      const answer = await stream.read()
      assert.equal(answer?.[4], 1, 'a failure')
      assert.match(Buffer.from(answer ?? []).toString(), /TOO_LARGE/)
      stream.end()
    }
    assert.equal(town.peer('b').fragments.store.usage.fragments, 0)
  }))

async function* asyncOf(cells: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* cells
}
