/**
 * Do clients that hoard connections slow honest ones down? The same requests of eight honest clients,
 * alone and beside 1,000 idle keep-alive connections and 50 clients that send their headers byte by
 * byte, interleaved, in one process with all of them. Target: p99 within twice that of the honest alone.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { startGateway } from '../src/gateway/gateway.ts'
import { createNode } from '../src/node/create-node.ts'
import { silentLog } from '../src/node/log.ts'
import { save } from './harness.ts'

const IDLE = 1_000
const SLOW = 50
const HONEST = 8
const REQUESTS = 4_000
const ROUNDS = 3
const TRICKLE_MS = 100

const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
const node = createNode({ dataDirectory: folder, listen: ['/ip4/127.0.0.1/tcp/0'] })
await node.start()
const options = { node, dataDirectory: folder, log: silentLog, port: 0, mayMove: false }
const gateway = await startGateway(options)
const { hostname: host, port } = new URL(gateway.url)

/** The 99th percentile of honest requests, in milliseconds. */
async function honestP99(): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: HONEST })
  const times: number[] = []
  const client = async (): Promise<void> => {
    for (let count = 0; count < REQUESTS / HONEST; count++) {
      const startMs = performance.now()
      const sent = request({ host, port, path: '/healthz', agent }).end()
      const [response] = await once(sent, 'response')
      await text(response)
      times.push(performance.now() - startMs)
    }
  }
  await Promise.all(Array.from({ length: HONEST }, client))
  agent.destroy()
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
}

const open = (): Socket => connect(Number(port), host).on('error', () => undefined)

async function attack(): Promise<() => void> {
  const all = Array.from({ length: IDLE + SLOW }, open)
  await Promise.all(all.map(socket => once(socket, 'connect')))
  const slow = all.slice(IDLE)
  for (const socket of slow) socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-')
  const trickle = setInterval(() => slow.forEach(socket => socket.write('y')), TRICKLE_MS)
  return () => {
    clearInterval(trickle)
    for (const socket of all) socket.destroy()
  }
}

const answers: unknown[] = []
await honestP99()
for (let round = 0; round < ROUNDS; round++) {
  const alone = await honestP99()
  const end = await attack()
  const beside = await honestP99()
  end()
  const ratio = beside / alone
  answers.push({ aloneMs: alone, attackedMs: beside, ratio })
  console.log(
    `p99 alone ${alone.toFixed(2)} ms, attacked ${beside.toFixed(2)} ms: ${ratio.toFixed(2)}×` +
      (ratio > 2 ? ' (target 2× missed)' : ''),
  )
}
save('slow-clients', answers)
await gateway.stop()
await node.stop()
rmSync(folder, { recursive: true, force: true })
