import { measureDetection } from '../membership/detection.ts'
import { type Experiment, type Findings, quantile, rounded } from './experiment.ts'
import { peersAt, type TownCost } from './town-cost.ts'

/** How many simulated peers, and how many of them are ended one after the other. */
const SIZES = [
  [3, 20],
  [10, 20],
  [30, 20],
  [100, 20],
  [300, 12],
  [1_000, 6],
] as const
/** Whole peers take more to simulate. */
const TOWNS = [3, 6, 12, 24] as const
const CLOCKS_RIGHT_MS = 20

/**
 * What a peer costs by how many there are: the membership cores of up to a thousand peers, and whole
 * peers at rest, in virtual time, so that the machine does not matter.
 */
export const scale: Experiment = {
  name: 'scale',
  run: async isQuick => {
    const sizes = isQuick ? SIZES.slice(0, 3) : SIZES
    const rows = sizes.map(([size, deaths]) => {
      const setting = { deaths, ending: 'power', clockErrorMs: CLOCKS_RIGHT_MS } as const
      const { idle, firstMs, allMs, falseDeaths } = measureDetection('lan', size, setting)
      const [firstS, allS] = [quantile(firstMs, 0.5) / 1000, quantile(allMs, 0.99) / 1000]
      const { messages, bytes } = idle
      return { size, messages, bytes, firstS, allS, falseDeaths }
    })
    const towns = []
    for (const size of isQuick ? TOWNS.slice(0, 2) : TOWNS) towns.push(await peersAt(size))
    return found(rows, towns)
  },
}

interface Row {
  readonly size: number
  readonly messages: number
  readonly bytes: number
  readonly firstS: number
  readonly allS: number
  readonly falseDeaths: number
}

function found(rows: readonly Row[], towns: readonly TownCost[]): Findings {
  const [first, last] = [rows[0], rows.at(-1)]
  const [smallTown, largeTown] = [towns[0], towns.at(-1)]
  return {
    values: {
      sizeLargest: last?.size ?? 0,
      bytesSmallest: rounded(first?.bytes ?? 0),
      bytesLargest: rounded(last?.bytes ?? 0),
      messagesLargest: rounded(last?.messages ?? 0),
      allLargestS: rounded(last?.allS ?? 0),
      falseDeaths: rows.reduce((sum, row) => sum + row.falseDeaths, 0),
      townSmall: smallTown?.size ?? 0,
      townLarge: largeTown?.size ?? 0,
      cpuSmallPercent: rounded((smallTown?.cpuShare ?? 0) * 100),
      cpuLargePercent: rounded((largeTown?.cpuShare ?? 0) * 100),
    },
    tables: {
      membership: {
        head: [
          'peers',
          'messages/s per peer',
          'bytes/s per peer',
          'first knows, p50 s',
          'all know, p99 s',
          'false deaths',
        ],
        rows: rows.map(row => [
          String(row.size),
          rounded(row.messages),
          rounded(row.bytes),
          rounded(row.firstS),
          rounded(row.allS),
          row.falseDeaths,
        ]),
      },
      peers: {
        head: ['whole peers', 'a core per peer at rest, %', 'MiB of heap per peer'],
        rows: towns.map(({ size, cpuShare, heapMib }) => [
          String(size),
          rounded(cpuShare * 100),
          rounded(heapMib),
        ]),
      },
    },
    plots: plotsOf(rows),
  }
}

const plotsOf = (rows: readonly Row[]): Findings['plots'] => ({
  membership: {
    title: 'Finding out that a peer has died, by the number of peers',
    x: { label: 'peers', isLogarithmic: true },
    y: { label: 'seconds' },
    lines: [
      { name: 'first knows, p50', points: rows.map(({ size, firstS }) => [size, firstS]) },
      { name: 'all know, p99', points: rows.map(({ size, allS }) => [size, allS]) },
    ],
  },
  bytes: {
    title: 'What membership costs a peer at rest',
    x: { label: 'peers', isLogarithmic: true },
    y: { label: 'bytes per second' },
    lines: [{ name: 'sent', points: rows.map(({ size, bytes }) => [size, bytes]) }],
  },
})
