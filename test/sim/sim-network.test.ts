import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Environment, Network } from '../../src/base/environment.ts'
import { codeOf } from '../../src/base/errors.ts'
import { acceptNetwork, type Pair } from './network-acceptance.ts'
import { World } from './world.ts'

const forEver = (): Promise<void> => new Promise(() => undefined)

/** Peers a and b, and c that never starts; the body runs as a's program. */
async function withPair(body: (pair: Pair, world: World) => Promise<void>): Promise<void> {
  const world = new World(1)
  let other: Network | undefined
  const b = world.addPeer('b', {
    program: ({ network }) => {
      other = network
      return forEver()
    },
  })
  world.addPeer('c', { program: forEver })
  await world.play(
    () =>
      new Promise<void>((resolve, reject) => {
        b.start()
        const program = ({ network, timers }: Environment): Promise<void> => {
          const pair = { a: network, b: other as Network, nobody: 'c', timers }
          return body({ ...pair, killB: () => b.crash('process') }, world)
        }
        const a = world.addPeer('a', { program })
        a.start(error => (error === undefined ? resolve() : reject(error)))
      }),
  )
}

acceptNetwork('simulated', withPair)

const ask = async ({ a, b }: Pair, deadlineMs: number): Promise<string> => {
  try {
    await a.request(b.self, 'echo', { body: new Uint8Array(10), deadlineMs })
    return 'answered'
  } catch (error) {
    return codeOf(error) ?? 'bug'
  }
}

test('a cut holds packets back and lets them go in order when it heals', () =>
  withPair(async (pair, world) => {
    pair.b.onRequest('echo', async (_from, body) => body)
    assert.equal(await ask(pair, 1_000), 'answered')
    world.network.cut('a', 'b')
    assert.equal(await ask(pair, 1_000), 'TIMEOUT')
    const later = [ask(pair, 60_000), ask(pair, 60_000)]
    await world.sleep(5_000)
    world.network.heal()
    assert.deepEqual(await Promise.all(later), ['answered', 'answered'])
  }))

test('a connection on which nothing arrives is given up', () =>
  withPair(async (pair, world) => {
    pair.b.onRequest('echo', async (_from, body) => body)
    assert.equal(await ask(pair, 1_000), 'answered')
    world.network.partition(['a'], ['b'])
    assert.equal(await ask(pair, 60_000), 'PEER_UNREACHABLE')
    assert.deepEqual(pair.a.connected(), [])
  }))

test('a power cut is noticed late, a dead process at once', () =>
  withPair(async (pair, world) => {
    pair.b.onRequest('echo', async (_from, body) => body)
    await ask(pair, 1_000)
    const startMs = world.nowMs
    world.peers.get('b')?.crash('power')
    assert.equal(await ask(pair, 60_000), 'PEER_UNREACHABLE')
    assert.ok(world.nowMs - startMs > 10_000)
  }))

test('loss, duplication and reordering befall datagrams', () =>
  withPair(async ({ a, b }, world) => {
    Object.assign(world.network.link('a', 'b'), { loss: 0.3, duplicate: 0.3, reorder: 0.3 })
    const seen: number[] = []
    b.onDatagram('x', (_from, bytes) => seen.push(bytes[0] ?? -1))
    b.onRequest('echo', async (_from, body) => body)
    await a.request('b', 'echo', { body: new Uint8Array(), deadlineMs: 60_000 })
    for (let at = 0; at < 200; at++) {
      a.sendDatagram('b', 'x', Uint8Array.of(at))
      await world.sleep(1)
    }
    await world.sleep(1_000)
    const distinct = new Set(seen)
    assert.ok(distinct.size > 100 && distinct.size < 180, `${distinct.size} of 200 arrived`)
    assert.ok(seen.length > distinct.size, 'some arrived twice')
    assert.ok(
      seen.some((value, at) => at > 0 && value < (seen[at - 1] ?? 0)),
      'some overtook others',
    )
  }))

test('a slow link takes its time', () =>
  withPair(async (pair, world) => {
    pair.b.onRequest('echo', async () => new Uint8Array())
    await ask(pair, 1_000)
    world.network.link('a', 'b').bytesPerMs = 10
    const startMs = world.nowMs
    await pair.a.request('b', 'echo', { body: new Uint8Array(50_000), deadlineMs: 60_000 })
    assert.ok(world.nowMs - startMs >= 5_000)
  }))
