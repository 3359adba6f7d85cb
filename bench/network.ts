/**
 * What does it cost to put an object into a network and to get it out again, beside writing a file
 * here and syncing it, and reading it?
 *
 * Peers are processes of their own on this machine, but for the one whose embedded API is used. The
 * references run in the same rounds: a file made by open, write, fsync and close; and one read whole
 * from the page cache.
 *
 *     npm run bench -- network [--peers 3,6] [--large 64]
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { ask, byClients, latenciesOf, save } from './harness.ts'
import { type Fleet, startFleet } from './network/fleet.ts'

const KIB = 1_024
const SIZES = [KIB, 64 * KIB, 1_024 * KIB]
const RANGE_BYTES = 64 * KIB
const LATENCIES = 60
/** Milliseconds, the median with one client; on three peers. */
const TARGETS = { put: 15, get: 5, range: 10 }

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '3,6' },
    large: { type: 'string', default: '64' },
  },
  allowPositionals: true,
})
const large = Number(values.large) * KIB * KIB
const root = fs.mkdtempSync(join(process.cwd(), '.bench-local-'))
let lastNumber = 0

async function writeLocal(bytes: Uint8Array): Promise<void> {
  const file = await fs.promises.open(join(root, `${bytes.length} ${++lastNumber % 64}`), 'w')
  await file.writeFile(bytes)
  await file.sync()
  await file.close()
}

const readLocal = (sizeBytes: number): Promise<unknown> =>
  fs.promises.readFile(join(root, `read ${sizeBytes}`))

async function drain(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of body) bytes += chunk.length
  return bytes
}

class Bench {
  readonly #fleet: Fleet
  readonly #peers: number

  constructor(fleet: Fleet, peers: number) {
    this.#fleet = fleet
    this.#peers = peers
  }

  async run(): Promise<unknown[]> {
    const answers: unknown[] = []
    for (const sizeBytes of [...SIZES, large]) {
      await this.#prepare(sizeBytes)
      for (const clients of sizeBytes === large ? [1] : [1, 8]) {
        answers.push(await this.#puts(sizeBytes, clients), await this.#gets(sizeBytes, clients))
      }
    }
    answers.push(await this.#latencies(), await this.#costs())
    return answers
  }

  async #prepare(sizeBytes: number): Promise<void> {
    const bytes = new Uint8Array(sizeBytes).fill(7)
    fs.writeFileSync(join(root, `read ${sizeBytes}`), bytes)
    await this.#fleet.node.put({ bucket: 'bench', key: `read ${sizeBytes}` }, bytes)
  }

  #puts(sizeBytes: number, clients: number): Promise<unknown> {
    const bytes = new Uint8Array(sizeBytes).fill(9)
    return this.#ask('PUT', sizeBytes, clients, {
      local: () => writeLocal(bytes),
      network: () => this.#put(bytes),
    })
  }

  #gets(sizeBytes: number, clients: number): Promise<unknown> {
    return this.#ask('GET', sizeBytes, clients, {
      local: () => readLocal(sizeBytes),
      network: () => this.#get(sizeBytes),
    })
  }

  #ask(
    verb: string,
    sizeBytes: number,
    clients: number,
    { local, network }: Record<'local' | 'network', () => Promise<unknown>>,
  ): Promise<unknown> {
    const isLarge = sizeBytes === large
    const size = sizeBytes < 1_048_576 ? `${sizeBytes / KIB} KiB` : `${sizeBytes / 1_048_576} MiB`
    const reads = verb === 'GET'
    return ask(
      {
        title: `${this.#peers} peers: ${verb} ${size}, ${clients} client${clients > 1 ? 's' : ''}`,
        unit: verb,
        variants: [
          { name: reads ? 'a local file' : 'a local file + fsync', run: byClients(clients, local) },
          { name: 'network', run: byClients(clients, network) },
        ],
        ...(isLarge && reads && this.#peers === 3 ? { targets: { network: 0.2 } } : {}),
      },
      { rounds: isLarge ? 3 : 5, sliceMs: 300 },
    )
  }

  #put(bytes: Uint8Array): Promise<unknown> {
    const key = `write ${++lastNumber % 64}`
    return this.#fleet.node.put({ bucket: 'bench', key }, bytes)
  }

  async #get(sizeBytes: number, range: { from?: number; to?: number } = {}): Promise<void> {
    const place = { bucket: 'bench', key: `read ${sizeBytes}` }
    const { body, from, to } = await this.#fleet.node.get(place, range)
    if ((await drain(body)) !== to - from) throw new Error('all bytes come back')
  }

  /** Of one client, one call after the other. */
  async #latencies(): Promise<unknown> {
    const bytes = new Uint8Array(64 * KIB).fill(3)
    const from = Math.floor(large / 2)
    const rows = {
      put: await latenciesOf(LATENCIES, () => this.#put(bytes)),
      get: await latenciesOf(LATENCIES, () => this.#get(64 * KIB)),
      range: await latenciesOf(LATENCIES, () => this.#get(large, { from, to: from + RANGE_BYTES })),
      list: await latenciesOf(LATENCIES, () =>
        this.#fleet.node.listPage('bench', { limit: 1_000 }),
      ),
    }
    console.log(`\n${this.#peers} peers: latency of one client, ms`)
    for (const [name, { p50, p99 }] of Object.entries(rows)) {
      const target = this.#peers === 3 ? (TARGETS as Record<string, number>)[name] : undefined
      const verdict =
        target === undefined ? '' : p50 <= target ? `≤ ${target} ok` : `≤ ${target} MISSED`
      console.log(
        `  ${name.padEnd(6)} p50 ${p50.toFixed(1).padStart(7)}  p99 ${p99.toFixed(1).padStart(7)}  ${verdict}`,
      )
    }
    return { title: 'latencies', peers: this.#peers, rows }
  }

  async #costs(): Promise<unknown> {
    const gib = (8 * large) / 2 ** 30
    const before = this.#fleet.cpuSeconds()
    for (let at = 0; at < 8; at++) await this.#put(new Uint8Array(large).fill(at))
    const put = (this.#fleet.cpuSeconds() - before) / gib
    const middle = this.#fleet.cpuSeconds()
    for (let at = 0; at < 8; at++) await this.#get(large)
    const get = (this.#fleet.cpuSeconds() - middle) / gib
    const peaks = this.#fleet.peakMiB()
    console.log(`\n${this.#peers} peers: CPU seconds per GiB over all of them`)
    console.log(`  put ${put.toFixed(1)}, get ${get.toFixed(1)}; peak MiB ${peaks.join(' ')}`)
    return { title: 'costs', peers: this.#peers, putCpuPerGib: put, getCpuPerGib: get, peaks }
  }
}

try {
  const answers: unknown[] = []
  for (const size of values.peers.split(',').map(Number)) {
    const fleet = await startFleet(size)
    try {
      answers.push(...(await new Bench(fleet, size).run()))
    } finally {
      await fleet.stop()
    }
  }
  save('network', answers)
} finally {
  fs.rmSync(root, { recursive: true, force: true })
}
