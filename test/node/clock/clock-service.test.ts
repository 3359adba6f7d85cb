import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import type { ClockOptions } from '../../../src/clock/options.ts'
import { type ClockNotice, ClockService } from '../../../src/node/clock/clock-service.ts'
import { type NtpRoute, SimNtpPort, SimNtpServer, trueUtcMs } from '../../sim/sim-ntp.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

/** One machine, some servers, and time that passes when it is told to. */
class Bench {
  readonly world = new World(1)
  readonly servers: SimNtpServer[]
  readonly route: NtpRoute = { thereMs: 1, backMs: 1, jitterMs: 0.2, loss: 0, isCut: false }
  readonly notices: ClockNotice[] = []
  readonly peer: SimPeer
  #service: ClockService | undefined

  constructor(
    servers: number,
    options: Partial<ClockOptions> = {},
    { skewMs = 0, others = [] as string[] } = {},
  ) {
    const names = Array.from({ length: servers }, (_, at) => `ntp-${at}`)
    this.servers = names.map(name => new SimNtpServer(this.world, name))
    this.peer = this.world.addPeer('p', {
      clock: { skewMs, driftPpm: 20 },
      program: async (environment, peer) => {
        const ntp = new SimNtpPort(this.world, {
          servers: new Map(this.servers.map(server => [server.name, server])),
          routeTo: () => this.route,
          deliver: peer.receiver(),
        })
        const seams = { environment, ntp, asleepMs: () => peer.clock.asleepMs }
        this.#service = await ClockService.start(seams, { ...options, servers: names }, others)
        this.#service.onNotice(notice => this.notices.push(notice))
        await new Promise(() => undefined)
      },
    })
  }

  get service(): ClockService {
    assert.ok(this.#service !== undefined)
    return this.#service
  }

  get errorMs(): number {
    return this.service.now().atMs - trueUtcMs(this.world)
  }

  play(story: () => Promise<void>): Promise<void> {
    return this.world.play(async () => {
      this.peer.start()
      await this.world.sleep(50)
      await story()
    })
  }
}

test('alone and without servers there is nothing to wait for', () => {
  const bench = new Bench(0)
  return bench.play(async () => {
    const { status, basis } = bench.service.now()
    assert.deepEqual([status, basis], ['SYNCED', 'network'])
    assert.ok((await bench.service.stamp()).ms > 0)
  })
})

test('three polls of a server make a clock that is right, however wrong the machine is', () => {
  const bench = new Bench(1, {}, { skewMs: -600_000 })
  return bench.play(async () => {
    assert.throws(
      () => bench.service.tryStamp(),
      error => codeOf(error) === 'CLOCK_NOT_READY',
    )
    await bench.service.ready()
    assert.ok(bench.world.nowMs < 12_000)
    assert.equal(bench.service.now().status, 'SYNCED')
    assert.ok(Math.abs(bench.errorMs) < 1)
  })
})

test('once in use it slews, whatever the servers say', () => {
  const bench = new Bench(1)
  return bench.play(async () => {
    await bench.service.ready()
    for (const server of bench.servers) server.lieMs = 100
    await bench.world.sleep(60_000)
    assert.ok(bench.errorMs > 10 && bench.errorMs < 35, `off by ${bench.errorMs}`)
    assert.ok(bench.service.report().offsetMs > 60)
    assert.equal(bench.service.report().contradictions, 1)
    await bench.world.sleep(300_000)
    assert.ok(Math.abs(bench.errorMs - 100) < 2)
  })
})

test('a server that lies is named, and does not move the others', () => {
  const bench = new Bench(3)
  return bench.play(async () => {
    const [, liar] = bench.servers
    assert.ok(liar !== undefined)
    liar.lieMs = 5_000
    await bench.world.sleep(60_000)
    const verdicts = bench.service.report().sources.map(({ verdict }) => verdict)
    assert.deepEqual(verdicts, ['selected', 'falseticker', 'selected'])
    assert.ok(Math.abs(bench.errorMs) < 1)
  })
})

test('without its servers it holds over, then knows that it no longer knows', () => {
  const bench = new Bench(3, { unsyncedBoundMs: 20, syncedBoundMs: 15 })
  return bench.play(async () => {
    await bench.world.sleep(20 * 60_000)
    const epoch = bench.service.leaseEpoch()
    assert.ok(epoch !== undefined)
    for (const server of bench.servers) server.isSilent = true
    await bench.world.sleep(10 * 60_000)
    assert.equal(bench.service.now().status, 'HOLDOVER')
    assert.equal(bench.service.leaseEpoch(), epoch)
    await bench.world.sleep(30 * 60_000)
    assert.equal(bench.service.now().status, 'UNSYNCED')
    assert.equal(bench.service.leaseEpoch(), undefined)
    for (const server of bench.servers) server.isSilent = false
    await bench.world.sleep(10 * 60_000)
    assert.equal(bench.service.now().status, 'SYNCED')
    const path = bench.notices.flatMap(notice => (notice.type === 'status' ? [notice.to] : []))
    assert.deepEqual(path, ['SYNCED', 'HOLDOVER', 'UNSYNCED', 'SYNCED'])
  })
})

test('a wall clock that is set disturbs, voids leases, and moves nothing', () => {
  const bench = new Bench(3)
  return bench.play(async () => {
    await bench.world.sleep(60_000)
    const epoch = bench.service.leaseEpoch()
    bench.peer.clock.jump(600_000)
    assert.equal(bench.service.now().status, 'DISRUPTED')
    assert.equal(bench.service.leaseEpoch(), undefined)
    assert.equal(bench.service.report().boundMs, null)
    assert.ok(Math.abs(bench.errorMs) < 1)
    await bench.world.sleep(20_000)
    assert.equal(bench.service.now().status, 'SYNCED')
    assert.notEqual(bench.service.leaseEpoch(), epoch)
    assert.equal(bench.service.report().lastDisturbance?.what, 'wall clock jumped')
  })
})

test('a timestamp that leads too far is refused, one that is committed is not', () => {
  const bench = new Bench(0)
  return bench.play(async () => {
    const { service } = bench
    const far = { ms: Math.floor(service.now().atMs) + 10_000, count: 0 }
    assert.throws(
      () => service.receive(far, 'q'),
      error => codeOf(error) === 'CLOCK_SKEW',
    )
    assert.equal(service.report().rejectedStamps, 1)
    assert.ok((await service.stamp()).ms < far.ms)
    service.receiveCommitted(far)
    assert.equal(service.now().status, 'DISRUPTED')
    assert.ok((await service.stamp()).ms >= far.ms)
  })
})

test('a peer that nobody answers gives out timestamps in the end, and says what they are', () => {
  const bench = new Bench(1, {}, { others: ['q'] })
  return bench.play(async () => {
    for (const server of bench.servers) server.isSilent = true
    await bench.service.ready()
    assert.ok(bench.world.nowMs > 50_000 && bench.world.nowMs < 120_000)
    assert.ok((await bench.service.stamp()).ms > 0)
    assert.equal(bench.service.now().status, 'INIT')
  })
})

test('a reading is corrected by what is learnt later', () => {
  const bench = new Bench(1)
  return bench.play(async () => {
    await bench.world.sleep(5 * 60_000)
    for (const server of bench.servers) server.isSilent = true
    await bench.world.sleep(3_600_000)
    const truthMs = trueUtcMs(bench.world)
    const raw = bench.service.rawReading()
    for (const server of bench.servers) server.isSilent = false
    await bench.world.sleep(15 * 60_000)
    const corrected = bench.service.correct(raw)
    assert.ok(corrected !== undefined)
    const errorMs = Math.abs(corrected.utcMs - truthMs)
    assert.ok(errorMs < 1 && errorMs <= corrected.boundMs, `off by ${errorMs}`)
  })
})

test('nothing is done after it was closed', () => {
  const bench = new Bench(1)
  return bench.play(async () => {
    await bench.world.sleep(20_000)
    bench.service.close()
    const { events } = bench.world
    await bench.world.sleep(600_000)
    assert.ok(bench.world.events - events < 20)
  })
})

test('peers without servers agree, and a newcomer follows them', async () => {
  const world = new World(7)
  const names = ['a', 'b', 'c']
  const services = new Map<string, ClockService>()
  const skews = { a: -40, b: 10, c: 90_000 }
  for (const name of names) {
    world.addPeer(name, {
      clock: { skewMs: skews[name as keyof typeof skews] },
      program: async (environment, peer) => {
        const routeTo = (): NtpRoute => ({
          thereMs: 0,
          backMs: 0,
          jitterMs: 0,
          loss: 0,
          isCut: true,
        })
        const deliver = peer.receiver()
        const ntp = new SimNtpPort(world, { servers: new Map(), routeTo, deliver })
        const others = names.filter(other => other !== name)
        const seams = { environment, ntp, asleepMs: () => 0 }
        services.set(name, await ClockService.start(seams, {}, others))
        await new Promise(() => undefined)
      },
    })
  }
  await world.play(async () => {
    world.peers.get('a')?.start()
    world.peers.get('b')?.start()
    await world.sleep(60_000)
    world.peers.get('c')?.start()
    await world.sleep(120_000)
    const told = [...services.values()].map(service => service.now())
    assert.deepEqual(
      told.map(({ status, basis }) => `${status} ${basis}`),
      names.map(() => 'SYNCED network'),
    )
    const errorsMs = told.map(({ atMs }) => atMs - trueUtcMs(world))
    const apartMs = Math.max(...errorsMs) - Math.min(...errorsMs)
    assert.ok(apartMs < 2, `${apartMs} ms apart`)
    assert.ok(Math.max(...errorsMs) < 11 && Math.min(...errorsMs) > -41, String(errorsMs))
  })
})
