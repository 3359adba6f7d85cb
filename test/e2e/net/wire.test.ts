import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { createIdentity } from '../../../src/net/identity.ts'
import { decodeTicket } from '../../../src/net/lane/lane-ticket.ts'
import { laneTls } from '../../../src/net/lane/lane-tls.ts'
import { WIRES_PER_PEER_MAX } from '../../../src/net/limits.ts'
import type { NetworkHost } from '../../../src/net/network-host.ts'
import { systemTimers } from '../../../src/node/system.ts'
import { acceptNetwork, type Pair } from '../../sim/network-acceptance.ts'
import { eventually, introduce, type TestHost, withHosts } from '../../support/hosts.ts'

const wiresOf = ({ host }: TestHost): number => host.status().connections[0]?.wires ?? 0

/** Has a wire made, as whoever talks of agreement does. */
async function wireUp(a: NetworkHost, b: NetworkHost): Promise<void> {
  b.onStream('raft/hello', stream => void stream)
  const stream = await a.openStream(b.self, 'raft/hello')
  stream.end()
  await eventually('a wire', () => b.status().connections[0]?.wires === 1)
}

/** Everything over a wire, the lane being closed. */
async function withWiredPair(body: (pair: Pair) => Promise<void>): Promise<void> {
  const { peer: nobody } = await createIdentity()
  await withHosts(async open => {
    const [{ host: a }, { host: b }] = await Promise.all([open({ lane: false }), open()])
    introduce(a, b)
    await wireUp(a, b)
    const hasty = {
      after: (ms: number, callback: () => void) => systemTimers.after(ms / 5, callback),
    }
    await body({ a, b, nobody, timers: hasty, killB: () => void b.stop() })
  })
}

acceptNetwork('real, over a wire,', withWiredPair)

const withPair = (body: (a: TestHost, b: TestHost) => Promise<void>): Promise<void> =>
  withHosts(async open => {
    const [a, b] = await Promise.all([open(), open()])
    introduce(a.host, b.host)
    b.host.onRequest('echo', async (_from, body_) => body_)
    await body(a, b)
  })

const ask = async (a: TestHost, b: TestHost, text: string): Promise<string> =>
  toUtf8(await a.host.request(b.host.self, 'echo', { body: fromUtf8(text), deadlineMs: 5_000 }))

test('a wire is made by who is answered something prompt, and by nobody else', () =>
  withPair(async (a, b) => {
    assert.equal(await ask(a, b, 'bulk and small talk'), 'bulk and small talk')
    assert.equal(wiresOf(a), 0)
    const prompt = { body: new Uint8Array(), deadlineMs: 5_000 }
    // Whoever has nothing to say is asked over the connection that there is.
    await a.host.request(b.host.self, 'kv/1', prompt).catch(() => undefined)
    assert.equal(wiresOf(a), 0)
    b.host.onRequest('kv/1', async (_from, body) => body)
    await a.host.request(b.host.self, 'kv/1', prompt)
    await eventually('a wire', () => wiresOf(a) === 1 && wiresOf(b) === 1)
  }))

test('what was asked before the wire was there is answered, and what comes after goes over it', () =>
  withPair(async (a, b) => {
    const waiting: (() => void)[] = []
    b.host.onRequest('slow', async (_from, body) => {
      await new Promise<void>(resolve => waiting.push(resolve))
      return body
    })
    const body = fromUtf8('early')
    const early = a.host.request(b.host.self, 'slow', { body, deadlineMs: 10_000 })
    await eventually('asked', () => waiting.length === 1)
    const seen: string[] = []
    b.host.onDatagram('news', (_from, bytes) => seen.push(toUtf8(bytes)))
    a.host.sendDatagram(b.host.self, 'news', fromUtf8('over libp2p'))
    await eventually('the first datagram', () => seen.length === 1)
    const before = a.host.status().connections[0]?.streams ?? 0
    await wireUp(a.host, b.host)
    assert.equal(await ask(a, b, 'late'), 'late')
    a.host.sendDatagram(b.host.self, 'news', fromUtf8('over the wire'))
    await eventually('the second datagram', () => seen.length === 2)
    for (const resolve of waiting) resolve()
    assert.equal(toUtf8(await early), 'early')
    await eventually('libp2p carries less', () => {
      const now = a.host.status().connections[0]?.streams ?? 0
      return now < before
    })
  }))

test('a wire that is lost costs what was under way on it, and nothing after that', () =>
  withPair(async (a, b) => {
    await wireUp(a.host, b.host)
    assert.equal(await ask(a, b, '1'), '1')
    await b.host.disconnect(a.host.self)
    await eventually('no wire', () => wiresOf(a) === 0)
    await eventually('an answer', async () => (await ask(a, b, '2').catch(() => '')) === '2')
    await wireUp(a.host, b.host)
    assert.equal(await ask(a, b, '3'), '3')
  }))

test('a wire that cannot be reached costs one attempt, and libp2p carries the rest', () =>
  withHosts(async open => {
    const a = await open()
    // Its tickets lead to an address that nobody answers at.
    const b = await open({ wire: { host: '127.0.0.77' } })
    introduce(a.host, b.host)
    b.host.onStream('raft/x', () => undefined)
    for (let turn = 0; turn < 3; turn++) {
      const stream = await a.host.openStream(b.host.self, 'raft/x')
      stream.abort(new Error('enough'))
    }
    assert.equal(wiresOf(a), 0)
    assert.equal(a.events.filter(({ type }) => type === 'wire-failed').length, 1)
  }))

test('who gives up while a wire is made gets no stream', () =>
  withPair(async (a, b) => {
    let opened = 0
    b.host.onStream('raft/x', () => (opened += 1))
    const controller = new AbortController()
    const opening = a.host.openStream(b.host.self, 'raft/x', controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(opening, reason)
    assert.equal(opened, 0)
  }))

test('two that call each other at once both get through', () =>
  withPair(async (a, b) => {
    for (const { host } of [a, b]) host.onStream('raft/x', () => undefined)
    await Promise.all([
      a.host.openStream(b.host.self, 'raft/x'),
      b.host.openStream(a.host.self, 'raft/x'),
    ])
    a.host.onRequest('echo', async (_from, body) => body)
    assert.equal(await ask(a, b, 'there'), 'there')
    assert.equal(await ask(b, a, 'back'), 'back')
  }))

test('a member gets so many wires, a stranger to the tickets none', () =>
  withPair(async (a, b) => {
    const ticket = async (): Promise<Uint8Array> =>
      a.host.request(b.host.self, 'wire.open', { body: new Uint8Array(), deadlineMs: 5_000 })
    const { port, id, key } = decodeTicket(await ticket())
    for (let more = 1; more < WIRES_PER_PEER_MAX; more++) await ticket()
    await assert.rejects(ticket(), error => codeOf(error) === 'BUSY')
    const show = (shown: string): Promise<string> =>
      new Promise(resolve => {
        const socket = connectTls({
          ...laneTls,
          host: '127.0.0.1',
          port,
          checkServerIdentity: () => undefined,
          pskCallback: () => ({ identity: shown, psk: key }),
        })
        socket.on('error', () => resolve('refused'))
        socket.on('secureConnect', () => {
          socket.destroy()
          resolve('in')
        })
      })
    assert.equal(await show('0'.repeat(32)), 'refused')
    assert.equal(await show(id), 'in')
    assert.equal(await show(id), 'refused', 'a ticket is good once')
  }))

test('bytes that are no frames lose their sender the wire, and are counted', () =>
  withPair(async (a, b) => {
    const body = new Uint8Array()
    const ticket = await a.host.request(b.host.self, 'wire.open', { body, deadlineMs: 5_000 })
    const { port, id, key } = decodeTicket(ticket)
    const socket = connectTls({
      ...laneTls,
      host: '127.0.0.1',
      port,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ identity: id, psk: key }),
    })
    socket.on('error', () => undefined)
    socket.on('secureConnect', () => void socket.write(new Uint8Array(100).fill(0xff)))
    await eventually('refused', () => (b.host.status().refusals['malformed'] ?? 0) > 0)
    await eventually('closed', () => wiresOf(b) === 0)
    // Whoever shows nothing at all gets nowhere near a frame.
    const plain = connectTcp(port, '127.0.0.1', () => void plain.write(new Uint8Array(1_000)))
    plain.on('error', () => undefined)
    await eventually('a bad ticket', () => (b.host.status().refusals['bad-ticket'] ?? 0) > 0)
    plain.destroy()
  }))
