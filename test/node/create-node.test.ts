import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { codeOf, type HoldfastError } from '../../src/base/errors.ts'
import { createNode, type HoldfastNode } from '../../src/node/create-node.ts'
import type { NodeEvent } from '../../src/node/views.ts'
import { failsWith, rejectsWith } from '../support/expect.ts'
import { withDirectory } from '../support/temporary.ts'

const listen = ['/ip4/127.0.0.1/tcp/0']

/** Peers in one process, each with a directory of its own below a temporary one. */
class Company {
  readonly #nodes: HoldfastNode[] = []
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async with(story: (company: Company) => Promise<void>): Promise<void> {
    await withDirectory(async directory => {
      const company = new Company(directory)
      try {
        await story(company)
      } finally {
        await Promise.all(company.#nodes.map(node => node.stop({ signal: atOnce })))
      }
    })
  }

  make(name: string, invite?: string): HoldfastNode {
    const dataDirectory = join(this.#directory, name)
    const node = createNode({ dataDirectory, name, listen, profile: 'fast', join: invite })
    this.#nodes.push(node)
    return node
  }

  async start(name: string, invite?: string): Promise<HoldfastNode> {
    const node = this.make(name, invite)
    await node.start()
    return node
  }
}

const atOnce = AbortSignal.abort(new Error('the test is over'))

/** Waits for real time to bring something about; real peers are at work. */
async function until(holds: () => boolean, withinMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const limit = setTimeout(() => reject(new Error(`waited ${withinMs} ms in vain`)), withinMs)
  const look = setInterval(() => holds() && resolve(), 25)
  await promise.finally(() => {
    clearTimeout(limit)
    clearInterval(look)
  })
}

const aliveIn = (node: HoldfastNode): string[] =>
  node
    .peers()
    .filter(({ state }) => state === 'alive')
    .map(({ name }) => name)
    .toSorted()

test('two peers become a network, and one that was banned is out of it', () =>
  Company.with(async company => {
    const a = await company.start('a')
    const events: NodeEvent[] = []
    a.onEvent(event => events.push(event))
    const b = await company.start('b', await a.invite())
    await until(() => aliveIn(a).length === 2 && aliveIn(b).length === 2, 15_000)
    assert.deepEqual(aliveIn(b), ['a', 'b'])
    assert.equal(a.status().network, b.status().network)
    await rejectsWith('NO_AUTHORITY', b.invite())
    await a.ban('b')
    const banned = a.peers().find(({ membership }) => membership === 'banned')
    assert.equal(banned?.peer, b.status().peer)
    await until(() => b.peers().every(({ isConnected }) => !isConnected), 5000)
    assert.ok(events.some(({ type }) => type === 'admitted'))
    assert.ok(events.some(({ type }) => type === 'banned'))
  }))

test('a peer returns to its network without an invite', () =>
  Company.with(async company => {
    const a = await company.start('a')
    const b = await company.start('b', await a.invite())
    const { peer } = b.status()
    await b.stop()
    await b.start()
    assert.equal(b.status().peer, peer)
    await until(() => aliveIn(a).length === 2 && aliveIn(b).length === 2, 15_000)
  }))

test('a directory is used by one peer at a time', () =>
  Company.with(async company => {
    await company.start('a')
    const second = company.make('a')
    await assert.rejects(second.start(), (error: unknown) => {
      assert.equal(codeOf(error), 'DIRECTORY_LOCKED')
      assert.equal((error as HoldfastError & { details: { pid: number } }).details.pid, process.pid)
      return true
    })
  }))

test('a directory of one network does not take an invite into another', () =>
  Company.with(async company => {
    const a = await company.start('a')
    const b = await company.start('b')
    const invite = await b.invite()
    await a.stop()
    await rejectsWith('FOREIGN_STORE', company.make('a', invite).start())
  }))

test('a start that is called off leaves nothing behind', () =>
  Company.with(async company => {
    const a = await company.start('a')
    const invite = await a.invite()
    await a.stop()
    const b = company.make('b', invite)
    const controller = new AbortController()
    const starting = b.start({ signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 300)
    await assert.rejects(starting)
    // Neither the lock nor a half-made network.
    const c = company.make('b')
    await c.start()
    assert.equal(c.status().isAuthority, true)
  }))

test('what is asked of a peer that does not run is CLOSED', () =>
  Company.with(async company => {
    const node = company.make('a')
    assert.throws(
      () => node.status(),
      (error: unknown) => codeOf(error) === 'CLOSED',
    )
    await rejectsWith('CLOSED', node.invite())
    await node.stop()
  }))

test('a text that is no invite is refused before anything is made', () =>
  Company.with(async company => {
    await rejectsWith('INVITE_MALFORMED', company.make('a', 'hello').start())
  }))

test('an address that something else listens at is refused', () =>
  Company.with(async company => {
    const a = await company.start('a')
    const taken = (a.status().addresses[0] as string).replace(/\/p2p\/.*$/, '')
    const dataDirectory = `${a.status().dataDirectory}-other`
    const other = createNode({ dataDirectory, listen: [taken] })
    await rejectsWith('ADDRESS_IN_USE', other.start())
  }))

test('what a peer cannot be told is refused before it makes a network', () =>
  withDirectory(async dataDirectory => {
    failsWith('CONFIG_INVALID', () => createNode({ dataDirectory, zone: 'z'.repeat(65) }))
    const node = createNode({ dataDirectory, listen: ['/ip4/127.0.0.1/udp/0'] })
    await rejectsWith('CONFIG_INVALID', node.start())
    assert.equal(existsSync(join(dataDirectory, 'admission')), false)
  }))
