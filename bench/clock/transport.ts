import { createSocket } from 'node:dgram'
import { once } from 'node:events'

import type { Network } from '../../src/base/environment.ts'
import { PeerClient } from '../../src/node/clock/peer-client.ts'
import { systemClock } from '../../src/node/system.ts'
import { introduce, withHosts } from '../../test/support/hosts.ts'

const ROUNDS = 1_500
const WARM_UP_ROUNDS = 300

/** CPU of a question and its answer, both ends, which are in this process. */
async function cpuPerRoundMs(exchange: () => Promise<void>): Promise<number> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await exchange()
  const before = process.cpuUsage()
  for (let round = 0; round < ROUNDS; round++) await exchange()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / ROUNDS
}

/** A question to a server, over UDP. */
export async function udpExchangeMs(): Promise<number> {
  const [server, client] = [createSocket('udp4'), createSocket('udp4')]
  server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  client.connect(server.address().port, '127.0.0.1')
  await once(client, 'connect')
  try {
    return await cpuPerRoundMs(async () => {
      client.send(new Uint8Array(48))
      await once(client, 'message')
    })
  } finally {
    client.close()
    server.close()
  }
}

/** A question to a peer, in datagrams over a real connection. */
export async function peerExchangeMs(): Promise<number> {
  let ms = Number.NaN
  await withHosts(async open => {
    const [{ host: asker }, { host: teller }] = [await open(), await open()]
    introduce(asker, teller)
    let answered = Promise.withResolvers<void>()
    const clientOf = (network: Network): PeerClient =>
      new PeerClient({
        network,
        clock: systemClock,
        virtualMs: () => systemClock.wallMs(),
        standing: () => ({ status: 'SYNCED', basis: 'utc', rootAgeMs: 0, boundMs: 1 }),
        onAnswer: () => answered.resolve(),
      })
    const client = clientOf(asker)
    clientOf(teller)
    ms = await cpuPerRoundMs(async () => {
      answered = Promise.withResolvers()
      client.ask(teller.self)
      await answered.promise
    })
  })
  return ms
}
