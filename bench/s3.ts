/**
 * What does S3 cost on top of the embedded API? Both speak to the same network in the same rounds:
 * the embedded API is a peer's in this process, the gateway another peer's in a process of its own.
 * Then: how long the worst request takes while one peer stands still.
 *
 *     npm run bench -- s3 [--peers 3,6] [--quick]
 *
 * --quick asks the questions that have targets, on three peers.
 */
import { parseArgs } from 'node:util'

import { type Answer, ask, byClients, latenciesOf, save } from './harness.ts'
import { type Fleet, startFleet } from './network/fleet.ts'
import { S3BenchClient } from './s3/s3-bench-client.ts'
import { worstWhileStopped } from './s3/worst-request.ts'

const KIB = 1_024
const MIB = 1_048_576
const BUCKET = 'bench'
const KEYS = 64
const LISTED = 1_000
const LATENCIES = 100
/** Bytes that one measurement of costs moves. */
const COST_BYTES = 256 * MIB
const TARGETS = {
  ratio: 0.7,
  ratioFrom: 4 * MIB,
  ratioClients: 8,
  get64Ms: 3,
  worstMs: 1_000,
  rssMiB: 300,
}

const { values } = parseArgs({
  options: { peers: { type: 'string' }, quick: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const isQuick = values.quick
const sizes = isQuick ? [64 * KIB, 4 * MIB, 32 * MIB] : [KIB, 64 * KIB, 4 * MIB, 32 * MIB]
const clientCounts = isQuick ? [8] : [1, 8, 32]
const fleetSizes = (values.peers ?? (isQuick ? '3' : '3,6')).split(',').map(Number)

type Calls = Readonly<Record<'embedded' | 'gateway', () => Promise<unknown>>>

class Bench {
  readonly #fleet: Fleet
  readonly #s3: S3BenchClient
  readonly #peers: number
  #last = 0

  constructor(fleet: Fleet, s3: S3BenchClient, peers: number) {
    this.#fleet = fleet
    this.#s3 = s3
    this.#peers = peers
  }

  async run(): Promise<unknown[]> {
    const answers: unknown[] = []
    for (const bytes of sizes) await this.#store(bytes)
    for (const bytes of sizes) {
      for (const clients of clientCounts) answers.push(...(await this.#bySize(bytes, clients)))
    }
    for (const clients of isQuick ? [] : clientCounts)
      answers.push(...(await this.#byName(clients)))
    answers.push(await this.#latencies())
    for (const bytes of [4 * MIB, 32 * MIB]) answers.push(await this.#costs(bytes))
    answers.push(await this.#worst())
    answers.push(this.#memory())
    return answers
  }

  async #bySize(sizeBytes: number, clients: number): Promise<Answer[]> {
    const body = new Uint8Array(sizeBytes).fill(9)
    const from = Math.max(0, Math.floor(sizeBytes / 2) - 32 * KIB)
    const to = Math.min(sizeBytes, from + 64 * KIB)
    const size = sizeBytes < MIB ? `${sizeBytes / KIB} KiB` : `${sizeBytes / MIB} MiB`
    const shape = { sizeBytes, clients }
    const put = await this.#ask(`PUT ${size}`, shape, {
      embedded: () => this.#fleet.node.put(this.#next(), body),
      gateway: () => this.#s3.ask('PUT', pathOf(this.#next()), { body }),
    })
    const get = await this.#ask(`GET ${size}`, shape, {
      embedded: () => this.#get(this.#read(sizeBytes)),
      gateway: () => this.#s3.ask('GET', pathOf(this.#read(sizeBytes, 'gateway'))),
    })
    if (isQuick || sizeBytes < MIB) return [put, get]
    const headers = { range: `bytes=${from}-${to - 1}` }
    const range = await this.#ask(
      `GET 64 KiB of ${size}`,
      { sizeBytes: KIB, clients },
      {
        embedded: () => this.#get(this.#read(sizeBytes), { from, to }),
        gateway: () => this.#s3.ask('GET', pathOf(this.#read(sizeBytes, 'gateway')), { headers }),
      },
    )
    return [put, get, range]
  }

  async #byName(clients: number): Promise<Answer[]> {
    const shape = { sizeBytes: KIB, clients }
    const place = this.#read(64 * KIB)
    const query = `list-type=2&max-keys=${LISTED}&prefix=listed`
    const nothing = { bucket: BUCKET, key: 'nothing' }
    await this.#fillList()
    return [
      await this.#ask('HEAD', shape, {
        embedded: () => this.#fleet.node.head(place),
        gateway: () => this.#s3.ask('HEAD', pathOf(place)),
      }),
      await this.#ask(`list of ${LISTED}`, shape, {
        embedded: () => this.#fleet.node.listPage(BUCKET, { prefix: 'listed', limit: LISTED }),
        gateway: () => this.#s3.ask('GET', `/${BUCKET}`, { query }),
      }),
      // As much agreement as any other deletion, and it can be done again.
      await this.#ask('DELETE', shape, {
        embedded: () => this.#fleet.node.delete(nothing),
        gateway: () => this.#s3.ask('DELETE', pathOf(nothing)),
      }),
    ]
  }

  async #fillList(): Promise<void> {
    const left = Array.from({ length: LISTED }, (_, at) => `listed/${at}`)
    const fill = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined; key = left.pop())
        await this.#fleet.node.put({ bucket: BUCKET, key }, new Uint8Array(1))
    }
    await Promise.all(Array.from({ length: 16 }, fill))
  }

  #ask(
    what: string,
    { sizeBytes, clients }: { sizeBytes: number; clients: number },
    { embedded, gateway }: Calls,
  ): Promise<Answer> {
    const { ratio, ratioFrom, ratioClients } = TARGETS
    const isMeant = sizeBytes >= ratioFrom && clients === ratioClients && this.#peers === 3
    return ask(
      {
        title: `${this.#peers} peers: ${what}, ${clients} client${clients > 1 ? 's' : ''}`,
        unit: what.split(' ')[0] ?? '',
        variants: [
          { name: 'embedded', run: byClients(clients, embedded) },
          { name: 'gateway', run: byClients(clients, gateway) },
        ],
        ...(isMeant && { targets: { gateway: ratio } }),
      },
      { rounds: isMeant ? 5 : 3, sliceMs: sizeBytes >= MIB ? 500 : 200 },
    )
  }

  /** Of one client, one call after the other. */
  async #latencies(): Promise<unknown> {
    const body = new Uint8Array(64 * KIB)
    const place = this.#read(64 * KIB)
    const own = this.#read(64 * KIB, 'gateway')
    const rows = {
      'GET 64 KiB embedded': await latenciesOf(LATENCIES, () => this.#get(place)),
      'GET 64 KiB': await latenciesOf(LATENCIES, () => this.#s3.ask('GET', pathOf(own))),
      HEAD: await latenciesOf(LATENCIES, () => this.#s3.ask('HEAD', pathOf(place))),
      'PUT 64 KiB embedded': await latenciesOf(LATENCIES, () =>
        this.#fleet.node.put(this.#next(), body),
      ),
      'PUT 64 KiB': await latenciesOf(LATENCIES, () =>
        this.#s3.ask('PUT', pathOf(this.#next()), { body }),
      ),
    }
    console.log(`\n${this.#peers} peers: latency of one client, ms`)
    for (const [name, { p50, p99 }] of Object.entries(rows)) {
      const isMeant = name === 'GET 64 KiB' && this.#peers === 3
      const verdict = isMeant ? verdictOf(p50, TARGETS.get64Ms) : ''
      console.log(`  ${name.padEnd(20)} p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}${verdict}`)
    }
    return { title: 'latencies', peers: this.#peers, rows }
  }

  async #costs(sizeBytes: number): Promise<unknown> {
    const body = new Uint8Array(sizeBytes).fill(3)
    const count = Math.ceil(COST_BYTES / sizeBytes)
    const of = async (call: () => Promise<unknown>): Promise<number> => {
      const before = this.#fleet.cpuSeconds()
      for (let at = 0; at < count; at++) await call()
      return ((this.#fleet.cpuSeconds() - before) * 2 ** 30) / (count * sizeBytes)
    }
    const rows = {
      'PUT embedded': await of(() => this.#fleet.node.put(this.#next(), body)),
      PUT: await of(() => this.#s3.ask('PUT', pathOf(this.#next()), { body })),
      'GET embedded': await of(() => this.#get(this.#read(sizeBytes))),
      GET: await of(() => this.#s3.ask('GET', pathOf(this.#read(sizeBytes, 'gateway')))),
    }
    const told = Object.entries(rows).map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`)
    console.log(
      `\n${this.#peers} peers: CPU seconds per GiB at ${sizeBytes / MIB} MiB, client included`,
    )
    console.log(`  ${told.join(', ')}`)
    return { title: 'costs', peers: this.#peers, sizeBytes, rows }
  }

  async #worst(): Promise<unknown> {
    const body = new Uint8Array(64 * KIB).fill(5)
    const rows = await worstWhileStopped(this.#fleet, {
      PUT: () => this.#s3.ask('PUT', pathOf(this.#next()), { body }),
      GET: () => this.#s3.ask('GET', pathOf(this.#read(64 * KIB, 'gateway'))),
    })
    console.log(
      `\n${this.#peers} peers: the worst of 8 clients' requests while one peer stands still, ms`,
    )
    for (const { name, worstMs, p99Ms, count, failed } of rows) {
      const verdict = this.#peers === 3 ? verdictOf(worstMs, TARGETS.worstMs) : ''
      const told = `${worstMs.toFixed(0)} (p99 ${p99Ms.toFixed(0)}) of ${count}, ${failed} failed`
      console.log(`  ${name.padEnd(4)} ${told}${verdict}`)
    }
    return { title: 'one peer stopped', peers: this.#peers, rows }
  }

  #memory(): unknown {
    const [own, ...peaks] = this.#fleet.peakMiB()
    const most = Math.max(...peaks)
    console.log(`\n${this.#peers} peers: peak memory of processes, MiB`)
    console.log(
      `  ${peaks.join(' ')}${verdictOf(most, TARGETS.rssMiB)}; with the bench in it ${own}`,
    )
    return { title: 'memory', peers: this.#peers, peaks }
  }

  /** Each reads what it has written: who writes holds a column of data itself. */
  async #store(sizeBytes: number): Promise<void> {
    const body = new Uint8Array(sizeBytes)
    await this.#fleet.node.put(this.#read(sizeBytes), body)
    await this.#s3.ask('PUT', pathOf(this.#read(sizeBytes, 'gateway')), { body })
  }

  #read(sizeBytes: number, by = 'embedded'): { bucket: string; key: string } {
    return { bucket: BUCKET, key: `read-${sizeBytes}-${by}` }
  }

  #next(): { bucket: string; key: string } {
    return { bucket: BUCKET, key: `write-${++this.#last % KEYS}` }
  }

  async #get(
    place: { bucket: string; key: string },
    range: { from?: number; to?: number } = {},
  ): Promise<void> {
    const { body, from, to } = await this.#fleet.node.get(place, range)
    let bytes = 0
    for await (const chunk of body) bytes += chunk.length
    if (bytes !== to - from) throw new Error('all bytes come back')
  }
}

const pathOf = ({ bucket, key }: { bucket: string; key: string }): string => `/${bucket}/${key}`

const verdictOf = (value: number, most: number): string =>
  value <= most ? `  ≤ ${most} ok` : `  > ${most} MISSED`

const answers: unknown[] = []
for (const size of fleetSizes) {
  const fleet = await startFleet(size)
  const s3 = await S3BenchClient.of(fleet.folders[0] ?? '')
  try {
    answers.push(...(await new Bench(fleet, s3, size).run()))
  } finally {
    s3.close()
    await fleet.stop()
  }
}
save(isQuick ? 's3-quick' : 's3', answers)
