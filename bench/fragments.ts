/**
 * How fast does the fragment store put and get, beside a program that does nothing but write files
 * and sync them?
 *
 * Reference for puts: each fragment in a file of its own, made by open, write, fsync and close, by
 * as many writers; neither its name nor a directory is synced, nothing is hashed, nothing indexed.
 * Reference for gets: the whole file by one open, read and close, from the page cache.
 *
 *     npm run bench -- fragments [--fragments 1000000]
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { formatFragmentId } from '../src/erasure/fragment-id.ts'
import { leafOf, rootOf } from '../src/erasure/leaves.ts'
import type { FragmentStore } from '../src/storage/fragment-store.ts'
import { blake3, openStore } from './fragments/open-store.ts'
import { ask, type Measured, save } from './harness.ts'

const CELL_BYTES = 65_536
/** A put of the one and of the other kind must not find what an earlier one left. */
let lastNumber = 0

const root = fs.mkdtempSync(join(process.cwd(), '.bench-fragments-'))

interface Fragment {
  readonly id: string
  readonly sizeBytes: number
  readonly cells: readonly Uint8Array[]
}

/** A fragment that nobody has; only its first bytes are its own. */
function newFragment(template: Uint8Array<ArrayBuffer>): Fragment {
  const bytes = template.slice()
  new DataView(bytes.buffer).setFloat64(0, ++lastNumber)
  const cells: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += CELL_BYTES) {
    cells.push(bytes.subarray(at, at + CELL_BYTES))
  }
  const leaves = Buffer.concat(cells.map((cell, index) => leafOf(blake3, index, cell)))
  const id = formatFragmentId({ algorithm: 'blake3', digest: rootOf(blake3, leaves) })
  return { id, sizeBytes: bytes.length, cells }
}

const put = (store: FragmentStore, { id, sizeBytes, cells }: Fragment): Promise<unknown> => {
  const segment = new Uint8Array(8)
  new DataView(segment.buffer).setFloat64(0, lastNumber)
  return store.put(id, { segment, index: 0, sizeBytes, sealed: new Uint8Array(200) }, cells)
}

async function writeFile(bytes: Uint8Array): Promise<void> {
  const file = await fs.promises.open(join(root, 'raw', String(++lastNumber)), 'wx')
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, at)).bytesWritten
  }
  await file.sync()
  await file.close()
}

/** Writers that each prepare something, untimed by the others, and then do it; counts the doing. */
async function byWriters<Item>(
  sliceMs: number,
  writers: number,
  items: () => readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<Measured> {
  let amount = 0
  let elapsedMs = 0
  while (elapsedMs < sliceMs) {
    const waiting = [...items()]
    const start = performance.now()
    const next = async (): Promise<void> => {
      for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
        await work(item)
        amount++
      }
    }
    await Promise.all(Array.from({ length: writers }, next))
    elapsedMs += performance.now() - start
  }
  return { amount, elapsedMs }
}

async function measurePuts(store: FragmentStore, sizeBytes: number, writers: number) {
  const template = new Uint8Array(sizeBytes).fill(7)
  const count = Math.max(writers * 2, Math.min(512, Math.ceil((16 << 20) / sizeBytes)))
  const target = { 4_096: writers === 64 ? 10 : undefined, 4_194_304: 0.8 }[sizeBytes]
  const fresh = () => Array.from({ length: count }, () => newFragment(template))
  const same = () => Array.from({ length: count }, () => template)
  const answer = await ask({
    title: `puts of ${sizeBytes / 1024} KiB, ${writers} writer${writers === 1 ? '' : 's'}`,
    unit: 'puts',
    variants: [
      { name: 'a file each + fsync', run: ms => byWriters(ms, writers, same, writeFile) },
      { name: 'store', run: ms => byWriters(ms, writers, fresh, item => put(store, item)) },
    ],
    ...(target === undefined ? {} : { targets: { store: target } }),
  })
  fs.rmSync(join(root, 'raw'), { recursive: true })
  fs.mkdirSync(join(root, 'raw'))
  return answer
}

const readRaw = ({ id }: Fragment): Promise<Uint8Array> =>
  fs.promises.readFile(join(root, 'raw', id))

async function measureGets(store: FragmentStore, sizeBytes: number, readers: number) {
  const fragments = Array.from({ length: 32 }, () => newFragment(new Uint8Array(sizeBytes).fill(9)))
  for (const fragment of fragments) {
    await put(store, fragment)
    fs.writeFileSync(join(root, 'raw', fragment.id), Buffer.concat(fragment.cells))
  }
  const readStore = async ({ id }: Fragment): Promise<void> => {
    let at = 0
    for await (const cell of store.read(id)) at += cell.length
    if (at !== sizeBytes) throw new Error('the store returns all bytes')
  }
  const items = () => fragments
  return ask({
    title: `gets of ${sizeBytes / 1024} KiB, ${readers} reader${readers === 1 ? '' : 's'}`,
    unit: 'gets',
    variants: [
      { name: 'a file each', run: ms => byWriters(ms, readers, items, readRaw) },
      { name: 'store, verified', run: ms => byWriters(ms, readers, items, readStore) },
    ],
  })
}

/** Fills a store with small fragments, then opens it in a process of its own. */
async function measureOpening(fragments: number): Promise<unknown> {
  const directory = join(root, 'many')
  const { store, close } = await openStore(directory)
  const template = new Uint8Array(64)
  let left = fragments
  const writer = async (): Promise<void> => {
    while (left-- > 0) await put(store, newFragment(template))
  }
  await Promise.all(Array.from({ length: 128 }, writer))
  await close()
  const script = join(import.meta.dirname, 'fragments', 'opening.ts')
  const args = [...process.execArgv, script, directory]
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const result = JSON.parse(stdout) as Record<Opening, number>
  const mib = (result.peakBytes - result.beforeBytes) / 2 ** 20
  console.log(`\nOpening a store of ${result.fragments} fragments`)
  console.log(`  ${result.openMs.toFixed(0)} ms, ${mib.toFixed(0)} MiB more than before it`)
  return { title: 'Opening', ...result }
}

type Opening = 'fragments' | 'openMs' | 'beforeBytes' | 'peakBytes'

const { values } = parseArgs({
  options: { fragments: { type: 'string', default: '1000000' } },
  allowPositionals: true,
})

try {
  fs.mkdirSync(join(root, 'raw'))
  const { store, close } = await openStore(join(root, 'store'))
  const answers: unknown[] = []
  for (const sizeBytes of [4_096, 65_536, 4_194_304]) {
    for (const writers of sizeBytes > CELL_BYTES ? [1, 8] : [1, 64]) {
      answers.push(await measurePuts(store, sizeBytes, writers))
    }
    answers.push(await measureGets(store, sizeBytes, 1))
  }
  await close()
  answers.push(await measureOpening(Number(values.fragments)))
  save('fragments', answers)
} finally {
  fs.rmSync(root, { recursive: true, force: true })
}
