/**
 * How fast do bytes get from one peer to another, and what does that do to small messages? Two
 * processes on loopback: the sender here, the receiver in bench/net/receiver.ts.
 *
 * - Bulk: a stream over the lane, and over libp2p, against a raw TCP and a raw TLS 1.3 socket in the
 *   same rounds. The reference is TLS. CPU is that of both processes, threads and kernel included.
 * - Requests: 200 bytes there and back, with 1, 32 and 256 at a time.
 * - Datagrams: there and back, idle and while a bulk transfer takes all it can get.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'

import type { ByteStream } from '../src/base/environment.ts'
import type { NetworkHost } from '../src/net/network-host.ts'
import { ask, during, type Measured, median, save } from './harness.ts'
import { openBenchHost } from './net/bench-host.ts'
import { ANSWER_BYTES, openTcp, openTls, push, type RawPorts } from './net/raw-sockets.ts'

const CHUNK_BYTES = 65_536
const MIB = 1_048_576
/** What is sent before the clock is looked at. */
const TURN_MIB = 64
const PINGS = 400

interface Peer {
  readonly peer: string
  readonly addresses: string[]
}

interface Receiver {
  readonly raw: RawPorts
  readonly host: Peer
  readonly offLane: Peer
}

const child = fork(join(import.meta.dirname, 'net', 'receiver.ts'), {
  execArgv: process.execArgv,
})
const receiver = await heard<Receiver>(child)

/** The next message of the other process. */
function heard<Message>(from: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the receiver ended: ${code}`))
    from.once('exit', ended)
    from.once('message', message => {
      from.off('exit', ended)
      resolve(message as Message)
    })
  })
}

/** CPU time of both processes so far. */
async function cpuMs(): Promise<number> {
  const answer = heard<{ cpu: NodeJS.CpuUsage }>(child)
  child.send('cpu')
  const { cpu } = await answer
  const own = process.cpuUsage()
  return (own.user + own.system + cpu.user + cpu.system) / 1_000
}

/** A stream to push into, and what it costs. */
interface Pipe {
  readonly name: string
  readonly send: (mib: number) => Promise<void>
  cpu: { ms: number; bytes: number }
}

const socketPipe = (name: string, socket: Socket): Pipe => ({
  name,
  cpu: { ms: 0, bytes: 0 },
  send: mib => push(socket, mib, new Uint8Array(CHUNK_BYTES)),
})

async function streamPipe(
  name: string,
  host: NetworkHost,
  { peer, addresses }: Peer,
): Promise<Pipe> {
  host.learn(peer, addresses)
  const stream = await host.openStream(peer, 'sink')
  return { name, cpu: { ms: 0, bytes: 0 }, send: mib => pour(stream, mib) }
}

async function pour(stream: ByteStream, mib: number): Promise<void> {
  const answered = (async () => {
    for (let answers = 0; answers < (mib * MIB) / ANSWER_BYTES;) {
      answers += (await stream.read())?.length ?? Infinity
    }
  })()
  for (let left = mib * MIB; left > 0; left -= CHUNK_BYTES) {
    await stream.write(new Uint8Array(CHUNK_BYTES))
  }
  await answered
}

async function measurePipe(pipe: Pipe, sliceMs: number): Promise<Measured> {
  const before = await cpuMs()
  const measured = await during(sliceMs, async () => {
    await pipe.send(TURN_MIB)
    return TURN_MIB
  })
  pipe.cpu.ms += (await cpuMs()) - before
  pipe.cpu.bytes += measured.amount * MIB
  return measured
}

const sender = await openBenchHost({})
const pipes = [
  socketPipe('raw TLS 1.3', await openTls(receiver.raw.tls)),
  socketPipe('raw TCP', await openTcp(receiver.raw.tcp)),
  await streamPipe('stream over the lane', sender, receiver.host),
  await streamPipe('stream over libp2p', sender, receiver.offLane),
]

const bulk = await ask(
  {
    title: 'Bulk, one stream, 64 KiB writes, two processes on loopback',
    unit: 'MiB',
    variants: pipes.map(pipe => ({ name: pipe.name, run: ms => measurePipe(pipe, ms) })),
    targets: { 'stream over the lane': 0.6 },
  },
  { rounds: 7, sliceMs: 800 },
)
console.log('  CPU of both processes, seconds per GiB:')
for (const { name, cpu } of pipes) {
  console.log(`    ${name.padEnd(22)} ${((cpu.ms / 1_000 / cpu.bytes) * 2 ** 30).toFixed(2)}`)
}

const { peer } = receiver.host
const body = new Uint8Array(200)
const requestsAtOnce = (count: number) => async (): Promise<number> => {
  const request = { body, deadlineMs: 10_000 }
  await Promise.all(Array.from({ length: count }, () => sender.request(peer, 'echo', request)))
  return count
}
const requests = await ask(
  {
    title: 'Requests of 200 bytes, answered with as many',
    unit: 'requests',
    variants: [1, 32, 256].map(count => ({
      name: `${count} at a time`,
      run: ms => during(ms, requestsAtOnce(count)),
    })),
  },
  { rounds: 5, sliceMs: 500 },
)

/** Round trips of datagrams, one after another. */
async function roundTrips(to: string): Promise<number[]> {
  let arrived: (() => void) | undefined
  sender.onDatagram('pong', () => arrived?.())
  const times: number[] = []
  for (let at = 0; at < PINGS; at++) {
    const startMs = performance.now()
    const answer = new Promise<void>(resolve => (arrived = resolve))
    sender.sendDatagram(to, 'ping', new Uint8Array(200))
    await answer
    times.push(performance.now() - startMs)
    await new Promise(resolve => void setTimeout(resolve, 2))
  }
  return times
}

const percentile = (times: readonly number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN

console.log('\nDatagrams of 200 bytes, there and back')
const trips: Record<string, { p50Ms: number; p99Ms: number }> = {}
async function measureTrips(what: string, to: string, load: Pipe | undefined): Promise<void> {
  const controller = new AbortController()
  const loading = (async () => {
    if (load === undefined) return
    while (!controller.signal.aborted) await load.send(TURN_MIB)
  })()
  const times = await roundTrips(to)
  controller.abort()
  await loading
  const p50Ms = median(times)
  const p99Ms = percentile(times, 0.99)
  trips[what] = { p50Ms, p99Ms }
  console.log(`  ${what.padEnd(34)} p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`)
}
await measureTrips('idle', peer, undefined)
await measureTrips('beside bulk over the lane', peer, pipes[2])
await measureTrips('beside bulk over libp2p', receiver.offLane.peer, pipes[3])

const cpuPerGib = pipes.map(({ name, cpu }) => ({
  name,
  seconds: (cpu.ms / 1_000 / cpu.bytes) * 2 ** 30,
}))
save('net', [
  bulk,
  { title: 'CPU seconds per GiB', rows: cpuPerGib },
  requests,
  { title: 'Datagrams', trips },
])
child.send('stop')
await sender.stop()
process.exit()
