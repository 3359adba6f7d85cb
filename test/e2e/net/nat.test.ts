import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually, withHosts } from '../../support/hosts.ts'

const request = { body: new Uint8Array(7), deadlineMs: 5_000 }

test('a peer that cannot be reached is reached through a relay, but for bulk', () =>
  withHosts(async open => {
    const { host: relay } = await open({ nat: { relayServer: true } })
    const { host: hidden } = await open({
      listen: [],
      nat: { relay: [relay.addresses()[0] as string] },
    })
    // Neither can be reached, else the one would soon dial the other directly.
    const { host: outside } = await open({ listen: [], nat: { relay: [] } })
    hidden.onRequest('echo', async (_from, body) => body)
    hidden.onStream('bulk', () => undefined)
    await eventually('a relayed address', () => hidden.addresses().length > 0)
    assert.match(hidden.addresses()[0] as string, /p2p-circuit/)
    outside.learn(hidden.self, hidden.addresses())
    assert.equal((await outside.request(hidden.self, 'echo', request)).length, 7)
    let seen = 0
    hidden.onDatagram('x', () => seen++)
    outside.sendDatagram(hidden.self, 'x', new Uint8Array(1))
    await eventually('a datagram', () => seen === 1)
    await assert.rejects(outside.openStream(hidden.self, 'bulk'), { code: 'PEER_UNREACHABLE' })
  }))

test('every option starts and stops', () =>
  withHosts(async open => {
    const nat = { relay: [], relayServer: true, dcutr: true, autonat: true, upnp: true }
    const { host: a } = await open({ nat, mdns: true })
    const { host: b } = await open({ nat, mdns: true })
    b.onRequest('echo', async (_from, body) => body)
    a.learn(b.self, b.addresses())
    assert.equal((await a.request(b.self, 'echo', request)).length, 7)
  }))

test('peers on one local network find each other by themselves', () =>
  withHosts(async open => {
    const [{ host: a }, { host: b }] = await Promise.all([
      open({ mdns: true, listen: ['/ip4/0.0.0.0/tcp/0'] }),
      open({ mdns: true, listen: ['/ip4/0.0.0.0/tcp/0'] }),
    ])
    const { host: foreign } = await open({
      mdns: true,
      listen: ['/ip4/0.0.0.0/tcp/0'],
      networkId: 'other',
    })
    await eventually('found', () => a.connected().includes(b.self), 15_000)
    assert.ok(!a.knownPeers().includes(foreign.self))
    assert.deepEqual(foreign.connected(), [])
  }))
