/**
 * How soon is a death known, how often is the living taken for dead, what does it cost?
 *
 * Everything but the speed is simulated time: production cores in the lean swarm
 * (`test/sim/membership/lean-swarm.ts`) on links of 0.5 ms + Exp(1 ms), so the machine does not
 * matter. Bytes are those of our messages, without framing, encryption or TCP. Reference for false
 * deaths: the same core with everything of Lifeguard turned off (α5 β1).
 *
 *     npm run bench -- membership [--quick]
 */
import { profiles } from '../src/membership/profile.ts'
import { save } from './harness.ts'
import { type Detection, measureDetection } from './membership/detection.ts'
import { playSlowNodes, plainSwim } from './membership/slow-nodes.ts'
import {
  percentile,
  printRows,
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

function detections(): Detection[] {
  const ask = (
    profile: 'lan' | 'fast' | 'wan',
    size: number,
    ending: 'power' | 'killed',
    deaths: number,
  ): Detection => measureDetection(profile, size, { ending, deaths: several(deaths) })
  const found = [
    ask('lan', 16, 'power', 100),
    ask('lan', 16, 'killed', 100),
    ask('lan', 100, 'power', 100),
    ask('lan', 100, 'killed', 100),
    ask('lan', 1_000, 'power', 20),
    ask('fast', 5, 'power', 100),
    ask('fast', 20, 'power', 200),
    ask('fast', 20, 'killed', 100),
    ask('wan', 100, 'power', 50),
  ]
  printRows('detection, seconds after the death: p50 / p99', [
    [
      'profile',
      'N',
      'ending',
      'deaths',
      'first suspects',
      'first knows',
      'all know',
      'false',
      'msg/s',
      'B/s',
    ],
    ...found.map(
      ({ profile, size, ending, deaths, suspectMs, firstMs, allMs, falseDeaths, idle }) => [
        profile,
        String(size),
        ending,
        String(deaths),
        both(suspectMs),
        both(firstMs),
        both(allMs),
        String(falseDeaths),
        idle.messages.toFixed(2),
        idle.bytes.toFixed(0),
      ],
    ),
  ])
  return found
}

const both = (values: readonly number[]): string =>
  `${seconds(percentile(values, 0.5))} / ${seconds(percentile(values, 0.99))}`

function judgeDetection(found: readonly Detection[]): void {
  const row = (profile: string, size: number, ending = 'power'): Detection =>
    found.find(
      one => one.profile === profile && one.size === size && one.ending === ending,
    ) as Detection
  const p = (values: readonly number[], share: number): number => percentile(values, share) / 1_000
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
    ['SWIM α5β1', plainSwim],
    ['Lifeguard α4β6', profiles.lan],
  ] as const
  const rows = (['messages', 'loop'] as const).flatMap(kind =>
    variants.map(([name, profile]) => ({ name, kind, ...playSlowNodes(profile, kind) })),
  )
  printRows('slow peers, N=100: verdicts "dead"', [
    ['variant', 'blocked', 'all', 'about healthy', 'messages'],
    ...rows.map(({ name, kind, deaths, falseDeaths, messages }) => [
      name,
      kind,
      String(deaths),
      String(falseDeaths),
      `${(messages / 1e6).toFixed(2)} M`,
    ]),
  ])
  const [swim, lifeguard, , loop] = rows
  const ratio = (swim?.falseDeaths ?? 0) / Math.max(1, lifeguard?.falseDeaths ?? 0)
  verdicts.push(
    verdict('slow peers: times fewer false deaths than SWIM', ratio, '≥', 100),
    verdict('slow event loops: false deaths', loop?.falseDeaths ?? Number.NaN, '≤', 0),
  )
  return rows
}

function healing() {
  const cases = [10_000, 120_000, 600_000].flatMap(cutMs => [
    { size: 20, cutMs, healMs: measureHealing(20, cutMs, several(16)) },
    { size: 100, cutMs, healMs: measureHealing(100, cutMs, several(8)) },
  ])
  printRows('half/half partitions: seconds until all know all after mending', [
    ['N', 'cut, s', 'seeds', 'p50', 'max'],
    ...cases.map(({ size, cutMs, healMs }) => [
      String(size),
      String(cutMs / 1_000),
      String(healMs.length),
      seconds(percentile(healMs, 0.5)),
      seconds(Math.max(...healMs)),
    ]),
  ])
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
  const rows = [
    ...[0.05, 0.1, 0.15, 0.2, 0.3].map(loss => measureLoss(loss, { model: 'stream', nodeHours })),
    ...[0.05, 0.2].map(loss => measureLoss(loss, { model: 'datagram', nodeHours: nodeHours / 10 })),
  ]
  printRows('packet loss, N=100, nobody dies', [
    ['model', 'loss', 'node-hours', 'false deaths', 'suspicions per node-hour'],
    ...rows.map(({ model, loss, nodeHours: hours, falseDeaths, suspicions }) => [
      model,
      `${loss * 100} %`,
      hours.toFixed(0),
      String(falseDeaths),
      (suspicions / hours).toFixed(2),
    ]),
  ])
  const kept = rows.filter(({ model, loss }) => model === 'stream' && loss <= 0.2)
  const hours = kept.reduce((sum, row) => sum + row.nodeHours, 0)
  const falseDeaths = kept.reduce((sum, row) => sum + row.falseDeaths, 0)
  verdicts.push(
    verdict('loss up to 20 %: node-hours played', hours, '≥', 1_000),
    verdict('loss up to 20 %: false deaths', falseDeaths, '≤', 0),
  )
  return rows
}

const found = detections()
judgeDetection(found)
const slow = slowNodes()
const healed = healing()
const lost = losses()
const speed = measureSpeed(1_000, 80_000)
verdicts.push(verdict('speed at N=1000, times real time', speed, '≥', 100))
printVerdicts(verdicts)
save('membership', [{ found, slow, healed, lost, speed, verdicts }])
