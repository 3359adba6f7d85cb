import { openBenchHost } from './bench-host.ts'
/** The other process of the bench: takes what is sent, answers what is asked. */
import { ANSWER_BYTES, listenRaw } from './raw-sockets.ts'

const host = await openBenchHost({})
const offLane = await openBenchHost({ lane: false })

for (const each of [host, offLane]) {
  each.onRequest('echo', async (_from, body) => body)
  each.onDatagram('ping', (from, bytes) => each.sendDatagram(from, 'pong', bytes))
  each.onStream('sink', (_from, stream) => {
    void (async () => {
      let taken = 0
      for (let part = await stream.read(); part !== undefined; part = await stream.read()) {
        taken += part.length
        const answers = Math.floor(taken / ANSWER_BYTES)
        taken -= answers * ANSWER_BYTES
        if (answers > 0) await stream.write(new Uint8Array(answers))
      }
      stream.end()
    })().catch(() => undefined)
  })
}

const raw = await listenRaw()
process.send?.({
  raw,
  host: { peer: host.self, addresses: host.addresses() },
  offLane: { peer: offLane.self, addresses: offLane.addresses() },
})
process.on('message', question => {
  if (question === 'cpu') process.send?.({ cpu: process.cpuUsage() })
  else process.exit(0)
})
