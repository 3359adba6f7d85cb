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
export async function watchShare(): Promise<number> {
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
    await pause(1_000)
    const before = process.cpuUsage()
    await pause(MEASURED_MS)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000 / MEASURED_MS
  } finally {
    service.close()
    rmSync(directory, { recursive: true })
  }
}
