import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseArgs } from 'node:util'

import { pickScheme } from '../../src/erasure/pick-scheme.ts'
import type { DrainView, GroupView, ObjectPlacement } from '../../src/index.ts'
import { scratchFolder } from '../support/checkout.ts'
import { allSee, buildProgram, eventually, killAll, PeerProcess } from '../support/processes.ts'
import { ask, randomFile, succeed } from '../support/storage.ts'

/**
 * A network grows from one peer to nine and goes back to four by drains, on the same data directories.
 * All the way every file comes back from every peer as it was, and what is stored bears the loss of as
 * many peers as a network of that size promises.
 *
 *     npm run test:growth
 *     npm run test:growth -- --sizes 2,3 --back 2
 */
const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '2,3,4,6,9' },
    back: { type: 'string', default: '4' },
  },
  strict: false,
})
const SIZES = String(values['sizes']).split(',').map(Number)
const BACK = Number(values['back'])
const FILES = [0, 4_096, 100_000, 5_000_001]
const STEP_MS_MAX = 180_000
const FLAGS = ['--profile', 'fast', '--gateway', '127.0.0.1:0', '--listen', '127.0.0.1:0']

describe('a network that grows and shrinks', () => {
  const peers: PeerProcess[] = []
  const hashes = new Map<number, string>()
  const readers = new AbortController()
  let main = ''
  let folder = ''
  let reading = Promise.resolve(0)

  before(async () => {
    main = buildProgram()
    folder = scratchFolder()
    await add()
    const shell = { main, peer: peers[0] as PeerProcess, folder }
    await eventually(
      async () => (await tell(shell.peer)).length >= 2,
      STEP_MS_MAX,
      () => 'the catalog has no group',
    )
    for (const size of FILES) {
      const path = join(folder, String(size))
      hashes.set(size, randomFile(path, size))
      succeed(shell, ['put', path, `sea/${size}`])
    }
    reading = readUntil(readers.signal)
  })
  after(killAll)

  test('one peer stores files, and says that they bear no loss', async () => {
    assert.equal(await margin(), 0)
  })

  for (const size of SIZES) {
    test(`${size} peers hold what there is as ${size} peers should`, async context => {
      const invite = succeed(shellOf(0), ['invite', '--uses', '10']).trim()
      await Promise.all(Array.from({ length: size - peers.length }, () => add(invite)))
      await allSee(peers, STEP_MS_MAX)
      const tookMs = await bears(pickScheme(size).m)
      context.diagnostic(`after ${Math.round(tookMs)} ms: ${await schemes()}`)
    })
  }

  test(`back to ${BACK} by drains`, async context => {
    const leaving = peers.slice(BACK)
    for (const { name } of leaving) succeed(shellOf(0), ['drain', name])
    await eventually(
      async () => {
        const drains = (await peers[0]?.get('/api/v1/drains')) as readonly DrainView[]
        return drains.filter(({ state }) => state === 'drained').length === leaving.length
      },
      STEP_MS_MAX,
      () => 'some are not drained',
    )
    for (const peer of leaving.toReversed()) {
      peers.splice(peers.indexOf(peer), 1)
      await peer.stop()
      await hasVoters()
    }
    await bears(pickScheme(BACK).m)
    context.diagnostic(`then ${await schemes()}`)
  })

  test('every file was read all the time', async context => {
    readers.abort()
    context.diagnostic(`${await reading} reads`)
  })

  const shellOf = (at: number): Parameters<typeof succeed>[0] => ({
    main,
    peer: peers[at] as PeerProcess,
    folder,
  })

  async function add(invite?: string): Promise<void> {
    const name = `peer-${peers.length}`
    const flags = [...FLAGS, ...(invite === undefined ? [] : ['--join', invite])]
    const peer = new PeerProcess(name, { main, data: join(folder, name), flags })
    peers.push(peer)
    await peer.ready()
  }

  const tell = async (peer: PeerProcess): Promise<readonly GroupView[]> =>
    (await peer.get('/api/v1/groups')) as readonly GroupView[]

  async function segments(): Promise<ObjectPlacement['segments']> {
    const views = FILES.filter(size => size > 4_096).map(
      async size => (await peers[0]?.get(`/api/v1/placement/sea/${size}`)) as ObjectPlacement,
    )
    return (await Promise.all(views)).flatMap(view => view.segments)
  }

  /** How many peers may go without anything being lost. */
  async function margin(): Promise<number> {
    return Math.min(...(await segments()).map(each => each.margin))
  }

  async function schemes(): Promise<string> {
    return (await segments()).map(({ k, m }) => `${k} + ${m}`).join(', ')
  }

  function bears(losses: number): Promise<number> {
    return eventually(
      async () => (await margin()) >= losses,
      STEP_MS_MAX,
      () => `what ${peers.length} peers hold does not bear ${losses} losses`,
    )
  }

  /** Of no group's voters more than one has left, so that the next may leave. */
  async function hasVoters(): Promise<void> {
    const names = peers.map(({ id }) => id)
    await eventually(
      async () => {
        const groups = await tell(peers[0] as PeerProcess)
        const gone = groups.map(
          ({ members }) =>
            members.filter(({ role, peer }) => role !== 'learner' && !names.includes(peer)).length,
        )
        return gone.length >= 2 && gone.every(count => count <= 1)
      },
      STEP_MS_MAX,
      () => 'those who left still vote',
    )
  }

  /** Reads everything from whoever is there, again and again; returns how often. */
  async function readUntil(signal: AbortSignal): Promise<number> {
    let reads = 0
    while (!signal.aborted) {
      for (const size of FILES) {
        const peer = peers[reads % peers.length] as PeerProcess
        if (peer.announcement === undefined) continue
        await check(peer, size)
        reads++
      }
      await new Promise(resolve => void setTimeout(resolve, 100))
    }
    return reads
  }

  async function check(peer: PeerProcess, size: number): Promise<void> {
    const response = await ask(peer, `/api/v1/objects/sea/${size}`).catch((error: unknown) => {
      if (peers.includes(peer)) throw error
    })
    if (response === undefined) return
    const bytes = Buffer.from(await response.arrayBuffer())
    const told = response.status === 200 ? '' : bytes.toString()
    assert.equal(response.status, 200, `${peer.name} answers ${told}`)
    assert.equal(createHash('sha256').update(bytes).digest('hex'), hashes.get(size))
  }
})
