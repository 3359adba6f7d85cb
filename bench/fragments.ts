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
import fs from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import blake from '@napi-rs/blake-hash'

import { formatFragmentId } from '../src/erasure/fragment-id.ts'
import type { Hasher } from '../src/erasure/hash.ts'
import { leafOf, rootOf } from '../src/erasure/leaves.ts'
import { fragmentNames } from '../src/node/fragment-names.ts'
import { systemClock, systemRandom } from '../src/node/system.ts'
import { openDisk } from '../src/storage/disk.ts'
import { FragmentStore } from '../src/storage/fragment-store.ts'
import { LevelKeyValue } from '../src/storage/level-key-value.ts'
import { ask, type Measured, save } from './harness.ts'

const CELL_BYTES = 65_536
/** A put of the one and of the other kind must not find what an earlier one left. */
let lastNumber = 0

const blake3: Hasher = { algorithm: 'blake3', hash: bytes => blake.blake3(bytes) }
const names = fragmentNames({ blake3, 'sha2-256': blake3 })
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

interface OpenStore {
  readonly store: FragmentStore
  readonly close: () => Promise<void>
}

async function openStore(name: string): Promise<OpenStore> {
  const directory = join(root, name)
  fs.mkdirSync(directory, { recursive: true })
  const keyValue = await LevelKeyValue.open(join(directory, 'keys'))
  const store = await FragmentStore.open({
    disk: openDisk(directory),
    keyValue,
    names,
    clock: systemClock,
    random: systemRandom(),
    networkId: new Uint8Array(32),
  })
  return { store, close: () => keyValue.close() }
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

/** Fills a store with small fragments, then opens it and looks at it. */
async function measureOpening(fragments: number) {
  const filled = await openStore('many')
  const template = new Uint8Array(64)
  for (let done = 0; done < fragments; done += 250) {
    const batch = Array.from({ length: 250 }, () => newFragment(template))
    await Promise.all(batch.map(fragment => put(filled.store, fragment)))
  }
  await filled.close()
  const rssBefore = process.memoryUsage().rss
  const start = performance.now()
  const opened = await openStore('many')
  const openMs = performance.now() - start
  const rssMiB = (process.memoryUsage().rss - rssBefore) / 1_048_576
  const held = opened.store.usage.fragments
  await opened.close()
  console.log(`\nopening a store of ${held} fragments`)
  console.log(`  ${openMs.toFixed(0)} ms, ${rssMiB.toFixed(0)} MiB more than before`)
  return { title: 'opening', fragments: held, openMs, rssMiB }
}

const { values } = parseArgs({
  options: { fragments: { type: 'string', default: '1000000' } },
  allowPositionals: true,
})

try {
  fs.mkdirSync(join(root, 'raw'))
  const { store, close } = await openStore('store')
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
