import { Fleet, links } from '../clock/fleet.ts'
import { type OrderRow, orderAt } from '../clock/order.ts'
import { type Experiment, type Findings, quantile, rounded } from './experiment.ts'

const HOUR_MS = 3_600_000
const LOOK_MS = 7_000
const POLLS_S = [16, 60, 300] as const
const SKEWS_MS = [0, 1, 5, 50, 500] as const
const PEERS = 5
const SERVERS = 4

interface Accuracy {
  readonly link: string
  readonly servers: number
  readonly pollS: number
  readonly errorP99Ms: number
  readonly boundP50Ms: number
  readonly outside: number
  readonly cpuPpm: number
}

/**
 * Five simulated peers whose clocks run up to 50 ppm wrong, with four servers and with none; what it
 * costs to ask more often; what happens when all sources fall silent; and what skew does to the order
 * of events. Virtual time, seeded; the processor time is real and has the simulator's work in it.
 */
export const clock: Experiment = {
  name: 'clock',
  run: async isQuick => {
    const hours = isQuick ? 0.2 : 1
    const rows: Accuracy[] = []
    for (const link of links)
      for (const servers of [SERVERS, 0])
        for (const pollS of POLLS_S) rows.push(await accuracyOf(link, servers, pollS, hours))
    const outage = await outageOf(isQuick ? 0.2 : 2)
    const order = SKEWS_MS.map(orderAt)
    const of = (servers: number, pollS: number, link: string): Accuracy | undefined =>
      rows.find(row => row.servers === servers && row.pollS === pollS && row.link === link)
    const last = outage.at(-1)
    return {
      values: {
        errorMs: of(SERVERS, 60, 'LAN')?.errorP99Ms ?? Number.NaN,
        boundMs: of(SERVERS, 60, 'LAN')?.boundP50Ms ?? Number.NaN,
        errorJitterMs: of(SERVERS, 60, '5 ms jitter')?.errorP99Ms ?? Number.NaN,
        outside: rows.reduce((sum, row) => sum + row.outside, 0),
        outageHours: rounded(last?.hours ?? 0),
        outageErrorMs: last?.errorMs ?? Number.NaN,
        outageBoundMs: last?.boundMs ?? Number.NaN,
        ...orderValues(order),
      },
      tables: {
        accuracy: {
          head: [
            'link',
            'servers',
            'asked every, s',
            'error p99, ms',
            'bound p50, ms',
            'truth outside the bound',
            'processor, millionths of a core',
          ],
          rows: rows.map(row => [
            row.link,
            String(row.servers),
            String(row.pollS),
            row.errorP99Ms,
            row.boundP50Ms,
            row.outside,
            row.cpuPpm,
          ]),
        },
        order: {
          head: [
            'skew ± ms',
            'as they arrive, %',
            'after the reorder buffer, %',
            'after correction, %',
            'late, %',
          ],
          rows: order.map(({ skewMs, arrival, buffered, corrected, late }) => [
            String(skewMs),
            ...[arrival, buffered, corrected, late].map(share => rounded(share * 100)),
          ]),
        },
      },
      plots: plotsOf(outage, order),
    }
  },
}

const orderValues = (rows: readonly OrderRow[]): Record<string, number> =>
  Object.fromEntries(
    rows.flatMap(({ skewMs, arrival, buffered, corrected }) => [
      [`arrival${skewMs}`, rounded(arrival * 100)],
      [`buffered${skewMs}`, rounded(buffered * 100)],
      [`corrected${skewMs}`, rounded(corrected * 100)],
    ]),
  )

async function accuracyOf(
  link: (typeof links)[number],
  servers: number,
  pollS: number,
  hours: number,
): Promise<Accuracy> {
  const poll = { pollMinMs: pollS * 1000, pollMaxMs: pollS * 1000 }
  const fleet = new Fleet({ peers: PEERS, servers, link, clock: poll, seed: 1 })
  await fleet.pass(HOUR_MS / 2, LOOK_MS, () => undefined)
  const looks: { errorMs: number; boundMs: number }[] = []
  const before = process.cpuUsage()
  await fleet.pass(hours * HOUR_MS, LOOK_MS, () => looks.push(...fleet.look(servers > 0)))
  const { user, system } = process.cpuUsage(before)
  return {
    link: link.name,
    servers,
    pollS,
    errorP99Ms: rounded(
      quantile(
        looks.map(({ errorMs }) => errorMs),
        0.99,
      ),
    ),
    boundP50Ms: rounded(
      quantile(
        looks.map(({ boundMs }) => boundMs),
        0.5,
      ),
    ),
    outside: looks.filter(({ errorMs, boundMs }) => errorMs > boundMs).length,
    cpuPpm: rounded(((user + system) / (hours * HOUR_MS * 1000) / PEERS) * 1e6),
  }
}

interface Held {
  readonly hours: number
  readonly errorMs: number
  readonly boundMs: number
}

/** The worst of five clocks, every six minutes, from when the servers fall silent. */
async function outageOf(hours: number): Promise<readonly Held[]> {
  const [link] = links
  if (link === undefined) throw new Error('there are no links')
  const fleet = new Fleet({ peers: PEERS, servers: SERVERS, link, clock: {}, seed: 2 })
  await fleet.pass(2 * HOUR_MS, LOOK_MS, () => undefined)
  fleet.silence(true)
  const held: Held[] = []
  const everyHours = 0.1
  for (let at = 0; at <= Math.round(hours / everyHours); at++) {
    const looks = fleet.look(true)
    held.push({
      hours: rounded(at * everyHours),
      errorMs: rounded(Math.max(...looks.map(({ errorMs }) => errorMs))),
      boundMs: rounded(Math.max(...looks.map(({ boundMs }) => boundMs))),
    })
    await fleet.pass(everyHours * HOUR_MS, LOOK_MS, () => undefined)
  }
  return held
}

const plotsOf = (outage: readonly Held[], order: readonly OrderRow[]): Findings['plots'] => ({
  outage: {
    title: 'Without any source of time',
    x: { label: 'hours since the sources fell silent' },
    y: { label: 'milliseconds, the worst of five' },
    lines: [
      { name: 'error', points: outage.map(({ hours: x, errorMs }) => [x, errorMs]) },
      { name: 'bound', points: outage.map(({ hours: x, boundMs }) => [x, boundMs]) },
    ],
  },
  order: {
    title: 'Events out of true order, by the skew of clocks',
    x: { label: 'skew, ± ms' },
    y: { label: '% of events' },
    lines: (['arrival', 'buffered', 'corrected'] as const).map(which => ({
      name: { arrival: 'as they arrive', buffered: 'reordered', corrected: 'corrected' }[which],
      points: order.map(row => [row.skewMs, row[which] * 100] as const),
    })),
  },
})
