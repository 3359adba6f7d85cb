/**
 * `npm run demo`: a network of six peers on this machine, each a process of its own. A file is
 * stored, two of the peers are killed, the file is read, two others come in their place, and what
 * was lost is rebuilt. The network goes on until Ctrl-C; `--once` ends with the story.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import type { ObjectPlacement, PeerView } from '../src/index.ts'
import { DemoPeer, holdfast, stopAll } from './demo-peer.ts'

const NAMES = ['kelp', 'dulse', 'nori', 'wrack', 'laver', 'arame']
const DOOMED = ['dulse', 'nori']
const NEWCOMERS = ['wakame', 'hijiki']
const FILE_BYTES = 40_000_000
const OBJECT = 'demo/film.bin'
/** How many fragments of each segment the loss of two peers may take. */
const MARGIN = 2
const WAIT_MS = 120_000
const LOOK_MS = 500

const stopping = new AbortController()
for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(1)
    console.log('\nstopping all peers; once more ends them at once')
    stopping.abort()
  })

const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
try {
  await tell(folder)
} catch (error) {
  if (!stopping.signal.aborted) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
} finally {
  await stopAll()
  await rm(folder, { recursive: true, force: true })
}

/** The story. */
async function tell(where: string): Promise<void> {
  heading('Six peers')
  const peers = await network(where)
  const first = peers[0] as DemoPeer

  heading('A file')
  const film = join(where, 'film.bin')
  await writeFile(film, randomBytes(FILE_BYTES))
  await show(first, ['put', film, OBJECT])
  await untilWhole(first, 'spread over all of them')
  await show(first, ['placement', OBJECT])

  heading('Two of them die')
  for (const name of DOOMED) await (peers.find(each => each.name === name) as DemoPeer).kill()
  console.log(`   ${DOOMED.join(' and ')} were killed, as by pulling the plug`)
  const back = join(where, 'back.bin')
  await show(first, ['get', OBJECT, back])
  const isSame = (await hashOf(film)) === (await hashOf(back))
  if (!isSame) throw new Error('what was read is not what was stored')
  console.log('   byte for byte what was stored')
  await show(first, ['placement', OBJECT])

  heading('Two others come, and what was lost is rebuilt')
  const living = peers.filter(({ name }) => !DOOMED.includes(name))
  living.push(...(await joinAll(first, NEWCOMERS, where)))
  await untilWhole(first, 'whole again')
  await show(first, ['repairs'])
  await show(first, ['placement', OBJECT])

  if (process.argv.includes('--once')) return
  await stay(living)
}

/** A founder, and others that join with its invite. */
async function network(where: string): Promise<DemoPeer[]> {
  const [founding = '', ...joining] = NAMES
  const first = await DemoPeer.start(founding, where, undefined, stopping.signal)
  announce(first)
  const others = await joinAll(first, joining, where)
  const peers = [first, ...others]
  await until(async () => {
    const { stdout } = await holdfast(first, ['peers', '--json'])
    const views = JSON.parse(stdout) as readonly PeerView[]
    return views.filter(({ state }) => state === 'alive').length === peers.length
  }, 'the peers did not all find each other')
  return peers
}

async function joinAll(
  first: DemoPeer,
  names: readonly string[],
  where: string,
): Promise<DemoPeer[]> {
  const { stdout } = await holdfast(first, ['invite', '--uses', String(names.length)])
  return Promise.all(
    names.map(async name => {
      const peer = await DemoPeer.start(name, where, stdout.trim(), stopping.signal)
      announce(peer)
      return peer
    }),
  )
}

/** Waits until two peers may be lost without losing anything. */
async function untilWhole(first: DemoPeer, what: string): Promise<void> {
  const tookMs = await until(async () => {
    const { stdout } = await holdfast(first, ['placement', OBJECT, '--json'])
    const { segments } = JSON.parse(stdout) as ObjectPlacement
    return segments.every(({ margin }) => margin >= MARGIN)
  }, `the file was not ${what} in time`)
  console.log(`   ${what} after ${(tookMs / 1000).toFixed(1)} s`)
}

async function until(holds: () => Promise<boolean>, complaint: string): Promise<number> {
  const startMs = performance.now()
  while (!(await holds())) {
    if (performance.now() - startMs > WAIT_MS) throw new Error(complaint)
    await sleep(LOOK_MS, undefined, { signal: stopping.signal })
  }
  return performance.now() - startMs
}

async function stay(peers: readonly DemoPeer[]): Promise<void> {
  heading('It is yours now')
  for (const peer of peers) announce(peer)
  const { data } = peers[0] as DemoPeer
  console.log(
    `\n   npm run holdfast -- put FILE demo/ --data ${data}` +
      `\n   npm run holdfast -- ls demo --data ${data}` +
      `\n   npm run holdfast -- events --follow --data ${data}` +
      '\n\n   Ctrl-C stops all of them, and removes what they stored',
  )
  // Long enough: it is the signal that ends it.
  while (!stopping.signal.aborted) await sleep(WAIT_MS, undefined, { signal: stopping.signal })
}

/** Runs a command and shows it as on a terminal. */
async function show(peer: DemoPeer, args: readonly string[]): Promise<void> {
  console.log(`\n   $ holdfast ${args.join(' ')}`)
  const { all } = await holdfast(peer, args)
  console.log(all.trimEnd().replaceAll(/^/gm, '   '))
}

function heading(text: string): void {
  console.log(`\n${text}\n`)
}

function announce({ name, url, data }: DemoPeer): void {
  console.log(`   ${name.padEnd(8)} ${url}  ${data}`)
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
