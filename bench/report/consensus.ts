import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { Holdfast } from '../consensus/holdfast.ts'
import { type Experiment, type Findings, quantile, rounded, type Table } from './experiment.ts'
import { type TimedOptions, TimedGroups } from './timed-group.ts'

const CLIENTS = [1, 16, 128] as const
const GROUPS = [1, 4, 16, 64] as const
const READY_MS = 5_000

interface Throughput {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/**
 * Three real peers agree on writes of 200 bytes for a fourth; and cores of three and five in virtual
 * time, where everything else is held still: batching, pipelining, leases, the number of groups,
 * elections, partitions.
 */
export const consensus: Experiment = {
  name: 'consensus',
  run: async isQuick => {
    const real = await realThroughput(isQuick)
    const ways = wayRows(isQuick)
    const groups = GROUPS.slice(0, isQuick ? 2 : 4).map(count => {
      const found = simulated({ peers: 3, groups: count, seed: 3 }, 'propose', 256, isQuick)
      return { count, ...found }
    })
    const reads = ([0, 250] as const).map(leaseMs =>
      simulated({ peers: 3, groups: 1, raft: { leaseMs }, seed: 4 }, 'read', 16, isQuick),
    )
    const elections = ([3, 5] as const).map(peers => electionsOf(peers, isQuick ? 5 : 200))
    const partition = partitionsOf(isQuick ? 5 : 100)
    const most = real.at(-1)
    const way = (name: string): number =>
      ways.find(row => row.name === name)?.perSecond ?? Number.NaN
    return {
      values: {
        real1: real[0]?.perSecond ?? Number.NaN,
        real1Ms: real[0]?.p50Ms ?? Number.NaN,
        realMost: most?.perSecond ?? Number.NaN,
        realMostMs: most?.p50Ms ?? Number.NaN,
        realClients: most?.clients ?? Number.NaN,
        all: way('all of it'),
        noBatch: way('a sync for each write'),
        noPipeline: way('one message under way'),
        none: way('none of it'),
        gain: rounded(way('all of it') / way('none of it')),
        groups1: groups[0]?.perSecond ?? Number.NaN,
        groupsBest: Math.max(...groups.map(({ perSecond }) => perSecond)),
        groupsMost: groups.at(-1)?.perSecond ?? Number.NaN,
        groupsCount: groups.at(-1)?.count ?? Number.NaN,
        readIndexMs: reads[0]?.p50Ms ?? Number.NaN,
        leaseMs: reads[1]?.p50Ms ?? Number.NaN,
        election3Ms: elections[0]?.p50Ms ?? Number.NaN,
        election3WorstMs: elections[0]?.p99Ms ?? Number.NaN,
        election5Ms: elections[1]?.p50Ms ?? Number.NaN,
        partitionMs: partition.p50Ms,
        partitionWorstMs: partition.p99Ms,
        stepDownMs: partition.stepDownMs,
      },
      tables: {
        real: tableOf(
          'clients',
          real.map(row => ({ ...row, name: String(row.clients) })),
        ),
        ways: tableOf('what the cores do', ways),
        groups: tableOf(
          'groups, 256 clients',
          groups.map(row => ({ ...row, name: String(row.count) })),
        ),
        elections: electionTable(elections, partition),
      },
      plots: plotsOf(groups, elections),
    }
  },
}

const tableOf = (what: string, rows: readonly (Throughput & { name: string })[]): Table => ({
  head: [what, 'writes a second', 'p50 ms', 'p99 ms'],
  rows: rows.map(row => [row.name, row.perSecond, row.p50Ms, row.p99Ms]),
})

/** The same load, with parts of what makes it fast turned off. */
function wayRows(isQuick: boolean): readonly (Throughput & { name: string })[] {
  const one: Partial<RaftOptions> = { windowMessagesMax: 1 }
  const single: Partial<RaftOptions> = { messageEntriesMax: 1 }
  const ways: readonly (readonly [string, Pick<TimedOptions, 'raft' | 'gathers'>])[] = [
    ['all of it', {}],
    ['a sync for each write', { gathers: false }],
    ['one entry a message', { raft: single }],
    ['one message under way', { raft: one }],
    ['none of it', { raft: { ...one, ...single }, gathers: false }],
  ]
  return ways.map(([name, how]) => ({
    name,
    ...simulated({ peers: 3, groups: 1, seed: 2, ...how }, 'propose', 64, isQuick),
  }))
}

/** So many clients in virtual time, each with one call at a time, spread over the groups. */
function simulated(
  options: TimedOptions,
  call: 'propose' | 'read',
  clients: number,
  isQuick: boolean,
): Throughput {
  const world = new TimedGroups(options)
  const isReady = (): boolean => world.clusters.every((_, at) => world.leader(at) !== undefined)
  if (!world.run(READY_MS, isReady)) throw new Error('nobody leads')
  world.run(1_000)
  const forMs = isQuick ? 100 : 250
  const endMs = world.nowMs + forMs
  const tookMs: number[] = []
  const client = (group: number): void => {
    const startMs = world.nowMs
    if (startMs >= endMs) return
    world[call](group, () => {
      tookMs.push(world.nowMs - startMs)
      client(group)
    })
  }
  for (let at = 0; at < clients; at++) world.after(at * 0.01, () => client(at % options.groups))
  world.run(forMs)
  return {
    perSecond: rounded((tookMs.length * 1000) / forMs),
    p50Ms: rounded(quantile(tookMs, 0.5)),
    p99Ms: rounded(quantile(tookMs, 0.99)),
  }
}

interface Elections {
  readonly peers: number
  readonly tookMs: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Partitions {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly stepDownMs: number
  readonly stepDownWorstMs: number
}

/** From the leader's death to the next write that is agreed on. */
function electionsOf(peers: number, runs: number): Elections {
  const tookMs = Array.from(
    { length: runs },
    (_, run) => gapAfter(peers, run, (world, leader) => world.crash(leader)).tookMs,
  )
  return {
    peers,
    tookMs: tookMs.map(rounded),
    p50Ms: rounded(quantile(tookMs, 0.5)),
    p99Ms: rounded(quantile(tookMs, 0.99)),
  }
}

function partitionsOf(runs: number): Partitions {
  const all = Array.from({ length: runs }, (_, run) =>
    gapAfter(5, 1_000 + run, (world, leader) => world.isolate(leader)),
  )
  const took = all.map(({ tookMs }) => tookMs)
  const down = all.map(({ stepDownMs }) => stepDownMs)
  return {
    p50Ms: rounded(quantile(took, 0.5)),
    p99Ms: rounded(quantile(took, 0.99)),
    stepDownMs: rounded(quantile(down, 0.5)),
    stepDownWorstMs: rounded(quantile(down, 0.99)),
  }
}

function gapAfter(
  peers: number,
  seed: number,
  befall: (world: TimedGroups, leader: string) => void,
): { readonly tookMs: number; readonly stepDownMs: number } {
  const world = new TimedGroups({ peers, groups: 1, seed: seed + 1 })
  if (!world.run(READY_MS, () => world.leader(0) !== undefined)) throw new Error('nobody leads')
  world.run(500 + seed * 7)
  const old = world.leader(0)
  if (old === undefined) throw new Error('nobody leads')
  const startMs = world.nowMs
  befall(world, old.id)
  let doneMs = Number.NaN
  let stepDownMs = Number.NaN
  world.propose(0, () => (doneMs = world.nowMs))
  world.run(READY_MS, () => {
    if (Number.isNaN(stepDownMs) && old.raft?.role !== 'leader') stepDownMs = world.nowMs - startMs
    return !Number.isNaN(doneMs) && !Number.isNaN(stepDownMs)
  })
  return { tookMs: doneMs - startMs, stepDownMs }
}

async function realThroughput(
  isQuick: boolean,
): Promise<readonly (Throughput & { readonly clients: number })[]> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-report-'))
  const network = new Holdfast(folder)
  try {
    await network.start()
    await load(network, 16, isQuick ? 300 : 4_000)
    const rows = []
    for (const clients of isQuick ? [1, 16] : CLIENTS)
      rows.push({ clients, ...(await load(network, clients, isQuick ? 300 : 4_000)) })
    return rows
  } finally {
    await network.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

const VALUE = new Uint8Array(200).fill(7)
const KEYS = 10_000
let number = 0

async function load(network: Holdfast, clients: number, forMs: number): Promise<Throughput> {
  const startMs = performance.now()
  const tookMs: number[] = []
  const client = async (): Promise<void> => {
    for (let now = startMs; now - startMs < forMs;) {
      await network.put(`key-${number++ % KEYS}`, VALUE, 5_000)
      const doneMs = performance.now()
      tookMs.push(doneMs - now)
      now = doneMs
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return {
    perSecond: rounded((tookMs.length * 1000) / (performance.now() - startMs)),
    p50Ms: rounded(quantile(tookMs, 0.5)),
    p99Ms: rounded(quantile(tookMs, 0.99)),
  }
}

const plotsOf = (
  groups: readonly (Throughput & { count: number })[],
  elections: readonly Elections[],
): Findings['plots'] => ({
  groups: {
    title: 'Writes a second by the number of groups, one disk per peer',
    x: { label: 'groups', isLogarithmic: true },
    y: { label: 'writes a second' },
    lines: [
      { name: '256 clients', points: groups.map(row => [row.count, row.perSecond] as const) },
    ],
  },
  elections: {
    title: 'Time without a leader after it has died',
    x: { label: 'ms' },
    y: { label: '% of deaths that are over' },
    lines: elections.map(({ peers, tookMs }) => ({
      name: `${peers} peers`,
      points: tookMs
        .toSorted((a, b) => a - b)
        .map((ms, at) => [ms, ((at + 1) / tookMs.length) * 100] as const)
        .filter((_, at) => at % Math.ceil(tookMs.length / 40) === 0),
    })),
  },
})

const electionTable = (elections: readonly Elections[], partition: Partitions): Table => ({
  head: ['after the leader has gone', 'p50 ms', 'p99 ms'],
  rows: [
    ['three peers: next write is agreed on', elections[0]?.p50Ms ?? '', elections[0]?.p99Ms ?? ''],
    ['five peers: next write is agreed on', elections[1]?.p50Ms ?? '', elections[1]?.p99Ms ?? ''],
    ['leader cut off: the others agree on a write', partition.p50Ms, partition.p99Ms],
    ['leader cut off: it stops leading', partition.stepDownMs, partition.stepDownWorstMs],
  ],
})
