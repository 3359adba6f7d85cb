import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import type { Disk } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { type Identity, isSignedBy, openIdentity } from '../net/identity.ts'
import { openNetwork } from '../net/open-network.ts'
import { openDisk } from '../storage/disk.ts'
import { LevelKeyValue } from '../storage/level-key-value.ts'
import { ThreadedDisk } from '../storage/threaded-disk.ts'
import { UdpNtpPort } from './clock/udp-ntp-port.ts'
import { CoderPool } from './coder/coder-pool.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import { checkListen, defaultListen } from './listen-addresses.ts'
import type { Home, Machine } from './machine.ts'
import { nodeTurns } from './membership/turns.ts'
import { asleepMs, systemClock, systemRandom, systemTimers } from './system.ts'
import { turnEnds } from './turn-ends.ts'

/** The machine that this process runs on. */
export const systemMachine = (): Machine => ({
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom(),
  turns: nodeTurns,
  secrets: size => new Uint8Array(randomBytes(size)),
  asleepMs,
  afterTurn: turnEnds(work => void setImmediate(work)),
  isSignedBy,
  openHome: openSystemHome,
  checkListen,
  openNetwork: async (home, options) => {
    const { identity } = home as SystemHome
    const listen = options.listen ?? (await defaultListen())
    return openNetwork({ ...options, identity, listen })
  },
  openNtp: servers => new UdpNtpPort(servers, systemClock),
  openCoder: () => CoderPool.create(),
})

class SystemHome implements Home {
  readonly path: string
  readonly identity: Identity
  readonly disk: Disk
  readonly #directory: DataDirectory

  constructor(directory: DataDirectory, identity: Identity) {
    this.path = directory.path
    this.identity = identity
    this.disk = openDisk(directory.path)
    this.#directory = directory
  }

  async openDirectory(name: string): Promise<Disk> {
    return openDisk(await this.#make(name))
  }

  async openLogDirectory(name: string): Promise<{ disk: Disk; close(): Promise<void> }> {
    const disk = new ThreadedDisk(await this.#make(name))
    return { disk, close: () => disk.close() }
  }

  async openKeyValue(name: string): Promise<LevelKeyValue> {
    return LevelKeyValue.open(await this.#make(name))
  }

  release(): Promise<void> {
    return this.#directory.release()
  }

  async #make(name: string): Promise<string> {
    try {
      await this.disk.makeDirectory(name)
    } catch (error) {
      if (codeOf(error) !== 'FILE_EXISTS') throw error
    }
    await this.disk.syncDirectory('.')
    return join(this.path, name)
  }
}

async function openSystemHome(path: string): Promise<Home> {
  const directory = await openDataDirectory(path)
  try {
    return new SystemHome(directory, await openIdentity(directory.identityPath))
  } catch (error) {
    await directory.release()
    throw error
  }
}
