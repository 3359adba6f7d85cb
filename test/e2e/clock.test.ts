import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'

import type { ClockOptions } from '../../src/clock/options.ts'
import type { Status } from '../../src/clock/status.ts'
import { ClockService } from '../../src/node/clock/clock-service.ts'
import { UdpNtpPort } from '../../src/node/clock/udp-ntp-port.ts'
import { asleepMs, systemClock, systemRandom, systemTimers } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { Chronyd, freeUdpPort, whyNoChronyd } from '../support/chronyd.ts'
import { lonelyNetwork } from '../support/lonely-network.ts'
import { withDirectory } from '../support/temporary.ts'

const skip = whyNoChronyd() ?? false
if (skip !== false) process.stdout.write(`skipped: ${skip}\n`)

interface Setup {
  readonly service: ClockService
  readonly stopServer: () => Promise<void>
  readonly startServer: () => void
}

/** A clock beside a real server, on a real disk. */
async function withServer(
  options: Partial<ClockOptions>,
  body: (setup: Setup) => Promise<void>,
): Promise<void> {
  const port = await freeUdpPort()
  await withDirectory(async directory => {
    let server = Chronyd.start(directory, port)
    const servers = [`127.0.0.1:${port}`]
    const environment = {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom(),
      disk: openDisk(directory),
      network: lonelyNetwork,
    }
    const ntp = new UdpNtpPort(servers, systemClock)
    const seams = { environment, ntp, asleepMs }
    const service = await ClockService.start(seams, { ...options, servers })
    try {
      await body({
        service,
        stopServer: () => server.stop(),
        startServer: () => {
          server = Chronyd.start(directory, port)
        },
      })
    } finally {
      service.close()
      await server.stop()
    }
  })
}

/**
 * How far the clock is off. Node tells whole milliseconds of the machine's clock only, so wait for
 * the next to begin, and believe it if nothing came between.
 */
function errorMs(service: ClockService): number {
  for (;;) {
    const before = Date.now()
    let [lastMs, beganMs] = [performance.now(), performance.now()]
    while (Date.now() === before) {
      lastMs = beganMs
      beganMs = performance.now()
    }
    const { atMs } = service.now()
    const endedMs = performance.now()
    // The tick came after `lastMs`, for the old millisecond was seen after it, and before now.
    if (endedMs - lastMs < 0.02) return atMs - (before + 1)
  }
}

async function until(service: ClockService, status: Status, limitMs: number): Promise<void> {
  const endMs = performance.now() + limitMs
  while (service.now().status !== status) {
    const { boundMs, status: now } = service.report()
    assert.ok(performance.now() < endMs, `${now}, bound ${boundMs}, not ${status} in ${limitMs} ms`)
    await pause(20)
  }
}

describe('beside a real chronyd', { skip, concurrency: true }, () => {
  test('the clock is right to 0.2 ms after a minute', { timeout: 150_000 }, () =>
    withServer({}, async ({ service }) => {
      await pause(60_000)
      const errors: number[] = []
      for (let sample = 0; sample < 300; sample++) {
        const error = Math.abs(errorMs(service))
        const { boundMs, status } = service.report()
        assert.ok(boundMs !== null && error <= boundMs, `${status}: off by ${error}, ${boundMs}`)
        errors.push(error)
        await pause(50)
      }
      const sorted = errors.toSorted((a, b) => a - b)
      const [p50, p99] = [0.5, 0.99].map(share => sorted[Math.floor(share * sorted.length)] ?? NaN)
      process.stdout.write(`error against chronyd: p50 ${p50} ms, p99 ${p99} ms\n`)
      assert.ok(p99 !== undefined && p99 <= 0.2, `p99 is ${p99} ms`)
    }),
  )

  test('the server dies, and comes back', { timeout: 240_000 }, () => {
    const quick = {
      pollBootMs: 300,
      pollMinMs: 500,
      pollMaxMs: 1_000,
      spacingMs: 20,
      answerMs: 200,
    }
    const limits = { syncedBoundMs: 2, unsyncedBoundMs: 2.5 }
    return withServer({ ...quick, ...limits }, async ({ service, stopServer, startServer }) => {
      await until(service, 'SYNCED', 20_000)
      await pause(5_000)
      await until(service, 'SYNCED', 20_000)
      await stopServer()
      const { boundMs, driftErrorPpm } = service.report()
      await until(service, 'HOLDOVER', 10_000)
      const promisedMs = ((limits.unsyncedBoundMs - (boundMs ?? 0)) / driftErrorPpm) * 1e6
      await until(service, 'UNSYNCED', promisedMs + 5_000)
      const toldMs = service.now().atMs
      startServer()
      await until(service, 'SYNCED', 40_000)
      assert.ok(service.now().atMs > toldMs)
    })
  })
})
