import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Disk } from '../../src/base/environment.ts'
import { AddressBook } from '../../src/net/address-book.ts'
import { createIdentity } from '../../src/net/identity.ts'
import { BOOK_ADDRESSES_MAX, BOOK_PEERS_MAX } from '../../src/net/limits.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { ManualTimers } from '../support/manual-timers.ts'
import { withDirectory } from '../support/temporary.ts'

const address = (port: number): string => `/ip4/10.0.0.1/tcp/${port}`

const withBook = (
  body: (
    reopen: () => Promise<AddressBook>,
    parts: { disk: Disk; failures: unknown[] },
  ) => Promise<void>,
): Promise<void> =>
  withDirectory(async directory => {
    const disk = openDisk(directory)
    const timers = new ManualTimers()
    const failures: unknown[] = []
    const onFailure = (error: unknown): number => failures.push(error)
    await body(() => AddressBook.open({ disk, timers, onFailure }), { disk, failures })
  })

const newPeer = async (): Promise<string> => (await createIdentity()).peer

test('a book is found again as it was left, best address first', () =>
  withBook(async (reopen, { failures }) => {
    const [a, b] = [await newPeer(), await newPeer()]
    const book = await reopen()
    assert.ok(book.add(a, [address(1), address(2)]))
    assert.ok(book.add(b, [address(3)]))
    assert.ok(book.add(a, [address(4)]))
    assert.ok(!book.add(a, [address(4)]), 'no news')
    book.forget(b)
    await book.close()
    const again = await reopen()
    assert.deepEqual(again.peers(), [a])
    assert.deepEqual(again.get(a), [address(4), address(1), address(2)])
    assert.deepEqual(failures, [])
  }))

test('a book has bounds, and the peer last heard of is kept longest', () =>
  withBook(async reopen => {
    const book = await reopen()
    for (let at = 0; at < BOOK_PEERS_MAX + 5; at++) book.add(`peer ${at}`, [address(at)])
    assert.equal(book.peers().length, BOOK_PEERS_MAX)
    assert.equal(book.peers().at(-1), `peer ${BOOK_PEERS_MAX + 4}`)
    assert.deepEqual(book.get('peer 0'), [])
    for (let port = 0; port < 20; port++) book.add('many', [address(port)])
    assert.equal(book.get('many').length, BOOK_ADDRESSES_MAX)
    assert.equal(book.get('many')[0], address(19))
  }))

test('what others say of a peer crowds out none of its best addresses', () =>
  withBook(async reopen => {
    const book = await reopen()
    const own = [1, 2, 3, 4, 5].map(address)
    book.add('a', own)
    for (let port = 100; port < 150; port++) book.add('a', [address(port)], true)
    assert.deepEqual(book.get('a').slice(0, 4), own.slice(0, 4))
    assert.equal(book.get('a')[4], address(149), 'the newest of what is said')
    assert.equal(book.get('a').length, BOOK_ADDRESSES_MAX)
  }))

const rotten = [
  ['nothing', []],
  ['another version', [2, 0]],
  ['more peers than it holds', [1, 200, 1]],
  ['a name that is no text', [1, 1, 2, 0xff, 0xfe, 0]],
] as const
for (const [what, bytes] of rotten) {
  test(`a book that holds ${what} is reported and begun anew`, () =>
    withBook(async (reopen, { disk, failures }) => {
      await disk.replace('addresses', Uint8Array.from(bytes))
      const book = await reopen()
      assert.deepEqual(book.peers(), [])
      assert.equal(failures.length, 1)
      const peer = await newPeer()
      book.add(peer, [address(1)])
      await book.close()
      assert.deepEqual((await reopen()).peers(), [peer])
    }))
}
