import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'

import type { Exchange } from '../../../src/clock/sample.ts'
import { NtpClient } from '../../../src/node/clock/ntp-client.ts'
import { routeOf, UdpNtpPort } from '../../../src/node/clock/udp-ntp-port.ts'
import { systemClock } from '../../../src/node/system.ts'
import { writeTime } from '../../sim/sim-ntp.ts'

/** A server that a test writes the answers of. */
async function serve(
  context: TestContext,
  answersTo: (request: Buffer) => readonly Uint8Array[],
): Promise<string> {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (request, { port, address }) => {
    for (const answer of answersTo(request)) socket.send(answer, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  context.after(() => {
    socket.close()
  })
  return `127.0.0.1:${socket.address().port}`
}

function sound(request: Uint8Array, utcMs: number): Uint8Array {
  const answer = new Uint8Array(48)
  answer[0] = 0x24
  answer[1] = 1
  answer.set(request.subarray(40, 48), 24)
  writeTime(answer, 32, utcMs)
  writeTime(answer, 40, utcMs)
  return answer
}

type Heard = { server: string; exchange?: Exchange; reason?: string }

/** Asks until something is heard: the first questions may go before the name is looked up. */
async function firstHeard(context: TestContext, servers: readonly string[]): Promise<Heard> {
  const port = new UdpNtpPort(servers, systemClock)
  context.after(() => port.close())
  return new Promise(resolve => {
    const client = new NtpClient({
      port,
      clock: systemClock,
      nearMs: () => systemClock.wallMs(),
      onAnswer: (server, exchange) => resolve({ server, exchange }),
      onRefusal: (server, reason) => resolve({ server, reason }),
    })
    const asking = setInterval(() => {
      for (const server of servers) client.ask(server)
    }, 5)
    context.after(() => clearInterval(asking))
  })
}

test('a server is asked, and its answer timed', async context => {
  const utcMs = Date.now() + 12_345
  const server = await serve(context, request => [sound(request, utcMs)])
  const { exchange, ...heard } = await firstHeard(context, [server])
  assert.equal(heard.server, server)
  assert.ok(exchange !== undefined && exchange.receivedMs >= exchange.sentMs)
  assert.ok(Math.abs(exchange.remoteSentMs - utcMs) < 0.01)
})

test('forged, foreign and doubled answers do not count', async context => {
  let isFirst = true
  const server = await serve(context, request => {
    const forged = sound(request, 0)
    forged.fill(9, 24, 32)
    const garbage = new Uint8Array([1, 2, 3])
    const answer = sound(request, isFirst ? 1_000 : 2_000)
    isFirst = false
    return [garbage, forged, answer, sound(request, 3_000)]
  })
  const { exchange } = await firstHeard(context, [server])
  assert.ok(exchange !== undefined)
  assert.equal(Math.round(exchange.remoteSentMs) % 4_294_967_296_000, 1_000)
})

test('a refusal says why', async context => {
  const server = await serve(context, request => {
    const answer = sound(request, 0)
    answer[1] = 0
    answer.set(Buffer.from('RATE'), 12)
    return [answer]
  })
  assert.equal((await firstHeard(context, [server])).reason, 'rate')
})

test('nobody there, or no such name, keeps nobody from the others', async context => {
  const server = await serve(context, request => [sound(request, Date.now())])
  const heard = await firstHeard(context, ['127.0.0.1:1', 'nowhere.invalid', server])
  assert.equal(heard.server, server)
})

const routes = [
  ['ntp.example', 'ntp.example', 123],
  ['ntp.example:11123', 'ntp.example', 11_123],
  ['192.0.2.1:99', '192.0.2.1', 99],
  ['2001:db8::1', '2001:db8::1', 123],
  ['[2001:db8::1]:99', '2001:db8::1', 99],
] as const
for (const [server, host, port] of routes) {
  test(`${server} is ${host}, port ${port}`, () => {
    const route = routeOf(server)
    assert.deepEqual([route.host, route.port], [host, port])
  })
}

test('a server that is no host and port is refused', () => {
  for (const server of ['', 'host:', 'host:0', 'host:70000', 'a:b:c']) {
    assert.throws(() => routeOf(server), RangeError)
  }
})
