import { codeOf } from '../../src/base/errors.ts'
import type { HoldfastNode } from '../../src/node/create-node.ts'
import { type Experiment, type Findings, quantile, rounded } from './experiment.ts'
import { BUCKET, type ReportTown, withTown } from './report-town.ts'

const PEERS = 8
const OBJECTS = 30
const OBJECT_BYTES = 200_000
const GRACE_MS = 10_000
/** Repair is watched for so long. */
const WATCHED_MS = 90_000
const LOOK_MS = 1_000

interface Outcome {
  readonly killed: number
  /** Of linearizable reads, in the first seconds and after a while; and of stale ones. */
  readonly readAtOnce: number
  readonly readLater: number
  readonly readStale: number
  /** Until the first linearizable read succeeded again; infinite if none did. */
  readonly outageMs: number
  /** Until every segment could lose what it could before, or as much as the peers left allow. */
  readonly wholeMs: number
  /** What the worst segment could lose, second by second. */
  readonly margins: readonly number[]
}

/**
 * Eight whole peers in the simulated world store objects with four data and three parity fragments.
 * Then 1, 2, 3 and 4 of them lose power at once, and do not come back.
 */
export const failures: Experiment = {
  name: 'failures',
  run: async isQuick => {
    const outcomes: Outcome[] = []
    for (const killed of [1, 2, 3, 4])
      for (let seed = 1; seed <= (isQuick ? 1 : 5); seed++) outcomes.push(await play(killed, seed))
    return found(outcomes)
  },
}

const play = (killed: number, seed: number): Promise<Outcome> =>
  withTown({ size: PEERS, seed, graceMs: GRACE_MS }, async scene => {
    const { world, town } = scene
    const [client] = town.nodes as [HoldfastNode]
    // Until the scheme is that of eight.
    await world.sleep(20_000)
    for (let at = 0; at < OBJECTS; at++)
      await client.put({ bucket: BUCKET, key: `k${at}` }, new Uint8Array(OBJECT_BYTES).fill(at))
    await world.sleep(10_000)
    const before = await worstMargin(client)
    const others = [...town.houses.values()].filter(({ node }) => node !== client)
    const victims = world.random.fork('victims').shuffle(others).slice(0, killed)
    for (const house of victims) town.crash(house, 'power')
    const diedMs = world.nowMs
    const readAtOnce = await shareRead(scene, client)
    const outage = town.until(WATCHED_MS, () => isReadable(client, 'k0'))
    const isBack = await outage
    const outageMs = isBack ? world.nowMs - diedMs : Infinity
    const margins = await watch(scene, client, diedMs)
    const enough = Math.min(before, 2)
    const whole = margins.findIndex((margin, at) => margin >= enough && at * LOOK_MS > GRACE_MS)
    const readLater = await shareRead(scene, client)
    const readStale = await shareRead(scene, client, 'stale')
    const wholeMs = whole < 0 ? Infinity : whole * LOOK_MS
    return { killed, readAtOnce, readLater, readStale, outageMs, wholeMs, margins }
  })

/** What the worst segment could lose, each second; nothing is known while nobody agrees. */
async function watch(
  { world }: ReportTown,
  client: HoldfastNode,
  diedMs: number,
): Promise<readonly number[]> {
  const margins: number[] = []
  for (let at = 0; at * LOOK_MS < WATCHED_MS; at++) {
    const waitMs = diedMs + at * LOOK_MS - world.nowMs
    if (waitMs > 0) await world.sleep(waitMs)
    margins.push(await worstMargin(client))
  }
  return margins
}

async function worstMargin(client: HoldfastNode): Promise<number> {
  try {
    const placements = await Promise.all(
      Array.from({ length: OBJECTS }, (_, at) =>
        client.placement({ bucket: BUCKET, key: `k${at}` }, { consistency: 'stale' }),
      ),
    )
    return Math.min(...placements.flatMap(({ segments }) => segments.map(({ margin }) => margin)))
  } catch {
    return Number.NaN
  }
}

async function shareRead(
  { world }: ReportTown,
  client: HoldfastNode,
  consistency: 'linearizable' | 'stale' = 'linearizable',
): Promise<number> {
  const wait = new AbortController()
  const timer = world.schedule(5_000, () => wait.abort(new Error('too long')))
  const read = await Promise.all(
    Array.from({ length: OBJECTS }, (_, at) =>
      isReadable(client, `k${at}`, consistency, wait.signal),
    ),
  )
  timer.cancel()
  return read.filter(Boolean).length / OBJECTS
}

async function isReadable(
  client: HoldfastNode,
  key: string,
  consistency: 'linearizable' | 'stale' = 'linearizable',
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const { body } = await client.get({ bucket: BUCKET, key }, { consistency, signal })
    let bytes = 0
    for await (const chunk of body) bytes += chunk.length
    return bytes === OBJECT_BYTES
  } catch (error) {
    if (codeOf(error) === undefined && signal?.aborted !== true) throw error
    return false
  }
}

const countsIn = (outcomes: readonly Outcome[]): readonly number[] => [
  ...new Set(outcomes.map(({ killed }) => killed)),
]
const withKilled = (outcomes: readonly Outcome[], killed: number): readonly Outcome[] =>
  outcomes.filter(each => each.killed === killed)
const percent = (values: readonly number[]): number =>
  rounded((values.reduce((sum, value) => sum + value, 0) / values.length) * 100)

interface Row {
  readonly killed: number
  readonly atOnce: number
  readonly later: number
  readonly stale: number
  readonly outageS: number
  readonly worstS: number
  readonly wholeS: number
}

function rowOf(killed: number, all: readonly Outcome[]): Row {
  return {
    killed,
    atOnce: percent(all.map(each => each.readAtOnce)),
    later: percent(all.map(each => each.readLater)),
    stale: percent(all.map(each => each.readStale)),
    outageS: rounded(
      quantile(
        all.map(each => each.outageMs),
        0.5,
      ) / 1000,
    ),
    worstS: rounded(Math.max(...all.map(each => each.outageMs)) / 1000),
    wholeS: rounded(
      quantile(
        all.map(each => each.wholeMs),
        0.5,
      ) / 1000,
    ),
  }
}

function found(outcomes: readonly Outcome[]): Findings {
  const rows = countsIn(outcomes).map(killed => rowOf(killed, withKilled(outcomes, killed)))
  const row = (killed: number): Row | undefined => rows.find(each => each.killed === killed)
  return {
    values: {
      peers: PEERS,
      objects: OBJECTS,
      runs: withKilled(outcomes, 1).length,
      graceS: GRACE_MS / 1000,
      outage1S: row(1)?.outageS ?? Number.NaN,
      outage2S: row(2)?.outageS ?? Number.NaN,
      whole1S: row(1)?.wholeS ?? Number.NaN,
      whole2S: row(2)?.wholeS ?? Number.NaN,
      later2: row(2)?.later ?? Number.NaN,
      later3: row(3)?.later ?? Number.NaN,
      stale3: row(3)?.stale ?? Number.NaN,
      later4: row(4)?.later ?? Number.NaN,
      stale4: row(4)?.stale ?? Number.NaN,
    },
    tables: {
      byCount: {
        head: [
          'peers lost at once',
          'reads that succeed within 5 s, %',
          'after 90 s, %',
          'stale, after 90 s, %',
          'first read after, p50 s',
          'worst s',
          'may lose two again after, p50 s',
        ],
        rows: rows.map(each => [
          String(each.killed),
          each.atOnce,
          each.later,
          each.stale,
          each.outageS,
          each.worstS,
          each.wholeS,
        ]),
      },
    },
    plots: plotsOf(outcomes),
  }
}

const plotsOf = (outcomes: readonly Outcome[]): Findings['plots'] => ({
  margin: {
    title: 'What the worst segment may still lose (median of the runs)',
    x: { label: 'seconds after the loss' },
    y: { label: 'fragments' },
    lines: countsIn(outcomes).map(killed => ({
      name: `${killed} lost`,
      points: Array.from({ length: WATCHED_MS / LOOK_MS }, (_, at): [number, number] => [
        at,
        quantile(
          withKilled(outcomes, killed).map(({ margins }) => margins[at] ?? Number.NaN),
          0.5,
        ),
      ]).filter(([at]) => at % 2 === 0),
    })),
  },
})
