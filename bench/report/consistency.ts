import { setTimeout as sleep } from 'node:timers/promises'

import { codeOf } from '../../src/base/errors.ts'
import type { HoldfastNode } from '../../src/index.ts'
import { startFleet } from '../network/fleet.ts'
import { type Experiment, type Findings, quantile, rounded } from './experiment.ts'

const PEERS = 3
const CLIENTS = [1, 4, 16, 64] as const
const OBJECT_BYTES = 65_536
const BUCKET = 'bench'
const KEYS = 64
/** Peers that share a busy machine may take each other for dead for a moment. */
const TRIES = 50
const PAUSE_MS = 200
const VOTING_MS = 60_000

interface Row {
  readonly what: string
  readonly clients: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Three real peers as processes on this machine, asked by a program that embeds one of them. */
export const consistency: Experiment = {
  name: 'consistency',
  run: async isQuick => {
    const fleet = await startFleet(PEERS)
    const { node } = fleet
    const bytes = new Uint8Array(OBJECT_BYTES).fill(7)
    const small = new Uint8Array(200).fill(7)
    let last = 0
    const place = (): { bucket: string; key: string } => ({
      bucket: BUCKET,
      key: `k${++last % KEYS}`,
    })
    try {
      await untilAllVote(node)
      for (let at = 0; at < KEYS; at++) await patiently(() => node.put(place(), bytes))
      await node.kv.put('known', small)
      const read = async (how: 'linearizable' | 'stale'): Promise<void> => {
        const { body } = await node.get(place(), { consistency: how })
        for await (const _ of body);
      }
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        'index, stale': () => node.head(place(), { consistency: 'stale' }),
        'index, linearizable': () => node.head(place()),
        'object, stale': () => read('stale'),
        'object, linearizable': () => read('linearizable'),
        'write 200 B': () => node.put(place(), small),
        'write 64 KiB': () => node.put(place(), bytes),
      }
      const rows: Row[] = []
      for (const [what, call] of Object.entries(calls)) {
        await measure(what, 4, 300, call)
        for (const clients of isQuick ? [1, 4] : CLIENTS)
          rows.push(await measure(what, clients, isQuick ? 200 : 2000, call))
        // What was written small is to be as large again.
        for (let at = 0; at < KEYS; at++) await patiently(() => node.put(place(), bytes))
      }
      return found(rows)
    } finally {
      await fleet.stop()
    }
  },
}

/** With fewer voters than it is to have, a group would agree with itself alone. */
async function untilAllVote(node: HoldfastNode): Promise<void> {
  for (let left = VOTING_MS / PAUSE_MS; left > 0; left--) {
    const groups = await node.groups()
    const isWhole = groups.map(
      ({ members }) => members.filter(({ role }) => role !== 'learner').length === PEERS,
    )
    if (groups.length >= 2 && isWhole.every(Boolean)) return
    await sleep(PAUSE_MS)
  }
  throw new Error('not all peers vote in time')
}

/** As a program would: what can be tried again is, and its time counts. */
async function patiently(call: () => Promise<unknown>): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      await call()
      return
    } catch (error) {
      const mayPass = ['TOO_FEW_PEERS', 'NO_QUORUM', 'BUSY', 'TIMEOUT'].includes(
        codeOf(error) ?? '',
      )
      if (!mayPass || left === 0) throw error
      await sleep(PAUSE_MS)
    }
  }
}

async function measure(
  what: string,
  clients: number,
  forMs: number,
  call: () => Promise<unknown>,
): Promise<Row> {
  const startMs = performance.now()
  const tookMs: number[] = []
  const client = async (): Promise<void> => {
    for (let now = startMs; now - startMs < forMs;) {
      await patiently(call)
      const doneMs = performance.now()
      tookMs.push(doneMs - now)
      now = doneMs
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const perSecond = (tookMs.length * 1000) / (performance.now() - startMs)
  const [p50Ms, p99Ms] = [quantile(tookMs, 0.5), quantile(tookMs, 0.99)]
  return {
    what,
    clients,
    perSecond: rounded(perSecond),
    p50Ms: rounded(p50Ms),
    p99Ms: rounded(p99Ms),
  }
}

function found(rows: readonly Row[]): Findings {
  const kinds = [...new Set(rows.map(({ what }) => what))]
  const of = (what: string, clients: number): Row | undefined =>
    rows.find(row => row.what === what && row.clients === clients)
  const most = Math.max(...rows.map(({ clients }) => clients))
  return {
    values: {
      most,
      stale1Ms: of('index, stale', 1)?.p50Ms ?? Number.NaN,
      linear1Ms: of('index, linearizable', 1)?.p50Ms ?? Number.NaN,
      staleMost: of('index, stale', most)?.perSecond ?? Number.NaN,
      linearMost: of('index, linearizable', most)?.perSecond ?? Number.NaN,
      readMost: of('object, linearizable', most)?.perSecond ?? Number.NaN,
      write1Ms: of('write 64 KiB', 1)?.p50Ms ?? Number.NaN,
      writeMost: of('write 64 KiB', most)?.perSecond ?? Number.NaN,
      smallMost: of('write 200 B', most)?.perSecond ?? Number.NaN,
    },
    tables: {
      calls: {
        head: ['call', 'at once', 'a second', 'p50 ms', 'p99 ms'],
        rows: rows.map(row => [row.what, String(row.clients), row.perSecond, row.p50Ms, row.p99Ms]),
      },
    },
    plots: {
      throughput: {
        title: 'Calls a second, by how many are made at once',
        x: { label: 'callers', isLogarithmic: true },
        y: { label: 'a second', isLogarithmic: true },
        lines: kinds.map(what => ({
          name: what,
          points: rows
            .filter(row => row.what === what)
            .map(({ clients, perSecond }) => [clients, perSecond] as const),
        })),
      },
      latency: {
        title: 'How long a call takes, p50',
        x: { label: 'callers', isLogarithmic: true },
        y: { label: 'ms', isLogarithmic: true },
        lines: kinds.map(what => ({
          name: what,
          points: rows
            .filter(row => row.what === what)
            .map(({ clients, p50Ms }) => [clients, p50Ms] as const),
        })),
      },
    },
  }
}
