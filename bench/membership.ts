/**
 * How soon is a death known, how often is the living taken for dead, what does it cost?
 *
 * Everything but the speed is simulated time: production cores in the lean swarm
 * (`test/sim/membership/lean-swarm.ts`) on links of 0.5 ms + Exp(1 ms), so the machine does not
 * matter. Clocks are right within 20 ms, but in the row that says otherwise. Bytes are those of our messages, without framing, encryption or TCP. Reference for false
 * deaths: the same core with everything of Lifeguard turned off (α5 β1).
 *
 *     npm run bench -- membership [--quick] [--only=detection,slow,healing,loss,speed]
 */
import { profiles } from '../src/membership/profile.ts'
import { save } from './harness.ts'
import { type Detection, measureDetection } from './membership/detection.ts'
import { playSlowNodes, plainSwim } from './membership/slow-nodes.ts'
import {
  percentile,
  openTable,
  printVerdicts,
  seconds,
  type Verdict,
  verdict,
} from './membership/table.ts'
import { measureHealing, measureLoss, measureSpeed } from './membership/troubles.ts'

/** A tenth of everything, to see that it runs. */
const share = process.argv.includes('--quick') ? 0.1 : 1
const several = (count: number): number => Math.max(1, Math.round(count * share))
const verdicts: Verdict[] = []
const CLOCKS_RIGHT_MS = 20
/** Probes are then no more even than chance makes them. */
const CLOCKS_APART_MS = 3_600_000

function detections(): Detection[] {
  const print = openTable('detection, seconds after the death: p50 / p99', [
    'profile',
    '   N',
    'ending',
    'clocks ±s',
    'deaths',
    'first suspects',
    ' first knows ',
    '   all know  ',
    'false',
    'msg/s',
    'B/s',
  ])
  const cases = [
    ['lan', 16, 'power', 100],
    ['lan', 16, 'killed', 100],
    ['lan', 100, 'power', 100],
    ['lan', 100, 'killed', 100],
    ['lan', 1_000, 'power', 12],
    ['fast', 5, 'power', 100],
    ['fast', 20, 'power', 100],
    ['fast', 20, 'killed', 100],
    ['wan', 100, 'power', 50],
    ['lan', 100, 'power', 100, CLOCKS_APART_MS],
  ] as const
  return cases.map(([profile, size, ending, count, clockErrorMs = CLOCKS_RIGHT_MS]) => {
    const deaths = several(count)
    const found = measureDetection(profile, size, { ending, deaths, clockErrorMs })
    print([
      profile,
      String(size),
      ending,
      String(clockErrorMs / 1_000),
      String(found.deaths),
      both(found.suspectMs),
      both(found.firstMs),
      both(found.allMs),
      String(found.falseDeaths),
      found.idle.messages.toFixed(2),
      found.idle.bytes.toFixed(0),
    ])
    return found
  })
}

const both = (values: readonly number[]): string =>
  `${seconds(percentile(values, 0.5))} / ${seconds(percentile(values, 0.99))}`

const p = (values: readonly number[], rank: number): number => percentile(values, rank) / 1_000

function judgeDetection(found: readonly Detection[]): void {
  const row = (profile: string, size: number, ending = 'power'): Detection =>
    found.find(
      one => one.profile === profile && one.size === size && one.ending === ending,
    ) as Detection
  const hundred = row('lan', 100)
  const thousand = row('lan', 1_000)
  verdicts.push(
    verdict('lan N=100: first suspects p50, s', p(hundred.suspectMs, 0.5), '≤', 2.5),
    verdict('lan N=100: first knows p99, s', p(hundred.firstMs, 0.99), '≤', 13),
    verdict('lan N=100: from first to all p99, s', p(hundred.spreadMs, 0.99), '≤', 1),
    verdict('lan N=1000: first knows p99, s', p(thousand.firstMs, 0.99), '≤', 17.5),
    verdict('lan N=1000: all know p99, s', p(thousand.allMs, 0.99), '≤', 18),
    verdict('fast N=20, power: all know p50, s', p(row('fast', 20).allMs, 0.5), '≤', 4.5),
    verdict('fast N=20, power: all know p99, s', p(row('fast', 20).allMs, 0.99), '≤', 4.5),
    verdict(
      'fast N=20, killed: all know p99, s',
      p(row('fast', 20, 'killed').allMs, 0.99),
      '≤',
      4.5,
    ),
    verdict(
      'false deaths beside real ones',
      found.reduce((sum, one) => sum + one.falseDeaths, 0),
      '≤',
      0,
    ),
    verdict('idle messages per s, N=1000', thousand.idle.messages, '≤', 3),
    verdict('idle bytes per s, N=1000', thousand.idle.bytes, '≤', 512),
    verdict(
      'idle bytes, N=1000 to N=16',
      thousand.idle.bytes / row('lan', 16).idle.bytes,
      '≤',
      1.5,
    ),
  )
}

function slowNodes() {
  const variants = [
    ['SWIM α5β1', plainSwim, 'messages'],
    ['Lifeguard α4β6', profiles.lan, 'messages'],
    ['Lifeguard α4β6', profiles.lan, 'loop'],
  ] as const
  const print = openTable('slow peers, N=100: verdicts "dead"', [
    '       variant',
    ' blocked',
    '     all',
    'about healthy',
    'messages',
  ])
  const rows = variants.map(([name, profile, kind]) => {
    const played = playSlowNodes(profile, kind, share < 1)
    const { deaths, falseDeaths, messages } = played
    print([name, kind, String(deaths), String(falseDeaths), `${(messages / 1e6).toFixed(2)} M`])
    return { name, kind, ...played }
  })
  const [swim, lifeguard, loop] = rows
  const ratio = (swim?.falseDeaths ?? 0) / Math.max(1, lifeguard?.falseDeaths ?? 0)
  verdicts.push(
    verdict('slow peers: times fewer false deaths than SWIM', ratio, '≥', 100),
    verdict('slow event loops: false deaths', loop?.falseDeaths ?? Number.NaN, '≤', 0),
  )
  return rows
}

function healing() {
  const print = openTable('half/half partitions: seconds until all know all after mending', [
    '  N',
    'cut, s',
    'seeds',
    '  p50',
    '  max',
  ])
  const settings = [10_000, 120_000, 600_000].flatMap(cutMs => [
    { size: 20, cutMs, seeds: several(12) },
    { size: 100, cutMs, seeds: several(6) },
  ])
  const cases = settings.map(({ size, cutMs, seeds }) => {
    const healMs = measureHealing(size, cutMs, seeds)
    const times = [seconds(percentile(healMs, 0.5)), seconds(Math.max(...healMs))]
    print([String(size), String(cutMs / 1_000), String(seeds), ...times])
    return { size, cutMs, healMs }
  })
  const worst = (of: typeof cases): number =>
    Math.max(...of.flatMap(({ healMs }) => healMs)) / 1_000
  verdicts.push(
    verdict('healing after 10, 120, 600 s, worst, s', worst(cases), '≤', 15),
    verdict(
      'healing after 600 s, worst, s',
      worst(cases.filter(({ cutMs }) => cutMs === 600_000)),
      '≤',
      10,
    ),
  )
  return cases
}

function losses() {
  const nodeHours = 260 * share
  const print = openTable('packet loss, N=100, nobody dies', [
    '   model',
    'loss',
    'node-hours',
    'false deaths',
    'suspicions per node-hour',
  ])
  const cases = [
    ...[0.05, 0.1, 0.15, 0.2, 0.3].map(loss => ({ loss, model: 'stream' as const, nodeHours })),
    ...[0.05, 0.2].map(loss => ({ loss, model: 'datagram' as const, nodeHours: nodeHours / 10 })),
  ]
  const rows = cases.map(({ loss, model, nodeHours: hours }) => {
    const found = measureLoss(loss, { model, nodeHours: hours })
    const rate = (found.suspicions / hours).toFixed(2)
    print([model, `${loss * 100} %`, hours.toFixed(0), String(found.falseDeaths), rate])
    return found
  })
  const kept = rows.filter(({ model, loss }) => model === 'stream' && loss <= 0.2)
  const hours = kept.reduce((sum, row) => sum + row.nodeHours, 0)
  const falseDeaths = kept.reduce((sum, row) => sum + row.falseDeaths, 0)
  verdicts.push(
    verdict('loss up to 20 %: node-hours played', hours, '≥', 1_000),
    verdict('loss up to 20 %: false deaths', falseDeaths, '≤', 0),
  )
  return rows
}

const parts: Readonly<Record<string, () => unknown>> = {
  detection: () => {
    const found = detections()
    judgeDetection(found)
    return found
  },
  slow: slowNodes,
  healing,
  loss: losses,
  speed: () => {
    const speed = measureSpeed(1_000, 80_000)
    verdicts.push(verdict('speed at N=1000, times real time', speed, '≥', 100))
    return speed
  },
}

const only = process.argv.filter(argument => argument.startsWith('--only='))
const chosen = only.flatMap(argument => argument.slice('--only='.length).split(','))
const answers = Object.entries(parts)
  .filter(([name]) => chosen.length === 0 || chosen.includes(name))
  .map(([name, run]) => ({ name, answer: run() }))
printVerdicts(verdicts)
if (chosen.length === 0) save('membership', [{ answers, verdicts }])
