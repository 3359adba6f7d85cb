import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import type { ClockReport } from '../../src/index.ts'
import { scratchFolder } from '../support/checkout.ts'
import { Chronyd, freeUdpPort, whyNoChronyd } from '../support/chronyd.ts'
import { FakeWallClock, whyNoFaketime } from '../support/faketime.ts'
import { allSee, buildProgram, eventually, killAll, PeerProcess } from '../support/processes.ts'

const PEERS = 5
const FLAGGED_MS = 30_000
const ERROR_MS_MAX = 1
/** Of the round trip half may be error. */
const QUICK_MS = 0.5
const SETTLED_MS = 20_000
const JUMPS_SECONDS = [600, -600]

const skip = whyNoChronyd() ?? whyNoFaketime() ?? false
if (skip !== false) process.stdout.write(`skipped: ${skip}\n`)

const clockOf = async (peer: PeerProcess): Promise<ClockReport> =>
  (await peer.get('/api/v1/clock')) as ClockReport

/** Five peers, each a process of its own, beside a real server; one lives in a time of its own. */
describe('five peers, of which one has its wall clock set', { skip }, () => {
  const folder = scratchFolder()
  const wall = new FakeWallClock(folder)
  const peers: PeerProcess[] = []
  let chronyd: Chronyd

  before(async () => {
    const main = buildProgram()
    const port = await freeUdpPort()
    chronyd = Chronyd.start(folder, port)
    const local = ['--listen', '127.0.0.1:0', '--gateway', '127.0.0.1:0', '--profile', 'fast']
    const flags = [...local, '--ntp', `127.0.0.1:${port}`]
    const dataOf = (name: string): string => {
      const data = join(folder, name)
      mkdirSync(data, { mode: 0o700 })
      return data
    }
    const founder = new PeerProcess('peer-0', { main, data: dataOf('peer-0'), flags })
    await founder.ready()
    const token = founder.command(`invite --uses ${PEERS}`).stdout.trim()
    const joiners = Array.from({ length: PEERS - 1 }, (_, at) => {
      const name = `peer-${at + 1}`
      const wrapper = at === PEERS - 2 ? wall.wrapper : []
      const options = { main, data: dataOf(name), flags: [...flags, '--join', token], wrapper }
      return new PeerProcess(name, options)
    })
    peers.push(founder, ...joiners)
    await Promise.all(joiners.map(peer => peer.ready()))
    await allSee(peers, 30_000)
  })
  after(async () => {
    await killAll()
    await chronyd.stop()
  })

  const allSynced = (withinMs: number): Promise<number> =>
    eventually(
      async () => {
        const clocks = await Promise.all(peers.map(clockOf))
        return clocks.every(({ status, basis }) => status === 'SYNCED' && basis === 'utc')
      },
      withinMs,
      () => 'not all are SYNCED',
    )

  /**
   * How far a peer is off, as it measured against the server, which has the machine's own time;
   * undefined where the answer took so long that this says little.
   */
  const errorOf = async (peer: PeerProcess): Promise<number | undefined> => {
    const { sources } = await clockOf(peer)
    const server = sources.find(({ kind }) => kind === 'server')
    const isQuick = server?.delayMs !== undefined && server.delayMs < QUICK_MS
    return isQuick ? Math.abs(server.offsetMs ?? 0) : undefined
  }

  test('all are SYNCED within a minute, and know it of each other', async () => {
    await allSynced(60_000)
    await eventually(
      async () => {
        const views = await Promise.all(peers.map(peer => peer.peers()))
        return views.flat().every(({ clock }) => clock?.status === 'SYNCED')
      },
      20_000,
      () => 'not all know of each other that they are SYNCED',
    )
    await pause(SETTLED_MS)
  })

  test('the command shows it', () => {
    const [peer] = peers
    assert.ok(peer)
    const { status, stdout } = peer.command('clock')
    assert.equal(status, 0)
    assert.match(stdout, /SYNCED/)
    assert.match(stdout, /127\.0\.0\.1:\d+ +server +selected/)
    const report = JSON.parse(peer.command('clock --json').stdout) as ClockReport
    assert.equal(report.status, 'SYNCED')
  })

  for (const seconds of JUMPS_SECONDS) {
    test(`a jump of ${seconds} s is flagged by all, and moves nobody`, async context => {
      const [jumper, ...others] = peers.toReversed()
      assert.ok(jumper)
      await allSynced(60_000)
      const earlier = await clockOf(jumper)
      wall.set(seconds)
      const flaggedMs = await eventually(
        async () => {
          const seen = await Promise.all(
            others.map(async other => {
              const views = await other.peers()
              return views.find(({ peer }) => peer === jumper.id)?.clock?.status
            }),
          )
          return seen.some(status => status !== 'SYNCED')
        },
        FLAGGED_MS,
        () => `nobody sees that ${jumper.name} is disturbed`,
      )
      const { disturbances, lastDisturbance } = await clockOf(jumper)
      assert.equal(disturbances, earlier.disturbances + 1)
      assert.equal(lastDisturbance?.what, 'wall clock jumped')
      const errors: number[] = []
      for (let look = 0; look < 40; look++) {
        const seen = await Promise.all(others.map(errorOf))
        errors.push(...seen.filter(error => error !== undefined))
        await pause(250)
      }
      assert.ok(errors.length > 0)
      const worstMs = Math.max(...errors)
      context.diagnostic(
        `flagged after ${Math.round(flaggedMs)} ms; the others off by ${worstMs} ms at most`,
      )
      assert.ok(worstMs < ERROR_MS_MAX, `off by ${worstMs} ms`)
      await allSynced(60_000)
      assert.ok(((await errorOf(jumper)) ?? 0) < ERROR_MS_MAX)
      await allSee(peers, 5_000)
    })
  }
})
