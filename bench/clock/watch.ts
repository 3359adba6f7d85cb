import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import { ClockService } from '../../src/node/clock/clock-service.ts'
import { UdpNtpPort } from '../../src/node/clock/udp-ntp-port.ts'
import { asleepMs, systemClock, systemRandom, systemTimers } from '../../src/node/system.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { lonelyNetwork } from '../../test/support/lonely-network.ts'

const MEASURED_MS = 10_000

/** CPU of a real service that has nobody to ask: only its looks at the machine's clocks. */
export const watchShare = (): Promise<number> =>
  withRealService(async () => {
    await pause(1_000)
    const before = process.cpuUsage()
    await pause(MEASURED_MS)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000 / MEASURED_MS
  })

/** A clock with everything real about it but that there is nobody else. */
export async function withRealService<Result>(
  body: (service: ClockService) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const service = await ClockService.start({
    environment: {
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom(),
      disk: openDisk(directory),
      network: lonelyNetwork,
    },
    ntp: new UdpNtpPort([], systemClock),
    asleepMs,
  })
  try {
    await service.stamp()
    return await body(service)
  } finally {
    service.close()
    rmSync(directory, { recursive: true })
  }
}
