import assert from 'node:assert/strict'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'

import { concat } from '../../../src/base/bytes.ts'
import type { ByteStream } from '../../../src/base/environment.ts'
import { decodeTicket, encodeTicket, type LaneTicket } from '../../../src/net/lane/lane-ticket.ts'
import { laneTls } from '../../../src/net/lane/lane-tls.ts'
import {
  LANE_CONNECT_MS,
  LANE_HANDSHAKE_MS,
  LANE_WAIT_MS,
  LANES_PER_PEER_MAX,
} from '../../../src/net/limits.ts'
import type { NetworkHost } from '../../../src/net/network-host.ts'
import { eventually, introduce, type TestHost, withHosts } from '../../support/hosts.ts'

async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for (let part = await stream.read(); part !== undefined; part = await stream.read())
    parts.push(part)
  return concat(parts)
}

/** Serves streams that answer with what they were sent. */
const serveEcho = (host: NetworkHost): void =>
  host.onStream('echo', (_from, stream) => {
    void readAll(stream)
      .then(async bytes => {
        await stream.write(bytes.slice())
        stream.end()
      })
      .catch(() => undefined)
  })

async function echo(from: NetworkHost, to: NetworkHost, bytes: Uint8Array): Promise<Uint8Array> {
  const stream = await from.openStream(to.self, 'echo')
  const answer = readAll(stream)
  await stream.write(bytes.slice())
  stream.end()
  return answer
}

const some = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, at) => at % 251)

const laneBytes = ({ host }: TestHost): number => host.status().traffic.lane.sentBytes
const streamBytes = ({ host }: TestHost): number => host.status().traffic.stream.sentBytes

const lanesOf = ({ host }: TestHost): number => host.status().connections[0]?.lanes ?? 0

const withPair = (body: (a: TestHost, b: TestHost) => Promise<void>): Promise<void> =>
  withHosts(async open => {
    const [a, b] = await Promise.all([open(), open()])
    introduce(a.host, b.host)
    serveEcho(b.host)
    await body(a, b)
  })

test('bulk goes over the lane, and its sockets carry one stream after another', () =>
  withPair(async (a, b) => {
    // The first may find the lane's thread still starting.
    await echo(a.host, b.host, some(1))
    await eventually('a lane', () => lanesOf(a) > 0)
    const before = streamBytes(a)
    for (const size of [0, 1, 5, 65_536, 1_000_000, 5_000_001]) {
      assert.deepEqual(await echo(a.host, b.host, some(size)), some(size))
    }
    assert.ok(laneBytes(a) > 6_000_000)
    assert.equal(streamBytes(a), before)
    // The next may begin before the last is quite done.
    assert.ok(lanesOf(a) <= 2)
  }))

test('more streams at once than the lane has sockets go over libp2p', () =>
  withPair(async (a, b) => {
    const answers = Array.from({ length: LANES_PER_PEER_MAX + 4 }, (_, at) =>
      echo(a.host, b.host, some(500_000 + at)),
    )
    for (const [at, answer] of (await Promise.all(answers)).entries()) {
      assert.equal(answer.length, 500_000 + at)
    }
    assert.ok(streamBytes(a) > 0)
    await eventually('all lanes', () => lanesOf(a) === LANES_PER_PEER_MAX)
  }))

test('a lane that cannot be reached costs one attempt, and libp2p carries the rest', () =>
  withHosts(async open => {
    const a = await open()
    // Its tickets lead to an address that nobody answers at.
    const b = await open({ lane: { host: '127.0.0.77' } })
    introduce(a.host, b.host)
    serveEcho(b.host)
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(await echo(a.host, b.host, some(100_000)), some(100_000))
    }
    assert.equal(laneBytes(a), 0)
    assert.equal(a.events.filter(({ type }) => type === 'lane-failed').length, 1)
  }))

test('a lane that swallows what it is sent is not waited for', () =>
  withHosts(async open => {
    const silent = createServer(() => undefined)
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    try {
      const [a, b] = await Promise.all([open(), open({ lane: false })])
      introduce(a.host, b.host)
      serveEcho(b.host)
      const { port } = silent.address() as AddressInfo
      b.host.onRequest('lane.open', async () =>
        encodeTicket({ port, id: '', key: new Uint8Array(32) }, new Uint8Array(16)),
      )
      const startMs = performance.now()
      assert.deepEqual(await echo(a.host, b.host, some(1_000)), some(1_000))
      assert.ok(performance.now() - startMs < LANE_CONNECT_MS, 'it took the other way before')
      await eventually('given up', () => a.events.some(({ type }) => type === 'lane-failed'))
      const againMs = performance.now()
      assert.deepEqual(await echo(a.host, b.host, some(1_000)), some(1_000))
      assert.ok(performance.now() - againMs < LANE_WAIT_MS, 'it is not tried again for a while')
    } finally {
      silent.close()
    }
  }))

test('many streams opened at once never share a socket', () =>
  withPair(async (a, b) => {
    for (let turn = 0; turn < 5; turn++) {
      const sizes = Array.from({ length: 12 }, (_, at) => 1_000 * at + turn)
      const answers = await Promise.all(sizes.map(size => echo(a.host, b.host, some(size))))
      assert.deepEqual(
        answers.map(({ length }) => length),
        sizes,
      )
    }
    const refused = b.events.filter(({ type }) => type === 'refused')
    assert.deepEqual(refused, [])
  }))

/** Asks b for a ticket as a would, without using it. */
async function ticketOf(a: NetworkHost, b: NetworkHost): Promise<LaneTicket> {
  const request = { body: new Uint8Array(), deadlineMs: 5_000 }
  return decodeTicket(await a.request(b.self, 'lane.open', request))
}

/** Shows a ticket at the lane; resolves when the handshake is done. */
function show({ port, id, key }: LaneTicket, session?: Buffer): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...laneTls,
      port,
      host: '127.0.0.1',
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ identity: id, psk: Buffer.from(key) }),
      ...(session === undefined ? {} : { session, secureOptions: 0 }),
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => resolve(socket))
  })
}

const refusedBy = ({ events }: TestHost): number =>
  events.filter(event => event.type === 'refused' && event.reason === 'bad-ticket').length

test('a ticket is good once, with its own key', () =>
  withPair(async (a, b) => {
    const ticket = await ticketOf(a.host, b.host)
    const socket = await show(ticket)
    await assert.rejects(show(ticket), 'used')
    const other = await ticketOf(a.host, b.host)
    await assert.rejects(show({ ...other, key: ticket.key }), 'wrong key')
    await assert.rejects(show({ ...other, id: '00'.repeat(16) }), 'made up')
    await eventually('told', () => refusedBy(b) >= 3)
    socket.destroy()
  }))

test('a session that was made with a ticket cannot be resumed without one', () =>
  withPair(async (a, b) => {
    const ticket = await ticketOf(a.host, b.host)
    const socket = await show(ticket)
    const session = socket.getSession()
    assert.equal(socket.getTLSTicket(), undefined, 'the server hands out no session tickets')
    socket.destroy()
    await assert.rejects(show({ ...ticket, id: 'none' }, session))
    assert.deepEqual(await echo(a.host, b.host, some(10)), some(10))
  }))

test('tickets are few, and who left has none', () =>
  withPair(async (a, b) => {
    const tickets: LaneTicket[] = []
    for (let at = 0; at < LANES_PER_PEER_MAX; at++) tickets.push(await ticketOf(a.host, b.host))
    await assert.rejects(ticketOf(a.host, b.host), { code: 'BUSY' })
    await a.host.disconnect(b.host.self)
    await eventually('down', () => b.host.connected().length === 0)
    for (const ticket of tickets) await assert.rejects(show(ticket))
  }))

test('a socket that says nothing, or nonsense, is closed, and others are served meanwhile', () =>
  withPair(async (a, b) => {
    const { port } = await ticketOf(a.host, b.host)
    const sockets: Socket[] = []
    const open = (): Promise<void> =>
      new Promise(resolve => {
        const socket = connectTcp(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.on('close', resolve)
        sockets.push(socket)
        if (sockets.length % 2 === 0) socket.write(some(100))
      })
    const startMs = performance.now()
    const closed = Promise.all(Array.from({ length: 50 }, open))
    for (let turn = 0; turn < 5; turn++) {
      assert.equal((await echo(a.host, b.host, some(100_000))).length, 100_000)
    }
    await closed
    assert.ok(performance.now() - startMs < LANE_HANDSHAKE_MS + 3_000)
    assert.ok(refusedBy(b) > 0)
  }))

test('one who holds a ticket and speaks nonsense loses the socket only', () =>
  withPair(async (a, b) => {
    const frames = [
      [9, 0, 0, 0, 0],
      [1, 255, 255, 255, 255],
      [3, 1, 0, 0, 0, 7],
      [2, 0, 0, 0, 0],
      [6, 255, 255, 0, 0],
    ]
    for (const frame of frames) {
      const socket = await show(await ticketOf(a.host, b.host))
      const closed = new Promise(resolve => socket.once('close', resolve))
      socket.on('error', () => undefined)
      socket.resume()
      socket.write(Uint8Array.from(frame))
      await closed
    }
    const malformed = b.events.filter(
      event => event.type === 'refused' && event.reason === 'malformed',
    )
    assert.equal(malformed.length, frames.length)
    assert.equal((await echo(a.host, b.host, some(10))).length, 10)
  }))

test('a flood past the credit is broken off, having cost a window', () =>
  withPair(async (a, b) => {
    b.host.onStream('sink', () => undefined)
    const socket = await show(await ticketOf(a.host, b.host))
    socket.on('error', () => undefined)
    socket.resume()
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
    socket.write(Uint8Array.from([1, 4, 0, 0, 0, 0x73, 0x69, 0x6e, 0x6b]))
    const header = Uint8Array.from([3, 0, 0, 16, 0])
    const chunk = new Uint8Array(1_048_576)
    let sent = 0
    const flood = (): void => {
      while (!socket.destroyed && sent < 256) {
        sent++
        socket.write(header)
        if (!socket.write(chunk)) {
          socket.once('drain', flood)
          return
        }
      }
    }
    flood()
    await closed
    assert.ok(sent < 64, `${sent} MiB went out`)
    const refused = b.events.filter(
      event => event.type === 'refused' && event.reason === 'past-credit',
    )
    assert.equal(refused.length, 1)
  }))

test('a peer that dies in the middle ends the stream with an error', () =>
  withPair(async (a, b) => {
    b.host.onStream('sink', (_from, stream) => void stream.read().catch(() => undefined))
    const stream = await a.host.openStream(b.host.self, 'sink')
    await stream.write(some(100))
    const reading = assert.rejects(stream.read())
    await b.host.stop()
    await reading
    await assert.rejects(stream.write(some(100)))
  }))

test('a reader that is slow but reads gets everything', () =>
  withPair(async (a, b) => {
    let received = 0
    const done = new Promise<void>(resolve => {
      b.host.onStream('slow', (_from, stream) => {
        void (async () => {
          for (let part = await stream.read(); part !== undefined; part = await stream.read()) {
            received += part.length
            await new Promise(next => void setTimeout(next, 2))
          }
          stream.end()
          resolve()
        })()
      })
    })
    const stream = await a.host.openStream(b.host.self, 'slow')
    for (let at = 0; at < 160; at++) await stream.write(new Uint8Array(65_536))
    stream.end()
    await done
    assert.equal(received, 160 * 65_536)
    assert.equal(await stream.read(), undefined)
  }))
