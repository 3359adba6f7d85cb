import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseArgs } from 'node:util'

import type { GroupView, ObjectPlacement } from '../../src/index.ts'
import { scratchFolder } from '../support/checkout.ts'
import { buildProgram, eventually, killAll, PeerProcess } from '../support/processes.ts'
import { ask, randomFile, startStorage, succeed } from '../support/storage.ts'

/**
 * Six peers as processes hold files as 4 + 2 fragments. Whichever two of them are killed, every file
 * comes back from every other peer, as it was, and no read takes a second longer than it did before;
 * what is stored meanwhile is there as well; when the two are back, so is every fragment. The same
 * while one peer stands still.
 *
 *     npm run test:pairs
 *     npm run test:pairs -- --all      # all fifteen
 */
const { values } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  strict: false,
})
const PEERS = 6
const SIZES = [0, 4_096, 100_000, 1_000_000, 20_000_001]
const VOTERS = 5
const SLOWER_MS_MAX = 1_000
const READ_FOR_MS = 4_000
const WHOLE_MS_MAX = 90_000
const SOME = [
  [0, 1],
  [2, 5],
]
const ALL = Array.from({ length: PEERS }, (_, a) =>
  Array.from({ length: PEERS - a - 1 }, (_none, at) => [a, a + at + 1]),
).flat()

describe('six peers that hold files', () => {
  let peers: PeerProcess[] = []
  let main = ''
  const hashes = new Map<number, string>()
  /** What reading a file takes while nothing is wrong, at worst. */
  const usualMs = new Map<number, number>()

  before(async () => {
    main = buildProgram()
    const folder = scratchFolder()
    const fleet = await startStorage(main, PEERS, folder)
    peers = [...fleet.peers]
    for (const size of SIZES) {
      const path = join(folder, String(size))
      hashes.set(size, randomFile(path, size))
      succeed(fleet.shells[0] as (typeof fleet.shells)[0], ['put', path, `sea/${size}`])
    }
    await isWhole()
    await haveVoters()
    await readFor(2 * READ_FOR_MS, peers, (size, tookMs) =>
      usualMs.set(size, Math.max(usualMs.get(size) ?? 0, tookMs)),
    )
  })
  after(() => killAll())

  for (const pair of values['all'] === true ? ALL : SOME) {
    test(`bear the loss of ${pair.join(' and ')}`, async context => {
      const [lost, left] = split(pair)
      for (const peer of lost) peer.kill('SIGKILL')
      await Promise.all(lost.map(peer => peer.exited))
      const slowestMs = await checkReads(left)
      await write(`while ${pair.join(' and ')} are away`, left)
      for (const index of pair) peers[index] = await restarted(peers[index] as PeerProcess)
      const wholeMs = await isWhole()
      context.diagnostic(`slowest by ${slowestMs} ms more; whole after ${Math.round(wholeMs)} ms`)
    })
  }

  test('bear one that stands still', async context => {
    const [[frozen], left] = split([3])
    frozen?.kill('SIGSTOP')
    const slowestMs = await checkReads(left)
    frozen?.kill('SIGCONT')
    await isWhole()
    context.diagnostic(`slowest by ${slowestMs} ms more`)
  })

  /** Stores a file with one of them, and reads it from each. */
  async function write(key: string, left: readonly PeerProcess[]): Promise<void> {
    const path = join(scratchFolder(), 'file')
    const hash = randomFile(path, 1_000_000)
    const [peer] = left as [PeerProcess, ...PeerProcess[]]
    succeed({ main, peer, folder: scratchFolder() }, ['put', path, `sea/${key}`])
    for (const each of left) {
      const response = await ask(each, `/api/v1/objects/sea/${encodeURIComponent(key)}`)
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.equal(createHash('sha256').update(bytes).digest('hex'), hash)
    }
  }

  function split(indices: readonly number[]): [PeerProcess[], PeerProcess[]] {
    const isIn = (at: number): boolean => indices.includes(at)
    return [peers.filter((_, at) => isIn(at)), peers.filter((_, at) => !isIn(at))]
  }

  /** Every read is right and nearly as quick as ever; by how much the worst was slower. */
  async function checkReads(left: readonly PeerProcess[]): Promise<number> {
    let slowestMs = 0
    await readFor(READ_FOR_MS, left, (size, tookMs) => {
      slowestMs = Math.max(slowestMs, tookMs - (usualMs.get(size) ?? 0))
    })
    const patience = Number(process.env['HOLDFAST_PATIENCE'] ?? 1)
    assert.ok(slowestMs <= SLOWER_MS_MAX * patience, `a read took ${slowestMs} ms longer`)
    return Math.round(slowestMs)
  }

  /** Reads all files from all of them, again and again; none may fail. */
  async function readFor(
    ms: number,
    from: readonly PeerProcess[],
    note: (size: number, tookMs: number) => void,
  ): Promise<void> {
    const endMs = performance.now() + ms
    do {
      for (const size of SIZES) {
        for (const peer of from) {
          const startMs = performance.now()
          const response = await ask(peer, `/api/v1/objects/sea/${size}`)
          const bytes = Buffer.from(await response.arrayBuffer())
          note(size, performance.now() - startMs)
          assert.equal(response.status, 200, `${peer.name} answers ${bytes.toString()}`)
          assert.equal(createHash('sha256').update(bytes).digest('hex'), hashes.get(size))
        }
      }
    } while (performance.now() < endMs)
  }

  async function restarted(peer: PeerProcess): Promise<PeerProcess> {
    const options = {
      main,
      data: peer.data,
      flags: ['--profile', 'fast', '--gateway', '127.0.0.1:0', '--listen', '127.0.0.1:0'],
    }
    const back = new PeerProcess(peer.name, options)
    await back.ready()
    return back
  }

  /** A majority of every group is left without any two: a young network has fewer voters. */
  function haveVoters(): Promise<number> {
    let groups: readonly GroupView[] = []
    return eventually(
      async () => {
        groups = (await (peers[0] as PeerProcess).get('/api/v1/groups')) as readonly GroupView[]
        const voters = groups.map(
          ({ members }) => members.filter(({ role }) => role !== 'learner').length,
        )
        return voters.length >= 2 && voters.every(count => count >= VOTERS)
      },
      WHOLE_MS_MAX,
      () => `too few voters: ${JSON.stringify(groups)}`,
    )
  }

  /** Every segment of every file can lose two fragments, seen from a peer that was never gone. */
  function isWhole(): Promise<number> {
    let missing = ''
    return eventually(
      async () => {
        for (const size of SIZES.filter(bytes => bytes > 4_096)) {
          const path = `/api/v1/placement/sea/${size}`
          const placement = (await (peers[4] as PeerProcess).get(path)) as ObjectPlacement
          const short = placement.segments.find(({ margin, m }) => margin < m)
          missing = short === undefined ? '' : `${size}: ${JSON.stringify(short)}`
          if (missing !== '') return false
        }
        return true
      },
      WHOLE_MS_MAX,
      () => `not whole: ${missing}`,
    )
  }
})
