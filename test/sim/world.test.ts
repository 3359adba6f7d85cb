import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'

import type { Environment } from '../../src/base/environment.ts'
import { sleep } from '../../src/base/waiting.ts'
import { guardAgainstLeaks } from './leak-guard.ts'
import { runSeed } from './run-seed.ts'
import { Violation } from './scenario.ts'
import { walScenario } from './scenarios/wal.ts'
import type { SimPeer } from './sim-peer.ts'
import { World } from './world.ts'

const forEver = (): Promise<void> => new Promise(() => undefined)

/** Starts one peer and lets the director act. */
async function withPeer(
  program: (environment: Environment, peer: SimPeer) => Promise<void>,
  direct: (peer: SimPeer, world: World) => Promise<void>,
  clock = {},
): Promise<void> {
  const world = new World(7)
  const peer = world.addPeer('p', { program, clock })
  await world.play(() => direct(peer, world))
}

test('time passes only in the queue, however much is done', async () => {
  const world = new World(1)
  await world.play(async () => {
    for (let at = 0; at < 10_000; at++) await Promise.resolve()
    assert.equal(world.nowMs, 0)
    await world.sleep(3_600_000)
    assert.equal(world.nowMs, 3_600_000)
  })
})

test('a world in which everybody waits for ever says so', async () => {
  await assert.rejects(new World(1).play(forEver), /stands still/)
})

test('a killed process never hears of anything again', async () => {
  const heard: string[] = []
  await withPeer(
    async ({ timers }) => {
      await sleep(timers, 100)
      heard.push('timer')
    },
    async (peer, world) => {
      peer.start()
      await world.sleep(50)
      peer.crash('process')
      await world.sleep(200)
    },
  )
  assert.deepEqual(heard, [])
})

test('a paused process hears of everything later, in order', async () => {
  const heard: number[] = []
  let resumedMs = 0
  await withPeer(
    async ({ timers }, peer) => {
      timers.after(20, () => heard.push(peer.world.nowMs))
      await sleep(timers, 10)
      heard.push(peer.world.nowMs)
    },
    async (peer, world) => {
      peer.start(() => undefined)
      peer.pause()
      await world.sleep(500)
      resumedMs = world.nowMs
      peer.resume()
      await world.sleep(100)
    },
  )
  assert.deepEqual(heard, [resumedMs])
})

test('a process that fails ends the run unless somebody expects it', async () => {
  const failing = async (): Promise<void> => {
    throw new Error('oops')
  }
  const direct = async (peer: SimPeer, world: World): Promise<void> => {
    peer.start()
    await world.sleep(10)
  }
  await assert.rejects(withPeer(failing, direct), /oops/)
})

test('clocks are off, drift and jump as told, and monotonic time never goes back', async () => {
  const readings: { wallMs: number; monotonicMs: number }[] = []
  await withPeer(
    async ({ clock }, { world }) => {
      for (let at = 0; at < 3; at++) {
        readings.push({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() })
        await world.sleep(100_000)
      }
    },
    async (peer, world) => {
      peer.start(() => undefined)
      await world.sleep(150_000)
      peer.clock.jump(-60_000)
      await world.sleep(100_000)
    },
    { skewMs: 500, driftPpm: 100 },
  )
  const [first, second, third] = readings
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  assert.ok(Math.abs(second.wallMs - first.wallMs - 100_010) < 0.001)
  assert.ok(Math.abs(third.wallMs - second.wallMs - (100_010 - 60_000)) < 0.001)
  assert.ok(Math.abs(third.monotonicMs - second.monotonicMs - 100_010) < 0.001)
})

test('a power cut takes what was not synced, a killed process does not', async () => {
  /** Whether a file whose name was never synced is there after the process ended this way. */
  async function survives(ending: 'process' | 'power', seed: number): Promise<boolean> {
    const world = new World(seed)
    let isThere: boolean | undefined
    let isFirst = true
    const peer = world.addPeer('p', {
      program: async ({ disk }) => {
        if (!isFirst) {
          isThere = (await disk.list('.')).length > 0
          return
        }
        isFirst = false
        const file = await disk.open('a', 'create')
        await file.writeDurable(0, Uint8Array.of(1))
        await forEver()
      },
    })
    await world.play(async () => {
      peer.start()
      await world.sleep(1_000)
      peer.crash(ending)
      peer.start()
      await world.sleep(1_000)
    })
    return isThere === true
  }
  const seeds = Array.from({ length: 30 }, (_, at) => at)
  const killed = await Promise.all(seeds.map(seed => survives('process', seed)))
  const cut = await Promise.all(seeds.map(seed => survives('power', seed)))
  assert.ok(killed.every(Boolean))
  assert.ok(cut.some(Boolean) && !cut.every(Boolean))
})

test('a peer can lose its disk', async () => {
  const found: number[] = []
  await withPeer(
    async ({ disk }) => {
      found.push((await disk.list('.')).length)
      await disk.replace('a', Uint8Array.of(1))
    },
    async (peer, world) => {
      for (let times = 0; times < 3; times++) {
        peer.start()
        await world.sleep(1_000)
        if (times === 1) peer.loseDisk()
      }
    },
  )
  assert.deepEqual(found, [0, 1, 0])
})

test('a seed plays the same way twice, and another one differently', async () => {
  const hashes: string[] = []
  for (const seed of [5, 5, 6]) {
    const { hash, events, failure } = await runSeed(walScenario, seed, 0.02)
    assert.equal(failure, undefined)
    assert.ok(events > 100)
    hashes.push(hash)
  }
  assert.equal(hashes[0], hashes[1])
  assert.notEqual(hashes[0], hashes[2])
})

const leaks: [string, () => unknown][] = [
  ['Date.now', () => Date.now()],
  ['new Date()', () => new Date()],
  ['Math.random', () => Math.random()],
  ['performance.now', () => performance.now()],
  ['setTimeout', () => setTimeout(() => undefined, 0)],
  ['setImmediate', () => setImmediate(() => undefined)],
  ['fs.readFileSync', () => fs.readFileSync(import.meta.filename)],
  ['fs.promises.readFile', () => fs.promises.readFile(import.meta.filename)],
  ['fetch', () => fetch('http://127.0.0.1:1/')],
]
for (const [name, leak] of leaks) {
  test(`a simulated run that calls ${name} fails`, async () => {
    const play = async (): Promise<Record<string, number>> => {
      await leak()
      return {}
    }
    const { failure } = await runSeed({ name: 'leaky', minutes: 1, play }, 1)
    assert.match(failure?.message ?? '', /touched the real world/)
  })
}

test('what reaches the system by a side door is found when the guard comes down', () => {
  const setTimer = setTimeout
  const lower = guardAgainstLeaks()
  const timer = setTimer(() => undefined, 0)
  assert.throws(lower, /touched the real world: Timeout/)
  clearTimeout(timer)
})

test('arithmetic on dates is no leak', () => {
  const lower = guardAgainstLeaks()
  assert.equal(new Date(0).toISOString(), '1970-01-01T00:00:00.000Z')
  lower()
})

test('a violation is reported with the last events', async () => {
  const play = async (world: World): Promise<Record<string, number>> => {
    world.note('somebody', 'did something')
    throw new Violation('it does not hold')
  }
  const { failure } = await runSeed({ name: 'failing', minutes: 1, play }, 1)
  assert.match(failure?.message ?? '', /it does not hold/)
  assert.match(failure?.tail.join('') ?? '', /did something/)
})
