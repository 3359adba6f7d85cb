/**
 * How many writes a second do three peers agree on, how long does each take, and for how long does
 * nobody answer when the leader dies? Beside a three-member etcd on the same disk, in turns.
 *
 * Three peers are three processes; the client is a fourth peer in this one, without a vote, and comes
 * over libp2p with noise. etcd's client speaks gRPC over one plain HTTP/2 session to the leader. Both
 * answer when a majority has synced the write. Both are measured as they run after a while, not in
 * their first second: they are warmed up alike.
 *
 *     npm run bench -- consensus [--part throughput|kill|stop|transfer] [--rounds 9] [--runs 10]
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import type { Contender } from './consensus/contender.ts'
import { Etcd, hasEtcd } from './consensus/etcd.ts'
import { Holdfast } from './consensus/holdfast.ts'
import { median, save } from './harness.ts'

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    part: { type: 'string' },
    rounds: { type: 'string', default: '9' },
    runs: { type: 'string', default: '10' },
    slice: { type: 'string', default: '1000' },
  },
})

const VALUE = new Uint8Array(200).fill(7)
const KEYS = 10_000
const PUT_MS = 5_000
const WARM_CLIENTS = 16
const WARM_MS = 4_000
const TICKS_PER_SECOND = 100
/** Ratio to etcd at 1, 16 and 128 clients. */
const targets: readonly (readonly [number, number])[] = [
  [1, 0.8],
  [16, 2],
  [128, 4],
]
const GAP_WRITERS = 8
const CALM_MS = 400
const WATCHED_MS = 3_000
const KILL_GAP_MS = 700
const STOP_GAP_MS = 1_200
const TRANSFER_GAP_MS = 150

interface Slice {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuUs: number
}

const root = fs.mkdtempSync(join(process.cwd(), '.bench-consensus-'))
process.once('exit', () => fs.rmSync(root, { recursive: true, force: true }))

let number = 0
const nextKey = (): string => `key-${number++ % KEYS}`

/** So many clients, each with one write at a time. */
async function load(contender: Contender, clients: number, forMs: number): Promise<Slice> {
  const startMs = performance.now()
  const cpuBefore = cpuMs(contender)
  const latencies: number[] = []
  const client = async (): Promise<void> => {
    for (let now = startMs; now - startMs < forMs;) {
      await contender.put(nextKey(), VALUE, PUT_MS)
      const doneMs = performance.now()
      latencies.push(doneMs - now)
      now = doneMs
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const elapsedMs = performance.now() - startMs
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return {
    perSecond: (latencies.length * 1_000) / elapsedMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuUs: ((cpuMs(contender) - cpuBefore) * 1_000) / latencies.length,
  }
}

/** CPU time of the three members so far; Linux only. */
function cpuMs(contender: Contender): number {
  if (process.platform !== 'linux') return Number.NaN
  const ticks = contender.pids().map(pid => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return Number(fields[11]) + Number(fields[12])
  })
  return (ticks.reduce((sum, each) => sum + each, 0) * 1_000) / TICKS_PER_SECOND
}

async function throughput(contenders: readonly Contender[]): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const contender of contenders) await load(contender, WARM_CLIENTS, WARM_MS)
  for (const [clients, target] of targets) {
    for (const contender of contenders) await load(contender, clients, 300)
    const slices = contenders.map((): Slice[] => [])
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [at, contender] of contenders.entries()) {
        slices[at]?.push(await load(contender, clients, Number(values.slice)))
      }
    }
    console.log(`\ncommits of 200 B, ${clients} clients`)
    const reference = slices[1]
    for (const [at, own] of slices.entries()) {
      const ratios = own.map(
        ({ perSecond }, round) => perSecond / (reference?.[round]?.perSecond ?? NaN),
      )
      const of = (pick: (slice: Slice) => number): number => median(own.map(pick))
      const row = {
        name: contenders[at]?.name ?? '',
        clients,
        perSecond: of(slice => slice.perSecond),
        p50Ms: of(slice => slice.p50Ms),
        p99Ms: of(slice => slice.p99Ms),
        cpuUs: of(slice => slice.cpuUs),
        ratio: median(ratios),
        range: [Math.min(...ratios), Math.max(...ratios)],
      }
      answers.push(row)
      const verdict =
        at > 0 || reference === undefined ? '' : held(row.ratio >= target, `≥ ${target}`)
      console.log(
        `  ${row.name.padEnd(9)} ${row.perSecond.toFixed(0).padStart(7)}/s  ` +
          `p50 ${row.p50Ms.toFixed(2)} ms, p99 ${row.p99Ms.toFixed(2)} ms, ` +
          `${row.cpuUs.toFixed(0)} µs CPU of 3 servers per write  ` +
          `${row.ratio.toFixed(2)}x (${row.range.map(each => each.toFixed(2)).join('–')})${verdict}`,
      )
    }
  }
  return answers
}

/** The longest time without an answer while something happens to the leader. */
async function gapOf(contender: Contender, happen: () => Promise<unknown>): Promise<number> {
  const over = new AbortController()
  let lastMs = performance.now()
  let longestMs = 0
  const writer = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        await contender.put(nextKey(), VALUE, contender.tryMs)
        const nowMs = performance.now()
        longestMs = Math.max(longestMs, nowMs - lastMs)
        lastMs = nowMs
      } catch {
        await pause(5)
      }
    }
  }
  const writers = Array.from({ length: GAP_WRITERS }, writer)
  await pause(CALM_MS)
  longestMs = 0
  await happen()
  await pause(WATCHED_MS)
  longestMs = Math.max(longestMs, performance.now() - lastMs)
  over.abort()
  await Promise.all(writers)
  return longestMs
}

async function failover(
  contenders: readonly Contender[],
  { how, targetMs }: { how: 'SIGKILL' | 'SIGSTOP'; targetMs: number },
): Promise<unknown[]> {
  const gaps = contenders.map((): number[] => [])
  for (let run = 0; run < Number(values.runs); run++) {
    for (const [at, contender] of contenders.entries()) {
      let heal: (() => Promise<void>) | undefined
      gaps[at]?.push(await gapOf(contender, async () => (heal = await contender.disturb(how))))
      await heal?.()
    }
  }
  return tellGaps(`${how} of the leader, longest gap without an answer`, contenders, gaps, targetMs)
}

async function transfers(contenders: readonly Contender[]): Promise<unknown[]> {
  const gaps = contenders.map((): number[] => [])
  for (let run = 0; run < Number(values.runs); run++) {
    for (const [at, contender] of contenders.entries()) {
      gaps[at]?.push(await gapOf(contender, () => contender.transfer()))
    }
  }
  return tellGaps('graceful transfer, longest gap', contenders, gaps, TRANSFER_GAP_MS)
}

function tellGaps(
  title: string,
  contenders: readonly Contender[],
  gaps: readonly (readonly number[])[],
  targetMs: number,
): unknown[] {
  console.log(`\n${title}, ${values.runs} runs`)
  return contenders.map(({ name }, at) => {
    const own = gaps[at] ?? []
    const row = { title, name, medianMs: median(own), maxMs: Math.max(...own), gaps: own }
    const verdict = at > 0 ? '' : held(row.medianMs <= targetMs, `median ≤ ${targetMs} ms`)
    console.log(
      `  ${name.padEnd(9)} median ${row.medianMs.toFixed(0)} ms, ` +
        `${Math.min(...own).toFixed(0)}–${row.maxMs.toFixed(0)} ms${verdict}`,
    )
    return row
  })
}

const held = (isHeld: boolean, target: string): string => `  ${target} ${isHeld ? 'ok' : 'MISSED'}`
const pause = (ms: number): Promise<void> => new Promise(done => void setTimeout(done, ms))

const contenders: Contender[] = [new Holdfast(root)]
if (hasEtcd()) contenders.push(new Etcd(root))
else console.log('no etcd here (Debian: etcd-server, etcd-client), so there is nothing to compare')
const { part } = values
const answers: unknown[] = []
try {
  for (const contender of contenders) await contender.start()
  if (part === undefined || part === 'throughput') answers.push(...(await throughput(contenders)))
  if (part === undefined || part === 'transfer') answers.push(...(await transfers(contenders)))
  if (part === undefined || part === 'kill')
    answers.push(...(await failover(contenders, { how: 'SIGKILL', targetMs: KILL_GAP_MS })))
  if (part === undefined || part === 'stop')
    answers.push(...(await failover(contenders, { how: 'SIGSTOP', targetMs: STOP_GAP_MS })))
  save(part === undefined ? 'consensus' : `consensus-${part}`, answers)
} finally {
  await Promise.all(contenders.map(contender => contender.stop()))
}
