import assert from 'node:assert/strict'
import { connect as connectTcp, type Socket } from 'node:net'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

import { JOIN_BYTES_MAX, STRANGER_BYTES_MAX } from '../../../src/net/limits.ts'
import type { NetEvent } from '../../../src/net/net-events.ts'
import type { NetworkHost } from '../../../src/net/network-host.ts'
import type { PeerPolicy } from '../../../src/net/peer-policy.ts'
import { eventually, introduce, type TestHost, withHosts } from '../../support/hosts.ts'

/** A libp2p node of somebody who does not play by the rules, connected to the host. */
async function withRogue(
  { host }: TestHost,
  body: (rogue: Libp2p, connection: Connection) => Promise<void>,
): Promise<void> {
  const rogue = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxOutboundStreams: 100_000, maxEarlyStreams: 100_000 })],
  })
  try {
    await body(rogue, await rogue.dial(multiaddr(host.addresses()[0])))
  } finally {
    await rogue.stop()
  }
}

/** Memory that somebody still holds on to: what is garbage is let go of first. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().arrayBuffers
}

const open = (connection: Connection, name: string): Promise<Stream> =>
  connection.newStream(`/holdfast/test/${name}/1`, {
    signal: AbortSignal.timeout(5_000),
    maxOutboundStreams: 100_000,
  })

const reasons = (events: readonly NetEvent[]): string[] =>
  events.flatMap(event => (event.type === 'refused' ? [event.reason] : []))

const isOpen = (stream: Stream): boolean => stream.status === 'open'

const u32 = (value: number): number[] =>
  [value, value >>> 8, value >>> 16, value >>> 24].map(b => b & 255)

/** An honest peer can do what it always can. */
async function expectService(honest: NetworkHost, host: NetworkHost): Promise<void> {
  const request = { body: new Uint8Array(10), deadlineMs: 5_000 }
  assert.equal((await honest.request(host.self, 'echo', request)).length, 10)
}

const withHost = (body: (host: TestHost, honest: NetworkHost) => Promise<void>): Promise<void> =>
  withHosts(async openHost => {
    const host = await openHost()
    const honest = await openHost()
    host.host.onRequest('echo', async (_from, bytes) => bytes)
    introduce(host.host, honest.host)
    await expectService(honest.host, host.host)
    await body(host, honest.host)
    await expectService(honest.host, host.host)
  })

const strangersWelcome: PeerPolicy = { verdict: () => 'provisional', mayServe: () => true }

const guarded = [
  '/holdfast/test/id/1.0.0',
  '/holdfast/test/ping/1.0.0',
  '/holdfast/test/kad/1',
  '/holdfast/test/dgram/1',
  '/holdfast/test/rpc/1',
  '/holdfast/test/stream/1',
  '/meshsub/1.1.0',
]
for (const protocol of guarded) {
  test(`a stranger that asks for ${protocol} is served nothing`, () =>
    withHosts(async openHost => {
      const host = await openHost({ policy: strangersWelcome, topics: ['news'] })
      host.host.onRequest('echo', () => assert.fail('served'))
      host.host.onDatagram('x', () => assert.fail('served'))
      host.host.onStream('s', () => assert.fail('served'))
      await withRogue(host, async (_rogue, connection) => {
        const signal = AbortSignal.timeout(5_000)
        const stream = await connection.newStream(protocol, { signal })
        let answered = 0
        stream.addEventListener('message', ({ data }) => (answered += data.byteLength))
        try {
          stream.send(Uint8Array.from([...u32(11), 1, 1, 0, 0, 0, 4, ...Buffer.from('echo'), 42]))
        } catch {
          // It was reset already.
        }
        await eventually('reset', () => !isOpen(stream))
        assert.equal(answered, 0)
        assert.ok(reasons(host.events).includes('not-authorised'))
        assert.deepEqual(host.host.connected(), [])
      })
    }))
}

/** What ends a stream of each channel at once. */
const nonsense: [channel: string, what: string, bytes: number[]][] = [
  ['rpc', 'a frame of 4 GiB', u32(2 ** 32 - 1)],
  ['rpc', 'a frame of 34 MiB', u32(34 << 20)],
  ['rpc', 'an unknown kind', [...u32(5), 9, 0, 0, 0, 0]],
  ['rpc', 'an answer to nothing', [...u32(5), 2, 0, 0, 0, 0]],
  ['rpc', 'a protocol that is no text', [...u32(8), 1, 0, 0, 0, 0, 2, 0xff, 0xfe]],
  ['rpc', 'a protocol that does not end', [...u32(6), 1, 0, 0, 0, 0, 100]],
  [
    'rpc',
    'an endless varint',
    [...u32(25), 1, 0, 0, 0, 0, ...Array.from({ length: 20 }, () => 0xff)],
  ],
  ['rpc', 'a frame too short for its head', [...u32(2), 1, 0]],
  ['rpc', 'a cancel with more in it', [...u32(6), 4, 0, 0, 0, 0, 1]],
  ['dgram', 'a frame over the cap', u32(70_000)],
  ['dgram', 'a kind longer than the frame', [...u32(3), 60, 1, 2]],
  ['dgram', 'a kind over the cap', [...u32(100), 80, ...Array.from({ length: 99 }, () => 65)]],
  ['dgram', 'nothing at all in a frame', u32(0)],
  ['stream', 'an unknown kind', [77, 0, 0, 0, 0]],
  ['stream', 'data before it was opened', [3, 1, 0, 0, 0, 7]],
  ['stream', 'a name over the cap', [1, 0, 4, 0, 0]],
  ['stream', 'a second opening', [1, 1, 0, 0, 0, 0x73, 1, 1, 0, 0, 0, 0x73]],
  [
    'stream',
    'credit without end',
    [1, 1, 0, 0, 0, 0x73, 4, 255, 255, 255, 255, 4, 255, 255, 255, 255],
  ],
]
for (const [channel, what, bytes] of nonsense) {
  test(`${channel}: ${what} ends the stream and is told`, () =>
    withHost(async host => {
      host.host.onStream('s', () => undefined)
      await withRogue(host, async (_rogue, connection) => {
        const stream = await open(connection, channel)
        stream.send(Uint8Array.from(bytes))
        await eventually(
          'the end of the stream',
          () => !isOpen(stream) || stream.remoteWriteStatus !== 'writable',
          5_000,
        )
        await eventually('the reason', () => reasons(host.events).includes('malformed'))
      })
    }))
}

test('a stranger that sends more than it takes to join is cut off, whatever it is', () =>
  withHosts(async openHost => {
    const host = await openHost({ policy: strangersWelcome })
    await withRogue(host, async (_rogue, connection) => {
      let sentBytes = 0
      while (connection.status === 'open' && sentBytes < 16 * STRANGER_BYTES_MAX) {
        const stream = await open(connection, 'join').catch(() => undefined)
        if (stream === undefined || !isOpen(stream)) continue
        // Half of the largest request: nothing wrong with the first of them.
        stream.send(new Uint8Array(JOIN_BYTES_MAX / 2))
        sentBytes += JOIN_BYTES_MAX / 2
        await new Promise(resolve => void setTimeout(resolve, 10))
        stream.abort(new Error('the next'))
      }
      await eventually('cut off', () => connection.status !== 'open')
      assert.ok(sentBytes < 4 * STRANGER_BYTES_MAX, `${sentBytes} bytes`)
      assert.ok(reasons(host.events).includes('too-many-bytes'))
    })
  }))

test('a frame that comes in single bytes is served all the same', () =>
  withHost(async host => {
    await withRogue(host, async (_rogue, connection) => {
      const stream = await open(connection, 'rpc')
      const answer = new Promise<number>(resolve => {
        stream.addEventListener('message', ({ data }) => resolve(data.byteLength))
      })
      const frame = [...u32(11), 1, 1, 0, 0, 0, 4, ...Buffer.from('echo'), 42]
      for (const byte of frame) {
        stream.send(Uint8Array.of(byte))
        await new Promise(resolve => void setTimeout(resolve, 1))
      }
      assert.equal(await answer, 4 + 5 + 1)
    })
  }))

for (const name of ['rpc/2', 'dgram/0', 'stream/99', 'nothing/1', 'kad/2']) {
  test(`a protocol of another version, ${name}, is not agreed on`, () =>
    withHost(async host => {
      await withRogue(host, async (_rogue, connection) => {
        const signal = AbortSignal.timeout(5_000)
        await assert.rejects(connection.newStream(`/holdfast/test/${name}`, { signal }))
        await assert.rejects(connection.newStream('/holdfast/other/rpc/1', { signal }))
      })
    }))
}

test('a peer that opens 10,000 streams gets a few, and nobody notices', () =>
  withHost(async (host, honest) => {
    await withRogue(host, async (_rogue, connection) => {
      const opening: Promise<Stream | undefined>[] = []
      for (let at = 0; at < 10_000; at++) {
        opening.push(
          open(connection, ['rpc', 'dgram', 'stream', 'join'][at % 4] as string).catch(
            () => undefined,
          ),
        )
        if (at % 500 === 0) await expectService(honest, host.host)
      }
      await Promise.all(opening)
      const [held] = host.host.status().connections.filter(({ peer }) => peer !== honest.self)
      assert.ok((held?.streams ?? 0) <= 42, `${held?.streams} streams are held`)
    })
  }))

test('a peer that floods a stream past its credit is broken off, having cost a window', () =>
  withHost(async host => {
    host.host.onStream('sink', () => undefined)
    await withRogue(host, async (_rogue, connection) => {
      const before = heldBytes()
      const stream = await open(connection, 'stream')
      stream.send(Uint8Array.from([1, 4, 0, 0, 0, ...Buffer.from('sink')]))
      let sent = 0
      try {
        for (; sent < 64 && isOpen(stream); sent++) {
          stream.send(Uint8Array.from([3, 0, 0, 16, 0]))
          stream.send(new Uint8Array(1_048_576))
          await new Promise(resolve => void setTimeout(resolve, 5))
        }
      } catch {
        // It was reset while we sent.
      }
      await eventually('told', () => reasons(host.events).includes('past-credit'))
      await eventually('closed', () => !isOpen(stream))
      assert.ok(heldBytes() - before < 96 << 20)
    })
  }))

test('a peer that asks and never reads its answers loses the stream, within bounds', () =>
  withHost(async host => {
    host.host.onRequest('big', async () => new Uint8Array(1_048_576))
    await withRogue(host, async (_rogue, connection) => {
      const stream = await open(connection, 'rpc')
      stream.addEventListener('message', () => undefined)
      stream.pause()
      for (let id = 0; id < 200 && isOpen(stream); id++) {
        stream.send(Uint8Array.from([...u32(9), 1, ...u32(id), 3, ...Buffer.from('big')]))
        await new Promise(resolve => void setTimeout(resolve, 2))
      }
      await eventually('told', () => reasons(host.events).includes('slow-reader'))
      await eventually('closed', () => !isOpen(stream))
    })
  }))

test('a peer that does not take its datagrams costs one of each kind, and gets the newest', () =>
  withHost(async host => {
    await withRogue(host, async (rogue, connection) => {
      const stream = await open(connection, 'dgram')
      const seen: number[] = []
      let bytes = Buffer.alloc(0)
      stream.addEventListener('message', ({ data }) => {
        bytes = Buffer.concat([bytes, data.subarray()])
        while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
          const frame = bytes.subarray(4, 4 + bytes.readUInt32LE(0))
          bytes = bytes.subarray(4 + frame.length)
          seen.push(frame.readUInt32LE(2))
        }
      })
      // Something to make the stream known to the host.
      stream.send(Uint8Array.from([...u32(2), 1, 0x78]))
      await new Promise(resolve => void setTimeout(resolve, 100))
      stream.pause()
      const before = heldBytes()
      const news = 1_000
      for (let at = 0; at < news; at++) {
        const bytesOfOne = Buffer.alloc(60_000)
        bytesOfOne.writeUInt32LE(at)
        host.host.sendDatagram(rogue.peerId.toString(), 'x', bytesOfOne)
        if (at % 20 === 0) await new Promise(resolve => void setTimeout(resolve, 2))
      }
      const grown = heldBytes() - before
      assert.ok(grown < 64 << 20, `${grown} bytes more`)
      stream.resume()
      await eventually('the newest', () => seen.at(-1) === news - 1)
      assert.ok(seen.length < news, 'most were replaced')
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      )
    })
  }))

test('a peer that asks too much at once is told so, and only the excess is refused', () =>
  withHost(async (host, honest) => {
    const waiting: (() => void)[] = []
    host.host.onRequest(
      'hold',
      async () => {
        await new Promise<void>(resolve => waiting.push(resolve))
        return new Uint8Array()
      },
      { concurrentMax: 10 },
    )
    const request = { body: new Uint8Array(), deadlineMs: 10_000 }
    const answers = Array.from({ length: 25 }, () =>
      honest.request(host.host.self, 'hold', request),
    )
    const outcomes = Promise.allSettled(answers)
    await eventually('refusals', () => reasons(host.events).includes('too-many'))
    await eventually('ten', () => waiting.length === 10)
    for (const go of waiting) go()
    const refused = (await outcomes).filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 15)
    host.host.onRequest('small', async body => Buffer.from(body), { bodyBytesMax: 5 })
    await assert.rejects(
      honest.request(host.host.self, 'small', { body: new Uint8Array(6), deadlineMs: 5_000 }),
      {
        code: 'TOO_LARGE',
      },
    )
  }))

test('fifty silent sockets a second keep nobody honest out', () =>
  withHosts(async openHost => {
    const { host } = await openHost()
    host.onRequest('echo', async (_from, bytes) => bytes)
    const [address = ''] = host.addresses()
    const port = Number(address.split('/')[4])
    const honest = await Promise.all(Array.from({ length: 10 }, () => openHost()))
    const silent: Socket[] = []
    let closed = 0
    const startMs = performance.now()
    const due = (): number => ((performance.now() - startMs) * 50) / 1_000
    const flood = setInterval(() => {
      while (silent.length < due()) {
        const socket = connectTcp(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.on('close', () => closed++)
        silent.push(socket)
      }
    }, 20)
    try {
      await new Promise(resolve => void setTimeout(resolve, 2_000))
      const dials = honest.map(async ({ host: each }, at) => {
        await new Promise(resolve => void setTimeout(resolve, at * 300))
        each.learn(host.self, host.addresses())
        await expectService(each, host)
      })
      const outcomes = await Promise.allSettled(dials)
      assert.deepEqual(
        outcomes.flatMap(outcome =>
          outcome.status === 'rejected'
            ? [String((outcome.reason as Error).cause ?? outcome.reason)]
            : [],
        ),
        [],
      )
      assert.ok(silent.length > 200 && closed > 50, `${closed} of ${silent.length} closed`)
    } finally {
      clearInterval(flood)
      for (const socket of silent) socket.destroy()
    }
  }))
