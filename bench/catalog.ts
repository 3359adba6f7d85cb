/**
 * What does the index cost a voter, and how long do answers take, with many objects in one group?
 *
 *     npm run bench -- catalog [--objects=1000000] [--directory=PATH]
 *
 * A directory that is named is kept, and filled only once: the next run goes on, or only asks.
 *
 * Every object has one segment of six fragments (k = 4, m = 2) under a key of its own in ten
 * buckets: some eleven rows each. It is put by the same commands that a group's log carries, over
 * LevelDB as in a voter. Reference for lists is reading the same 1,000 rows from LevelDB and doing
 * nothing with them, for puts writing the same rows in the same batches.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { fromUtf8 } from '../src/base/bytes.ts'
import { Prng } from '../src/base/prng.ts'
import { proposals } from '../src/catalog/command-codec.ts'
import { type Command, NO_CONDITIONS } from '../src/catalog/commands.ts'
import { bucketPosition } from '../src/catalog/position.ts'
import { ask as inquire } from '../src/catalog/queries.ts'
import { getObject, listObjects } from '../src/catalog/query-objects.ts'
import { segmentsOf } from '../src/catalog/query-upkeep.ts'
import type { Program } from '../src/catalog/rows.ts'
import { rowAt } from '../src/catalog/tables.ts'
import type { Workspace } from '../src/catalog/workspace.ts'
import { CatalogStore, type Entry, TURN_ENTRIES_MAX } from '../src/node/catalog/catalog-store.ts'
import { LevelKeyValue } from '../src/storage/level-key-value.ts'
import { median, save } from './harness.ts'

const GROUP = 1
const BUCKETS = 10
const SEATS = 20
const SAMPLES = 300
const DEFAULT_OBJECTS = 1_000_000

const option = (name: string): string | undefined =>
  process.argv.find(argument => argument.startsWith(`--${name}=`))?.slice(name.length + 3)
const objects = Number(option('objects') ?? DEFAULT_OBJECTS)
const directory = option('directory')
const root = directory ?? mkdtempSync(join(process.cwd(), '.bench-catalog-'))
mkdirSync(root, { recursive: true })
const keyValue = await LevelKeyValue.open(join(root, 'keys'))
const store = new CatalogStore(keyValue)
const random = new Prng(1)

const bucketOf = (number: number): string => `bucket-${number % BUCKETS}`
const keyOf = (number: number): string =>
  `folder-${Math.floor(number / 1_000) % 1_000}/photo-${String(number).padStart(9, '0')}.jpg`

function putOf(number: number): Command {
  const id = new Uint8Array(16)
  new DataView(id.buffer).setUint32(0, number * 2_654_435_761)
  new DataView(id.buffer).setUint32(12, number)
  const fragments = Array.from({ length: 6 }, (_, at) => ({
    id: random.bytes(36),
    seat: 1 + ((number + at * 3) % SEATS),
  }))
  const envelope = random.bytes(60)
  const sizeBytes = 1_000_000
  const blob = { blob: Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0), firstSegment: 0, segmentCount: 1 }
  const segments = [{ sizeBytes: 1_000_300, k: 4, fragments }]
  return {
    type: 'putObject',
    bucket: bucketOf(number),
    key: keyOf(number),
    conditions: NO_CONDITIONS,
    description: {
      sizeBytes,
      etag: '"9e107d9d372bb6826bd81d3542a419d6"',
      headers: [{ name: 'content-type', value: 'image/jpeg' }],
      checksums: [{ name: 'crc64nvme', value: 'rosUhgp5mIg=' }],
      tags: [],
      retention: undefined,
      hasLegalHold: false,
    },
    body: {
      type: 'blob',
      content: id,
      untilMs: 3_600_000,
      blob: { ...blob, segments, sizeBytes, envelope },
    },
  }
}

let index = 0
const entryOf = (command: Command): Entry => ({
  bytes: proposals.encode({ epoch: 1, command }),
  context: { group: GROUP, index: ++index, stamp: { ms: 1_000, count: 0 } },
})

interface Memory {
  readonly rssMiB: number
  /** Without pages of files, which the system takes back when it needs them. */
  readonly anonMiB: number
}

function memory(): Memory {
  const status = readFileSync('/proc/self/status', 'utf8')
  const kib = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN)
  return { rssMiB: Math.round(kib('VmRSS') / 1024), anonMiB: Math.round(kib('RssAnon') / 1024) }
}

interface Times {
  readonly p50: number
  readonly p99: number
}

async function time(work: () => Promise<unknown>, samples = SAMPLES): Promise<Times> {
  const took: number[] = []
  for (let sample = 0; sample < samples; sample++) {
    const start = performance.now()
    await work()
    took.push(performance.now() - start)
  }
  const sorted = took.toSorted((a, b) => a - b)
  return { p50: median(took), p99: sorted[Math.floor(samples * 0.99)] ?? Number.NaN }
}

const question = <Value>(body: (work: Workspace) => Program<Value>) =>
  store.ask(inquire({ group: GROUP, epoch: 1 }, body))

interface Loaded {
  readonly perSecond: number
  /** Time of the event loop per object. */
  readonly loopUs: number
  readonly peak: Memory
}

/** Goes on where an earlier run was broken off: one entry is one bucket or one object. */
async function load(): Promise<Loaded> {
  index = await store.applied(GROUP)
  if (index === 0) {
    await store.begin(GROUP, { lo: new Uint8Array(0), hi: new Uint8Array(0) })
    const create = { type: 'createBucket', owner: 'me', versioning: 'off', hasLock: false } as const
    const buckets = Array.from({ length: BUCKETS }, (_, at) => `bucket-${at}`)
    await store.apply(buckets.map(bucket => entryOf({ ...create, bucket, retention: undefined })))
  }
  const first = index - BUCKETS
  const peak = { rssMiB: 0, anonMiB: 0 }
  let applyMs = 0
  let cpuUs = 0
  for (let number = first; number < objects; number += TURN_ENTRIES_MAX) {
    const count = Math.min(TURN_ENTRIES_MAX, objects - number)
    const turn = Array.from({ length: count }, (_, at) => entryOf(putOf(number + at)))
    const [start, cpu] = [performance.now(), process.threadCpuUsage()]
    const results = await store.apply(turn)
    applyMs += performance.now() - start
    cpuUs += process.threadCpuUsage(cpu).user
    const refused = results.find(({ type }) => type === 'refused')
    if (refused !== undefined) throw new Error(JSON.stringify(refused))
    const now = memory()
    peak.rssMiB = Math.max(peak.rssMiB, now.rssMiB)
    peak.anonMiB = Math.max(peak.anonMiB, now.anonMiB)
  }
  const count = objects - first
  return { perSecond: (count * 1000) / applyMs, loopUs: cpuUs / count, peak }
}

try {
  const isFilled = (await store.applied(GROUP)) >= objects + BUCKETS
  const loaded = isFilled ? undefined : await load()

  const any = (): number => random.below(objects)
  const list = (limit: number) => () => {
    const number = any()
    const after = fromUtf8(keyOf(number))
    return question(
      listObjects({ bucket: bucketOf(number), prefix: '', delimiter: '', after, limit }),
    )
  }
  const raw = async (): Promise<unknown> => {
    const number = any()
    const start = rowAt('o', bucketPosition(bucketOf(number)))
    const after = Uint8Array.of(...start, ...fromUtf8(keyOf(number)))
    return keyValue.page({ after, before: Uint8Array.of(0x70), limit: 1_000 })
  }
  const head = () => {
    const number = any()
    return question(getObject({ bucket: bucketOf(number), key: keyOf(number) }, undefined))
  }
  const missing = () => {
    const number = any()
    return question(getObject({ bucket: bucketOf(number), key: `${keyOf(number)}-no` }, undefined))
  }
  const held = () => question(segmentsOf(1 + random.below(SEATS), { after: undefined, limit: 100 }))
  const folders = () =>
    question(
      listObjects({
        bucket: bucketOf(any()),
        prefix: '',
        delimiter: '/',
        after: new Uint8Array(0),
        limit: 100,
      }),
    )
  await time(list(1_000), 20)
  const rows = [
    ['1,000 rows from LevelDB, nothing else', await time(raw)],
    ['list 1,000 objects', await time(list(1_000))],
    ['list 100 folders by delimiter', await time(folders, 50)],
    ['one object by name', await time(head, 2_000)],
    ['an object that is not there', await time(missing, 2_000)],
    ['100 segments of a peer', await time(held)],
  ] as const
  const rest = memory()
  const folder = join(root, 'keys')
  const diskBytes = readdirSync(folder).reduce(
    (sum, file) => sum + statSync(join(folder, file)).size,
    0,
  )

  console.log(`\n${objects.toLocaleString('en')} objects of one segment (4,2) in one group`)
  for (const [name, { p50, p99 }] of rows) {
    console.log(`  ${name.padEnd(40)} p50 ${p50.toFixed(3)} ms   p99 ${p99.toFixed(3)} ms`)
  }
  console.log(`  on disk: ${Math.round(diskBytes / objects)} bytes per object`)
  if (loaded !== undefined) {
    const { perSecond, loopUs, peak } = loaded
    const rate = Math.round(perSecond).toLocaleString('en')
    console.log(
      `  put, ${TURN_ENTRIES_MAX} to a batch: ${rate} objects/s, loop ${loopUs.toFixed(1)} µs each`,
    )
    console.log(`  memory while loading: ${peak.rssMiB} MiB, ${peak.anonMiB} MiB of it not files`)
  }
  console.log(`  memory after the questions: ${rest.rssMiB} MiB, ${rest.anonMiB} MiB not files`)
  save('catalog', [{ objects, loaded, diskBytes, rest, times: Object.fromEntries(rows) }])
} finally {
  await keyValue.close()
  if (directory === undefined) rmSync(root, { recursive: true, force: true })
}
