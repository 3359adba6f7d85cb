/**
 * How fast are encoding, rebuilding, and the whole way from plaintext to named fragments? Against
 * `reed-solomon-erasure.wasm` used plainly, and against Intel's ISA-L in C where it can be compiled.
 * Rates are megabytes of user data per CPU second of one thread.
 *
 *     npm run bench -- erasure [--gib=10]     the size of the stream that is measured for memory
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { Prng } from '../src/base/prng.ts'
import { compileKernel, createKernel } from '../src/erasure/create-kernel.ts'
import type { HashAlgorithm } from '../src/erasure/hash.ts'
import { plainKernel } from '../src/erasure/kernel-bytes.ts'
import type { LinearKernel } from '../src/erasure/kernel.ts'
import { CELL_BYTES, segmentLayout } from '../src/erasure/layout.ts'
import { CELL_STRIDE_BYTES } from '../src/erasure/leaves.ts'
import { LinearCodec } from '../src/erasure/linear-codec.ts'
import { sealedBytes, UNIT_PLAIN_BYTES } from '../src/erasure/sealing.ts'
import { CellGrid } from '../src/node/coder/cell-grid.ts'
import { createUnitKey } from '../src/node/coder/data-key.ts'
import { type Hashers, loadHashers } from '../src/node/coder/hashers.ts'
import { StripeCoder } from '../src/node/coder/stripe-coder.ts'
import { duringCpu } from './erasure/cpu-time.ts'
import { buildIsaL } from './erasure/isa-l.ts'
import { createSubspace, plainPipeline, reconstructor } from './erasure/subspace.ts'
import { type Answer, ask, during, median, save, type Variant } from './harness.ts'

const MEGA = 1e6
const is22 = process.versions.node.startsWith('22.')
/** Least ratios by version of Node: V8 of 24 runs the reference faster. */
const gate = (on22: number, on24: number): number => (is22 ? on22 : on24)

const compiled = compileKernel()
if (compiled === undefined) throw new Error('this engine has no WebAssembly SIMD to measure')
const plainBytes = Buffer.from(plainKernel, 'base64')
const relaxed = createKernel(compiled)
const plain = createKernel({ name: 'wasm-simd', module: new WebAssembly.Module(plainBytes) })
const random = new Prng(1)

/** 1 MiB stripes of 10 + 4. */
const [k, m] = [10, 4]
const size = Math.floor(2 ** 20 / k / 64) * 64
const stripeMega = (k * size) / MEGA

const heapCells = (count: number): Uint8Array[] =>
  Array.from({ length: count }, () => random.bytes(size))
const residentCells = ({ arena }: LinearKernel): Uint8Array[] =>
  Array.from({ length: k + m }, (_, at) =>
    arena.subarray(at * CELL_STRIDE_BYTES * 2, at * CELL_STRIDE_BYTES * 2 + size),
  )

const cpu = (name: string, work: () => number): Variant => ({
  name,
  run: sliceMs => duringCpu(sliceMs, work),
})

function encoding(name: string, kernel: LinearKernel, cells: Uint8Array[]): Variant {
  const codec = new LinearCodec(kernel)
  const [data, parity] = [cells.slice(0, k), cells.slice(k)]
  return cpu(name, () => {
    codec.encode(data, parity)
    return stripeMega
  })
}

function subspaceEncoding(): Variant {
  const instance = createSubspace()
  const shards = new Uint8Array((k + m) * size)
  shards.set(random.bytes(k * size))
  return cpu('subspace', () => {
    if (instance.encode(shards, k, m) !== 0) throw new Error('encode fails')
    return stripeMega
  })
}

function reconstruction(lost: number[]): Variant[] {
  const [codec, subspace] = [new LinearCodec(relaxed), reconstructor(k, m, size)]
  const cells = residentCells(relaxed)
  const have = new Map([...cells.entries()].filter(([index]) => !lost.includes(index)))
  const wanted = new Map([...cells.entries()].filter(([index]) => lost.includes(index)))
  return [
    cpu('subspace', () => {
      subspace(lost)
      return stripeMega
    }),
    cpu('kernel', () => {
      codec.reconstruct(k, have, wanted)
      return stripeMega
    }),
  ]
}

const stripes = 2
const pipelineBytes = stripes * 6 * UNIT_PLAIN_BYTES

function pipeline(name: string, hashers: Hashers, hash: HashAlgorithm): Variant {
  const coder = new StripeCoder(new LinearCodec(createKernel(compiled, 0)), hashers)
  const scheme = { k: 6, m: 3 }
  const layout = segmentLayout(6, sealedBytes(pipelineBytes))
  const cells = new Uint8Array(CellGrid.sizeOf(layout, 9))
  const source = random.bytes(pipelineBytes)
  const key = createUnitKey(new Uint8Array(17))
  const place = { firstUnit: 0, firstStripe: 0, isLast: false }
  return cpu(name, () => {
    coder.encode({ type: 'encode', scheme, hash, key, ...place, plain: source, cells })
    return pipelineBytes / MEGA
  })
}

function plainly(): Variant {
  const run = plainPipeline(6, 3, CELL_BYTES)
  const source = random.bytes(pipelineBytes)
  return cpu('subspace + sha2-256', () => {
    run(source)
    return pipelineBytes / MEGA
  })
}

const answers: unknown[] = []
const keep = async (answer: Promise<Answer>): Promise<void> => void answers.push(await answer)

await keep(
  ask({
    title: `Encode (${k},${m}), stripes of 1 MiB`,
    unit: 'MB',
    variants: [
      subspaceEncoding(),
      encoding('kernel, cells in its memory', relaxed, residentCells(relaxed)),
      encoding('kernel, cells copied in and out', relaxed, heapCells(k + m)),
    ],
    targets: {
      'kernel, cells in its memory': gate(14, 11.5),
      'kernel, cells copied in and out': gate(11, 9),
    },
  }),
)
await keep(
  ask({
    title: `Relaxed SIMD, (${k},${m})`,
    unit: 'MB',
    variants: [
      encoding('plain', plain, residentCells(plain)),
      encoding('relaxed', relaxed, residentCells(relaxed)),
    ],
    targets: { relaxed: 1.4 },
  }),
)
for (const [lost, target] of [
  [[0, 1, 2, 3], gate(14, 11.5)],
  [[0], gate(12, 7)],
] as const)
  await keep(
    ask({
      title: `Reconstruct ${lost.length} lost of (${k},${m})`,
      unit: 'MB',
      variants: reconstruction([...lost]),
      targets: { kernel: target },
    }),
  )

const [native, portable] = [await loadHashers(), await loadHashers('portable')]
await keep(
  ask({
    title: 'Pipeline (6,3): encrypt, encode, hash',
    unit: 'MB',
    variants: [
      plainly(),
      pipeline('BLAKE3', native, 'blake3'),
      pipeline('sha2-256', native, 'sha2-256'),
      pipeline('BLAKE3 in WebAssembly', portable, 'blake3'),
    ],
    targets: {
      ...(native.blake3 === 'native' ? { BLAKE3: gate(3.8, 3) } : {}),
      'sha2-256': gate(1.9, 1.7),
      'BLAKE3 in WebAssembly': gate(1.1, 0.9),
    },
  }),
)
if (native.blake3 === 'portable') console.log('  there is no native BLAKE3 for this platform')

const isaL = buildIsaL()
if (typeof isaL === 'string') console.log(`\nIntel ISA-L is not measured: ${isaL}`)
else
  await keep(
    ask({
      title: `Encode (${k},${m}) beside Intel ISA-L, in C (report only)`,
      unit: 'MB',
      variants: [
        { name: 'ISA-L', run: sliceMs => isaL(k, m, size, sliceMs) },
        encoding('kernel', relaxed, residentCells(relaxed)),
      ],
    }),
  )

answers.push(await blocking(), memory())
save('erasure', answers)

/** How long the event loop stands still while a codec has 1 MiB. */
async function blocking(): Promise<unknown> {
  const cells = heapCells(k + m)
  const codec = new LinearCodec(relaxed)
  const callsMs: number[] = []
  await during(500, () => {
    const start = performance.now()
    codec.encode(cells.slice(0, k), cells.slice(k))
    callsMs.push(performance.now() - start)
    return 1
  })
  const ms = median(callsMs)
  const limit = 0.3
  console.log(`\nOne call of the codec with 1 MiB`)
  console.log(
    `  ${ms.toFixed(3)} ms  ${ms <= limit ? '≤' : '>'} ${limit} ${ms <= limit ? 'ok' : 'MISSED'}`,
  )
  return { title: 'One call of the codec with 1 MiB', ms, limit }
}

/** Memory of a long stream, in a process of its own. */
function memory(): unknown {
  const gib = Number(process.argv.find(it => it.startsWith('--gib='))?.slice('--gib='.length) ?? 1)
  const script = join(import.meta.dirname, 'erasure', 'memory.ts')
  const args = [...process.execArgv, script, String(gib)]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const result = JSON.parse(stdout) as Record<'seconds' | 'beforeBytes' | 'peakBytes', number>
  const extra = (result.peakBytes - result.beforeBytes) / 2 ** 20
  const rate = (gib * 2 ** 30) / MEGA / result.seconds
  const limit = 128
  const verdict = extra <= limit ? `≤ ${limit} ok` : `> ${limit} MISSED`
  console.log(`\nStream of ${gib} GiB through a pool of threads, (6,3), dropped at the end`)
  console.log(`  ${extra.toFixed(0)} MiB more than before it  ${verdict}; ${rate.toFixed(0)} MB/s`)
  return { title: 'Memory of a stream', gib, extraMib: extra, limit, megabytesPerSecond: rate }
}
