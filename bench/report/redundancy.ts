import { Prng } from '../../src/base/prng.ts'
import { compileKernel, createKernel } from '../../src/erasure/create-kernel.ts'
import { meanTimeToLoss, nines, unreadableProbability } from '../../src/erasure/durability.ts'
import { segmentLayout } from '../../src/erasure/layout.ts'
import { LinearCodec } from '../../src/erasure/linear-codec.ts'
import type { Scheme } from '../../src/erasure/scheme.ts'
import { sealedBytes, UNIT_PLAIN_BYTES } from '../../src/erasure/sealing.ts'
import { CellGrid } from '../../src/node/coder/cell-grid.ts'
import { createUnitKey } from '../../src/node/coder/data-key.ts'
import { loadHashers } from '../../src/node/coder/hashers.ts'
import { StripeCoder } from '../../src/node/coder/stripe-coder.ts'
import { duringCpu } from '../erasure/cpu-time.ts'
import { median } from '../harness.ts'
import { type Experiment, rounded } from './experiment.ts'

const SCHEMES: readonly Scheme[] = [
  { k: 1, m: 2 },
  { k: 2, m: 1 },
  { k: 4, m: 2 },
  { k: 6, m: 3 },
  { k: 10, m: 4 },
]
const MEGA = 1e6
const CELL_BYTES = 65_536
/** A peer is lost for good once in so many hours, and what it held is whole again after these. */
const FAILURE_HOURS = 8_766
const REPAIR_HOURS = 1
const UPTIME = 0.99
const ROUNDS = 7

interface Row extends Scheme {
  readonly overhead: number
  readonly writeMbs: number
  readonly codeMbs: number
  readonly rebuildMbs: number
  readonly repairBytes: number
  readonly unreadable: number
  readonly nines: number
}

/**
 * What a scheme costs: space, processor time to write (encryption, coding, naming, as a peer does it)
 * and to rebuild as many lost columns as it bears, bytes read to mend one; and what it buys, if peers
 * fail independently.
 */
export const redundancy: Experiment = {
  name: 'redundancy',
  run: async isQuick => {
    const rows: Row[] = []
    for (const scheme of SCHEMES) rows.push(await rowOf(scheme, isQuick ? 30 : 300))
    const of = (k: number): Row | undefined => rows.find(row => row.k === k)
    return {
      values: {
        overhead1: of(1)?.overhead ?? 0,
        overhead10: of(10)?.overhead ?? 0,
        write1: of(1)?.writeMbs ?? 0,
        write4: of(4)?.writeMbs ?? 0,
        write10: of(10)?.writeMbs ?? 0,
        rebuild10: of(10)?.rebuildMbs ?? 0,
        nines4: of(4)?.nines ?? 0,
        nines10: of(10)?.nines ?? 0,
        uptimePercent: UPTIME * 100,
        repairHours: REPAIR_HOURS,
      },
      tables: {
        schemes: {
          head: [
            'scheme',
            'room per byte',
            'write MB/s',
            'coding alone MB/s',
            'rebuild m columns MB/s',
            'bytes read per byte mended',
            'unreadable at 99 % uptime',
            'nines of a year',
          ],
          rows: rows.map(row => [
            `(${row.k}, ${row.m})`,
            row.overhead,
            row.writeMbs,
            row.codeMbs,
            row.rebuildMbs,
            row.repairBytes,
            row.unreadable,
            row.nines,
          ]),
        },
      },
      plots: {
        price: {
          title: 'What safety costs in room',
          x: { label: 'bytes on disks per byte stored' },
          y: { label: 'nines of durability in a year' },
          lines: rows.map(row => ({
            name: `(${row.k}, ${row.m})`,
            points: [[row.overhead, row.nines] as const],
          })),
        },
      },
    }
  },
}

async function rowOf(scheme: Scheme, sliceMs: number): Promise<Row> {
  const { k, m } = scheme
  const rate = (work: () => number): number => {
    duringCpu(sliceMs / 5, work)
    const rates = Array.from({ length: ROUNDS }, () => {
      const { amount, elapsedMs } = duringCpu(sliceMs, work)
      return (amount * 1000) / elapsedMs
    })
    return rounded(median(rates))
  }
  return {
    ...scheme,
    overhead: rounded((k + m) / k),
    writeMbs: rate(await writing(scheme)),
    codeMbs: rate(coding(scheme)),
    rebuildMbs: rate(rebuilding(scheme)),
    repairBytes: k,
    unreadable: rounded(unreadableProbability(scheme, UPTIME)),
    nines: rounded(nines(meanTimeToLoss(scheme, FAILURE_HOURS, REPAIR_HOURS))),
  }
}

function kernelOf(extraBytes?: number): ReturnType<typeof createKernel> {
  const compiled = compileKernel()
  if (compiled === undefined) throw new Error('this engine has no WebAssembly SIMD to measure')
  return createKernel(compiled, extraBytes)
}

/** All that a coding thread does with what is to be stored. */
async function writing(scheme: Scheme): Promise<() => number> {
  const plain = new Prng(1).bytes(scheme.k * 2 * UNIT_PLAIN_BYTES)
  const coder = new StripeCoder(new LinearCodec(kernelOf(0)), await loadHashers())
  const layout = segmentLayout(scheme.k, sealedBytes(plain.length))
  const cells = new Uint8Array(CellGrid.sizeOf(layout, scheme.k + scheme.m))
  const key = createUnitKey(new Uint8Array(17))
  const place = { firstUnit: 0, firstStripe: 0, isLast: false }
  return () => {
    coder.encode({ type: 'encode', scheme, hash: 'blake3', key, ...place, plain, cells })
    return plain.length / MEGA
  }
}

function coding({ k, m }: Scheme): () => number {
  const cells = stripe(k + m)
  const codec = new LinearCodec(kernelOf())
  return () => {
    codec.encode(cells.slice(0, k), cells.slice(k))
    return (k * CELL_BYTES) / MEGA
  }
}

/** As much as may be lost at once, data first. */
function rebuilding({ k, m }: Scheme): () => number {
  const cells = [...stripe(k + m).entries()]
  const codec = new LinearCodec(kernelOf())
  const [wanted, have] = [new Map(cells.slice(0, m)), new Map(cells.slice(m))]
  return () => {
    codec.reconstruct(k, have, wanted)
    return (k * CELL_BYTES) / MEGA
  }
}

const stripe = (count: number): Uint8Array[] => {
  const random = new Prng(2)
  return Array.from({ length: count }, () => random.bytes(CELL_BYTES))
}
