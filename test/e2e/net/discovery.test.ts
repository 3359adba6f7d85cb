import assert from 'node:assert/strict'
import { test } from 'node:test'

import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import { signLocator } from '../../../src/net/group-locator.ts'
import { createIdentity, type Identity } from '../../../src/net/identity.ts'
import type { NetworkHost } from '../../../src/net/network-host.ts'
import { eventually, introduce, type TestHost, withHosts } from '../../support/hosts.ts'

const HOUR_MS = 3_600_000

/** Hosts that know nobody but the first. */
async function star(open: () => Promise<TestHost>, count: number): Promise<TestHost[]> {
  const hosts = await Promise.all(Array.from({ length: count }, open))
  const [first] = hosts
  for (const { host } of hosts.slice(1)) await host.dial(first?.host.addresses()[0] as string)
  return hosts
}

const findsAll = async (host: NetworkHost, count: number): Promise<boolean> =>
  (await host.findPeers()).length >= count

test('peers with the address of one find each other through Kademlia', () =>
  withHosts(async open => {
    const hosts = await star(open, 6)
    for (const { host } of hosts.slice(1)) {
      await eventually('everybody is found', () => findsAll(host, 5), 20_000)
      assert.equal(host.knownPeers().length, 5)
    }
    const [, a, b] = hosts.map(({ host }) => host)
    a?.onRequest('echo', async (_from, body) => body)
    const request = { body: fromUtf8('found'), deadlineMs: 5_000 }
    assert.equal(toUtf8((await b?.request(a?.self ?? '', 'echo', request)) as Uint8Array), 'found')
  }))

test('a peer that starts again comes back by its address book alone', () =>
  withHosts(async open => {
    const { host: a } = await open({ name: 'a' })
    const { host: b, identity } = await open({ name: 'b' })
    introduce(b, a)
    b.onRequest('echo', async (_from, body) => body)
    await b.dial(a.addresses()[0] as string)
    await eventually('identified', () => a.addressesOf(b.self).length > 0)
    await b.stop()
    const { host: again } = await open({ name: 'b', identity })
    assert.deepEqual(again.knownPeers(), [a.self])
    again.keep([a.self])
    await eventually('connected', () => again.connected().includes(a.self))
  }))

test('a lost peer is dialled until it is there again', () =>
  withHosts(async open => {
    const { host: a } = await open({ name: 'a' })
    const first = await open({ name: 'b' })
    const { self } = first.host
    const [address = ''] = first.host.addresses()
    const port = address.split('/')[4]
    introduce(a, first.host)
    a.keep([self])
    await eventually('connected', () => a.connected().includes(self))
    await first.host.stop()
    await eventually('lost', () => a.connected().length === 0)
    await eventually('waiting', () => a.status().waiting.some(({ peer }) => peer === self))
    await open({ name: 'b', identity: first.identity, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    await eventually('connected again', () => a.connected().includes(self), 20_000)
  }))

test('two peers that dial each other at once end up connected, and stay so', () =>
  withHosts(async open => {
    const [{ host: a }, { host: b }] = await Promise.all([open(), open()])
    introduce(a, b)
    for (const host of [a, b]) host.onRequest('echo', async (_from, body) => body)
    const request = { body: new Uint8Array(3), deadlineMs: 5_000 }
    for (let turn = 0; turn < 5; turn++) {
      const answers = [a.request(b.self, 'echo', request), b.request(a.self, 'echo', request)]
      for (const answer of await Promise.all(answers)) assert.equal(answer.length, 3)
    }
    let seen = 0
    b.onDatagram('x', () => seen++)
    a.onDatagram('x', () => seen++)
    for (let turn = 0; turn < 10; turn++) {
      a.sendDatagram(b.self, 'x', new Uint8Array(1))
      b.sendDatagram(a.self, 'x', new Uint8Array(1))
      await new Promise(resolve => void setTimeout(resolve, 20))
    }
    await eventually('datagrams both ways', () => seen >= 18)
  }))

test('where no peer lives nobody is dialled', () =>
  withHosts(async open => {
    const { host, events } = await open()
    const { peer } = await createIdentity()
    const traps = [
      '/ip4/169.254.169.254/tcp/80',
      '/ip4/0.0.0.0/tcp/22',
      '/ip4/224.0.0.1/tcp/1',
      '/ip6/fe80::1/tcp/80',
      '/ip6/fd00:ec2::254/tcp/80',
      'no address',
      `/ip4/10.0.0.1/tcp/1/p2p/${(await createIdentity()).peer}`,
      `/dns4/${'x'.repeat(300)}/tcp/1`,
    ]
    host.learn(peer, traps)
    assert.deepEqual(host.addressesOf(peer), [])
    const refused = events.filter(
      event => event.type === 'refused' && event.reason === 'bad-address',
    )
    assert.equal(refused.length, traps.length)
    await assert.rejects(host.dial(`/ip4/169.254.169.254/tcp/80/p2p/${peer}`), {
      code: 'PEER_UNREACHABLE',
    })
    await assert.rejects(host.dial('/ip4/169.254.169.254/tcp/80'), { code: 'PEER_UNREACHABLE' })
    await assert.rejects(host.dial('nonsense'), { code: 'MALFORMED' })
  }))

test('a group is found by what its voter published, and the newest epoch counts', () =>
  withHosts(async open => {
    const hosts = await star(open, 5)
    const [a, b, c, d] = hosts.map(({ host }) => host) as [
      NetworkHost,
      NetworkHost,
      NetworkHost,
      NetworkHost,
    ]
    await eventually('tables', async () => (await findsAll(b, 3)) && (await findsAll(d, 3)), 20_000)
    assert.equal(await d.resolveLocator('7'), undefined)
    await b.publishLocator({ group: '7', epoch: 3, voters: [b.self, a.self] })
    await eventually('resolved', async () => (await d.resolveLocator('7'))?.epoch === 3)
    await c.publishLocator({ group: '7', epoch: 4, voters: [c.self] })
    await eventually('newer', async () => (await d.resolveLocator('7'))?.epoch === 4)
    await b.publishLocator({ group: '7', epoch: 2, voters: [b.self] })
    const found = await d.resolveLocator('7')
    assert.deepEqual([found?.epoch, found?.signer, found?.voters], [4, c.self, [c.self]])
  }))

/** A member's Kademlia that believes everything, to put into the network what it likes. */
async function withPoisoner(
  host: NetworkHost,
  { privateKey }: Identity,
  body: (put: (group: string, value: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const prefix = 'holdfast/test'
  const node = await createLibp2p({
    privateKey,
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify({ protocolPrefix: prefix }),
      ping: ping({ protocolPrefix: prefix }),
      dht: kadDHT({
        protocol: `/${prefix}/kad/1`,
        peerInfoMapper: passthroughMapper,
        clientMode: false,
        validators: { group: async () => undefined },
        selectors: { group: () => 0 },
      }),
    },
  })
  try {
    await node.dial(multiaddr(host.addresses()[0]))
    const { dht } = node.services
    const { routingTable } = dht as unknown as { routingTable: { size: number } }
    await eventually('a table', () => routingTable.size > 0)
    await body(async (group, value) => {
      const signal = AbortSignal.timeout(5_000)
      for await (const event of dht.put(fromUtf8(`/group/${group}`), value, { signal })) void event
    })
  } finally {
    await node.stop()
  }
}

test('locators that are forged, expired, or not for their group are refused and never believed', () =>
  withHosts(async open => {
    const victim = await open()
    const { host: voter, identity } = await open()
    const poisoner = await createIdentity()
    await voter.dial(victim.host.addresses()[0] as string)
    await eventually('a table', () => findsAll(victim.host, 1))
    const good = {
      group: '7',
      epoch: 9,
      voters: [identity.peer],
      expiresAtMs: Date.now() + HOUR_MS,
    }
    const forged = signLocator(identity, good)
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    const poison: [string, Uint8Array][] = [
      ['7', forged],
      ['7', signLocator(poisoner, { ...good, voters: [identity.peer] })],
      ['7', signLocator(identity, { ...good, group: '8' })],
      ['7', signLocator(identity, { ...good, expiresAtMs: Date.now() - HOUR_MS })],
      ['7', signLocator(identity, { ...good, expiresAtMs: Date.now() + 24 * HOUR_MS })],
      ['7', new Uint8Array()],
      ['7', new Uint8Array(10_000)],
    ]
    await withPoisoner(victim.host, poisoner, async put => {
      for (const [group, value] of poison) await put(group, value).catch(() => undefined)
      assert.equal(await victim.host.resolveLocator('7'), undefined)
      assert.equal(await voter.resolveLocator('7'), undefined)
    })
    const { refusals } = victim.host.status()
    assert.ok((refusals['bad-locator'] ?? 0) >= poison.length, JSON.stringify(refusals))
    await voter.publishLocator({ group: '7', epoch: 1, voters: [identity.peer] })
    await eventually(
      'the true one',
      async () => (await victim.host.resolveLocator('7'))?.epoch === 1,
    )
  }))

test('an announcement reaches who subscribed, signed by who made it', () =>
  withHosts(async open => {
    const hosts = await star(() => open({ topics: ['news', 'other'] }), 12)
    const heard = new Map<string, string>()
    for (const { host } of hosts) {
      host.subscribe('news', (from, bytes) => heard.set(host.self, `${from} ${toUtf8(bytes)}`))
    }
    const [, speaker] = hosts.map(({ host }) => host)
    await eventually(
      'everybody has heard',
      async () => {
        await speaker?.publish('news', fromUtf8('hello'))
        return heard.size === hosts.length - 1
      },
      20_000,
    )
    assert.ok([...heard.values()].every(text => text === `${speaker?.self} hello`))
    await assert.rejects(
      speaker?.publish('unheard of', new Uint8Array()) as Promise<void>,
      RangeError,
    )
    await assert.rejects(
      speaker?.publish('news', new Uint8Array(4_097)) as Promise<void>,
      RangeError,
    )
  }))
