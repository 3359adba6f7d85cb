import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import type { Environment } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { epochAfter, isEpoch, talkOfEpochs } from '../../../src/node/consensus/epoch.ts'
import { FencedNetwork } from '../../../src/node/consensus/fenced-network.ts'
import { World } from '../../sim/world.ts'

const old = epochAfter('', new Prng(1))
const newer = epochAfter(old, new Prng(2))

test('the epoch of a later recovery is the greater text', () => {
  assert.ok(isEpoch(old) && isEpoch(newer) && !isEpoch(''))
  assert.ok('' < old && old < newer)
  assert.ok(epochAfter(old, new Prng(3)) !== newer)
})

/** A fenced peer that answers `echo`, and notes datagrams. */
async function withPeers(
  epochs: Readonly<Record<string, string>>,
  story: (peers: Map<string, Fenced>, world: World) => Promise<void>,
): Promise<void> {
  const world = new World(1)
  const peers = new Map<string, Fenced>()
  for (const [name, epoch] of Object.entries(epochs)) {
    const program = async ({ network, timers }: Environment): Promise<void> => {
      const admits = (peer: string): boolean => peer !== 'storage'
      const fenced = new FencedNetwork({ network, epoch, admits })
      const peer: Fenced = { network: fenced, datagrams: [], heard: [] }
      fenced.onRequest('echo', async (_from, body) => body)
      fenced.onDatagram('note', (_from, bytes) => peer.datagrams.push(toUtf8(bytes)))
      talkOfEpochs({ network, admits, epoch: () => epoch, newer: each => peer.heard.push(each) })
      peers.set(name, peer)
      await sleep(timers, 1e6)
    }
    world.addPeer(name, { program }).start()
  }
  await world.play(async () => {
    await world.sleep(1_000)
    await story(peers, world)
  })
}

interface Fenced {
  readonly network: FencedNetwork
  readonly datagrams: string[]
  readonly heard: string[]
}

const ask = (peers: Map<string, Fenced>, from: string, to: string): Promise<string | undefined> => {
  const options = { body: fromUtf8('hello'), deadlineMs: 1_000 }
  const { network } = peers.get(from) as Fenced
  return network.request(to, 'echo', options).then(toUtf8, codeOf)
}

test('peers of one epoch hear each other, those of another do not', () =>
  withPeers({ a: old, b: old, c: newer }, async (peers, world) => {
    assert.equal(await ask(peers, 'a', 'b'), 'hello')
    assert.equal(await ask(peers, 'a', 'c'), 'PROTOCOL_UNKNOWN')
    assert.equal(await ask(peers, 'c', 'a'), 'PROTOCOL_UNKNOWN')
    for (const to of ['b', 'c']) peers.get('a')?.network.sendDatagram(to, 'note', fromUtf8('x'))
    await world.sleep(1_000)
    assert.deepEqual(peers.get('b')?.datagrams, ['x'])
    assert.deepEqual(peers.get('c')?.datagrams, [])
  }))

test('who adopts a newer epoch is heard there, and no longer where it was', () =>
  withPeers({ a: old, b: old, c: newer }, async peers => {
    peers.get('a')?.network.adopt(newer)
    assert.equal(await ask(peers, 'a', 'c'), 'hello')
    assert.equal(await ask(peers, 'c', 'a'), 'hello')
    assert.equal(await ask(peers, 'b', 'a'), 'NOT_AUTHORISED')
    peers.get('a')?.network.adopt(old)
    assert.equal(await ask(peers, 'a', 'c'), 'hello')
  }))

test('who may take no part is refused whatever its epoch', () =>
  withPeers({ a: '', storage: '' }, async peers => {
    assert.equal(await ask(peers, 'storage', 'a'), 'NOT_AUTHORISED')
  }))

test('peers tell each other of a newer epoch when they meet', () =>
  withPeers({ a: '', b: old, c: newer }, async (peers, world) => {
    await ask(peers, 'a', 'b')
    await ask(peers, 'b', 'c')
    await world.sleep(5_000)
    assert.ok(peers.get('a')?.heard.includes(old))
    assert.ok(peers.get('b')?.heard.includes(newer))
    assert.deepEqual(peers.get('c')?.heard, [])
  }))
