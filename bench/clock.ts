/**
 * How well is time kept, at what cost, and what is it good for?
 *
 * - Accuracy: 5 simulated peers of ±50 ppm keep time for two hours at several poll intervals, over a
 *   LAN and over links with 5 ms jitter, with four NTP servers and with none. Error and bound are
 *   against UTC; without servers against the middle one of the clocks. Reference: the machine's own
 *   clock, which drifts by up to 180 ms an hour.
 * - Outage: two hours without the servers.
 * - CPU: what synchronisation with 20 peers costs, as a share of a core, in parts that are measured
 *   apart: the work of each poll (in virtual time, the simulator's own work included), the looks at
 *   the machine's clocks (in real time), and the questions over UDP and between real peers.
 * - Order: events of 8 peers whose clocks are off: the share that comes behind a later one, as they
 *   arrive, from the reorder buffer, and sorted by corrected time.
 * - Timestamps: how long one takes. Target: a microsecond.
 */
import { Hlc } from '../src/clock/hlc.ts'
import type { ClockService } from '../src/node/clock/clock-service.ts'
import { Fleet, type LinkKind, links } from './clock/fleet.ts'
import { orderAt } from './clock/order.ts'
import { peerExchangeMs, udpExchangeMs } from './clock/transport.ts'
import { watchShare, withRealService } from './clock/watch.ts'
import { ask, during, save } from './harness.ts'

const HOUR_MS = 3_600_000
const WARM_UP_MS = HOUR_MS / 2
const MEASURED_MS = 1.5 * HOUR_MS
const LOOK_EVERY_MS = 7_000
const SEEDS = [1, 2]
const CPU_TARGET = 0.5

const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
const ms = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(1))
const percent = (share: number): string => `${(share * 100).toFixed(3)} %`

/** Columns as wide as they need be. */
function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((name, at) =>
    Math.max(name.length, ...rows.map(row => (row[at] ?? '').length)),
  )
  console.log(`\n${title}`)
  for (const row of [head, ...rows]) {
    console.log(`  ${row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')}`)
  }
}

interface Accuracy {
  readonly link: string
  readonly servers: number
  readonly poll: string
  readonly errorP50Ms: number
  readonly errorP99Ms: number
  readonly boundP50Ms: number
  readonly boundP99Ms: number
  readonly outside: number
  readonly cpuShare: number
}

async function accuracyOf(
  link: LinkKind,
  servers: number,
  poll: { name: string; minMs: number; maxMs: number },
): Promise<Accuracy> {
  const looks: { errorMs: number; boundMs: number }[] = []
  let [cpuUs, virtualMs] = [0, 0]
  for (const seed of SEEDS) {
    const clock = { pollMinMs: poll.minMs, pollMaxMs: poll.maxMs }
    const fleet = new Fleet({ peers: 5, servers, link, clock, seed })
    await fleet.pass(WARM_UP_MS, LOOK_EVERY_MS, () => undefined)
    const before = process.cpuUsage()
    await fleet.pass(MEASURED_MS, LOOK_EVERY_MS, () => looks.push(...fleet.look(servers > 0)))
    const { user, system } = process.cpuUsage(before)
    cpuUs += user + system
    virtualMs += MEASURED_MS * fleet.services.length
  }
  const errors = looks.map(({ errorMs }) => errorMs)
  const bounds = looks.map(({ boundMs }) => boundMs)
  return {
    link: link.name,
    servers,
    poll: poll.name,
    errorP50Ms: quantile(errors, 0.5),
    errorP99Ms: quantile(errors, 0.99),
    boundP50Ms: quantile(bounds, 0.5),
    boundP99Ms: quantile(bounds, 0.99),
    outside: looks.filter(({ errorMs, boundMs }) => errorMs > boundMs).length,
    cpuShare: cpuUs / 1_000 / virtualMs,
  }
}

async function accuracy(): Promise<Accuracy[]> {
  const polls = [
    { name: '16 s', minMs: 16_000, maxMs: 16_000 },
    { name: '16–60 s', minMs: 16_000, maxMs: 60_000 },
    { name: '60 s', minMs: 60_000, maxMs: 60_000 },
    { name: '300 s', minMs: 300_000, maxMs: 300_000 },
  ]
  const rows: Accuracy[] = []
  for (const link of links) {
    for (const servers of [4, 0]) {
      for (const poll of polls) rows.push(await accuracyOf(link, servers, poll))
    }
  }
  table(
    'accuracy in ms, 5 peers, 2 h (16–60 s is the default)',
    ['link', 'NTP', 'poll', 'err p50', 'err p99', 'bound p50', 'bound p99', 'outside', 'CPU'],
    rows.map(row => [
      row.link,
      row.servers > 0 ? 'yes' : 'no',
      row.poll,
      ...[row.errorP50Ms, row.errorP99Ms, row.boundP50Ms, row.boundP99Ms].map(ms),
      String(row.outside),
      percent(row.cpuShare),
    ]),
  )
  return rows
}

async function outage(): Promise<unknown[]> {
  const rows = []
  for (const link of links) {
    const worst = { errorMs: 0, boundMs: 0 }
    for (const seed of SEEDS) {
      const fleet = new Fleet({ peers: 5, servers: 4, link, clock: {}, seed })
      await fleet.pass(2 * HOUR_MS, LOOK_EVERY_MS, () => undefined)
      fleet.silence(true)
      await fleet.pass(2 * HOUR_MS, LOOK_EVERY_MS, () => {
        for (const { errorMs, boundMs } of fleet.look(true)) {
          worst.errorMs = Math.max(worst.errorMs, errorMs)
          worst.boundMs = Math.max(worst.boundMs, boundMs)
        }
      })
    }
    rows.push({ link: link.name, ...worst })
  }
  table(
    'worst after 2 h without servers, in ms',
    ['link', 'error', 'bound'],
    rows.map(({ link, errorMs, boundMs }) => [link, ms(errorMs), ms(boundMs)]),
  )
  return rows
}

async function cpu(): Promise<unknown> {
  const link = links[0] as LinkKind
  const fleet = new Fleet({ peers: 20, servers: 4, link, clock: {}, seed: 1 })
  await fleet.pass(WARM_UP_MS, LOOK_EVERY_MS, () => undefined)
  const before = process.cpuUsage()
  await fleet.pass(HOUR_MS, HOUR_MS, () => undefined)
  const { user, system } = process.cpuUsage(before)
  const pollShare = (user + system) / 1_000 / (HOUR_MS * 20)
  const watch = await watchShare()
  // A poll a minute asks each server 8 times, and each of 4 peers 4 times. Others ask as often.
  const [serverRate, peerRate] = [(8 * 4) / 60, (4 * 4) / 60]
  const serverShare = (serverRate * (await udpExchangeMs())) / 1_000
  const peerShare = (peerRate * (await peerExchangeMs())) / 1_000
  const total = pollShare + watch + serverShare + peerShare
  table(
    'CPU of a core at defaults, 20 peers and 4 servers',
    ['part', 'share'],
    [
      ['polls: core, driver, simulated transport', percent(pollShare)],
      ['an idle process that looks at its clocks 10 times a second', percent(watch)],
      [`${serverRate.toFixed(2)} questions/s over UDP, both ends`, percent(serverShare)],
      [`${peerRate.toFixed(2)} questions/s between peers, both ends`, percent(peerShare)],
      ['together', `${percent(total)}${total * 100 <= CPU_TARGET ? ' ok' : ' MISSED'}`],
    ],
  )
  return { pollShare, watch, serverShare, peerShare, total, target: CPU_TARGET / 100 }
}

function order(): unknown[] {
  const rows = [0, 1, 5, 50, 500].map(orderAt)
  table(
    'events out of true order, 8 sources × 20/s, 2 ms + Exp(20 ms), stalls of 2 s',
    ['skew ± ms', 'as they arrive', 'reorder buffer', 'corrected', 'late'],
    rows.map(({ skewMs, arrival, buffered, corrected, late }) => [
      String(skewMs),
      ...[arrival, buffered, corrected, late].map(percent),
    ]),
  )
  return rows
}

async function timestamps(service: ClockService): Promise<unknown> {
  const hlc = new Hlc()
  hlc.setMark(Number.MAX_SAFE_INTEGER)
  const batch = 1_000
  let ptMs = 1_767_225_600_000
  const repeat = (work: () => void) => (sliceMs: number) =>
    during(sliceMs, () => {
      for (let at = 0; at < batch; at++) work()
      return batch
    })
  const answer = await ask({
    title: 'timestamps',
    unit: 'ops',
    variants: [
      { name: 'Date.now()', run: repeat(() => void Date.now()) },
      { name: 'tick', run: repeat(() => void hlc.tick((ptMs += 0.01))) },
      {
        name: 'stamp of a running peer',
        run: repeat(() => void service.tryStamp()),
      },
      {
        name: 'receive',
        run: repeat(() => void hlc.receive({ ms: Math.floor(ptMs), count: 3 }, (ptMs += 0.01))),
      },
    ],
  })
  for (const { name, perSecond } of answer.rows.slice(1)) {
    const ns = 1e9 / perSecond
    console.log(`  ${name}: ${ns.toFixed(0)} ns${ns <= 1_000 ? ' ok' : ' MISSED: over 1 µs'}`)
  }
  return answer
}

const stamped = await withRealService(timestamps)
const ordered = order()
const cost = await cpu()
const held = await outage()
const kept = await accuracy()
save('clock', [{ stamped, ordered, cost, held, kept }])
