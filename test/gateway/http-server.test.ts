import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { Metrics } from '../../src/base/metrics.ts'
import { gatewayMetrics } from '../../src/gateway/gateway-metrics.ts'
import { type Answering, HttpServer } from '../../src/gateway/http-server.ts'
import { silentLog } from '../../src/node/log.ts'

interface Scene {
  readonly server: HttpServer
  readonly port: number
  readonly metrics: Metrics
}

async function withServer(
  options: { readonly connectionsMax?: number; readonly answer?: Answering },
  story: (scene: Scene) => Promise<void>,
): Promise<void> {
  const metrics = new Metrics(gatewayMetrics)
  const server = await HttpServer.open({
    host: '127.0.0.1',
    port: 0,
    mayMove: false,
    credentials: undefined,
    answer: (_request, response) => response.end('well'),
    metrics,
    log: silentLog,
    ...options,
  })
  try {
    await story({ server, port: Number(new URL(server.url).port), metrics })
  } finally {
    await server.close(0)
  }
}

const valueOf = (metrics: Metrics, name: string, label?: string): number | undefined =>
  metrics
    .families()
    .find(family => family.name === name)
    ?.samples.find(({ labels }) => label === undefined || Object.values(labels).includes(label))
    ?.value

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** What comes back for raw bytes, until the connection ends. */
async function told(port: number, bytes: string): Promise<string> {
  const socket = await connected(port)
  socket.write(bytes)
  return text(socket)
}

async function ask(port: number, agent?: Agent): Promise<number | undefined> {
  const sent = request({ host: '127.0.0.1', port, agent }).end()
  const [response] = await once(sent, 'response')
  await text(response)
  return (response as { statusCode?: number }).statusCode
}

test('where connections are hoarded, the one idle longest gives way to the newest', () =>
  withServer({ connectionsMax: 20 }, async ({ port, metrics }) => {
    const hoarded = []
    for (let count = 0; count < 20; count++) hoarded.push(await connected(port))
    const first = once(hoarded[0] as Socket, 'close')
    for (let count = 0; count < 10; count++) assert.equal(await ask(port), 200)
    await first
    assert.ok((valueOf(metrics, 'holdfast_http_connections') ?? Infinity) <= 20)
    assert.ok((valueOf(metrics, 'holdfast_http_connections_refused_total', 'too many') ?? 0) > 0)
    for (const socket of hoarded) socket.destroy()
  }))

test('a request in progress never gives way', async () => {
  const answers: (() => void)[] = []
  await withServer(
    { connectionsMax: 3, answer: (_request, response) => answers.push(() => response.end('late')) },
    async ({ port }) => {
      const asked = [ask(port), ask(port), ask(port)]
      while (answers.length < 3) await setImmediate()
      // All are busy: whoever comes now is the one that has to go.
      await once(await connected(port), 'close')
      for (const answer of answers) answer()
      assert.deepEqual(await Promise.all(asked), [200, 200, 200])
    },
  )
})

test('a client in the middle of its headers gives way as if it were idle', () =>
  withServer({ connectionsMax: 5 }, async ({ port }) => {
    const slow = []
    for (let count = 0; count < 5; count++) {
      const socket = await connected(port)
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nx-')
      slow.push(once(socket, 'close'))
    }
    assert.equal(await ask(port), 200)
    await slow[0]
  }))

for (const [what, bytes, status] of [
  ['what is no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n\r\n', '400 Bad Request'],
  [
    'headers without end',
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    '431 Request Header Fields Too Large',
  ],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
    '400 Bad Request',
  ],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 Bad Request',
  ],
  ['a NUL in a header', 'GET / HTTP/1.1\r\nhost: local\0host\r\n\r\n', '400 Bad Request'],
] as const)
  test(`${what} is refused, and the connection with it`, () =>
    withServer({}, async ({ port, metrics }) => {
      const answer = await told(port, bytes)
      assert.ok(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer)
      assert.equal(valueOf(metrics, 'holdfast_http_connections_cut_total', 'not http'), 1)
      assert.equal(await ask(port), 200)
    }))

test('bytes are counted while connections last, and when they are gone', () =>
  withServer({}, async ({ port, metrics }) => {
    const agent = new Agent({ keepAlive: true })
    await ask(port, agent)
    const sent = (): number => valueOf(metrics, 'holdfast_http_bytes_total', 'sent') ?? 0
    const before = sent()
    assert.ok(before > 100)
    agent.destroy()
    await ask(port)
    assert.ok(sent() > before)
  }))

test('a server that closes ends idle connections, and busy ones with their answer', async () => {
  let answer = (): void => undefined
  const begun = Promise.withResolvers<void>()
  await withServer(
    {
      answer: (_request, response) => {
        answer = () => void response.end('last words')
        begun.resolve()
      },
    },
    async ({ server, port }) => {
      const idle = once(await connected(port), 'close')
      const busy = told(port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await begun.promise
      server.drain()
      const closed = server.close(10_000)
      await idle
      answer()
      assert.match(await busy, /connection: close[^]*last words/i)
      await closed
    },
  )
})

test('answers that do not end are cut when time is over', () => {
  const begun = Promise.withResolvers<void>()
  const answer: Answering = (_request, response) =>
    response.write('for ever', () => begun.resolve())
  return withServer({ answer }, async ({ server, port }) => {
    const socket = await connected(port)
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await begun.promise
    const cut = once(socket.resume(), 'close')
    await server.close(50)
    await cut
  })
})
