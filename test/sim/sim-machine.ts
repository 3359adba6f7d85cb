import type { Disk, Environment } from '../../src/base/environment.ts'
import { codeOf } from '../../src/base/errors.ts'
import { InlineCoder } from '../../src/node/coder/inline-coder.ts'
import type { Home, Machine } from '../../src/node/machine.ts'
import { CheckedDisk } from '../../src/storage/disk.ts'
import type { SystemCalls } from '../../src/storage/system-calls.ts'
import { sealOf } from './membership/sim-seal.ts'
import { SimHost } from './sim-host.ts'
import { SimKeyValueDrive } from './sim-key-value.ts'
import { SimNtpPort } from './sim-ntp.ts'
import type { Ending, SimPeer, SimPeerOptions } from './sim-peer.ts'
import type { World } from './world.ts'

type Program = (machine: Machine) => Promise<void>

/** Made once, before any world: it compiles code. */
const coder = await InlineCoder.create()

/** A simulated machine that whole peers run on: `Machine` over a `SimPeer` and its databases. */
export class SimMachine {
  readonly name: string
  readonly peer: SimPeer
  readonly #world: World
  readonly #databases = new Map<string, SimKeyValueDrive>()

  constructor(
    world: World,
    name: string,
    { program, ...options }: Omit<SimPeerOptions, 'program'> & { readonly program: Program },
  ) {
    this.name = name
    this.#world = world
    this.peer = world.addPeer(name, {
      ...options,
      program: (environment, peer) => program(this.#machine(environment, peer)),
    })
  }

  get databases(): ReadonlyMap<string, SimKeyValueDrive> {
    return this.#databases
  }

  crash(ending: Ending): void {
    this.peer.crash(ending)
    if (ending === 'power') for (const database of this.#databases.values()) database.cutPower()
  }

  loseDisk(): void {
    this.peer.loseDisk()
    this.#databases.clear()
  }

  #machine(environment: Environment, peer: SimPeer): Machine {
    const { clock, timers, random } = environment
    const deliver = peer.receiver()
    const secrets = random.fork('secrets')
    const seal = sealOf(this.name)
    return {
      clock,
      timers,
      random,
      turns: { afterPoll: callback => callback(), watchLag: () => () => undefined },
      secrets: size => secrets.bytes(size),
      asleepMs: () => 0,
      afterTurn: work => void Promise.resolve().then(work),
      isSignedBy: (signer, bytes, signature) => seal.verify(signer, bytes, signature),
      openHome: async path => this.#home(path, deliver),
      checkListen: async () => undefined,
      openNetwork: async (_home, { policy }) =>
        new SimHost({ fabric: this.#world.network, self: this.name, policy, timers, deliver }),
      openNtp: () => this.#ntp(deliver),
      openCoder: async () => coder,
    }
  }

  #home(path: string, deliver: (callback: () => void) => void): Home {
    const calls = this.peer.drive.calls(deliver)
    const disk = new CheckedDisk(calls)
    const make = async (name: string): Promise<Disk> => {
      try {
        await disk.makeDirectory(name)
      } catch (error) {
        if (codeOf(error) !== 'FILE_EXISTS') throw error
      }
      await disk.syncDirectory('.')
      return new CheckedDisk(within(calls, name))
    }
    return {
      path,
      identity: { peer: this.name, sign: bytes => sealOf(this.name).sign(bytes) },
      disk,
      openDirectory: make,
      openLogDirectory: async name => ({ disk: await make(name), close: async () => undefined }),
      openKeyValue: async name => this.#database(name).open(deliver),
      release: async () => undefined,
    }
  }

  #database(name: string): SimKeyValueDrive {
    const known = this.#databases.get(name)
    if (known !== undefined) return known
    const made = new SimKeyValueDrive(this.#world, `${this.name} ${name}`, {})
    this.#databases.set(name, made)
    return made
  }

  /** There are no servers: peers keep time among themselves. */
  #ntp(deliver: (callback: () => void) => void): SimNtpPort {
    const routeTo = (server: string): never => {
      throw new Error(`no way to ${server}`)
    }
    return new SimNtpPort(this.#world, { servers: new Map(), routeTo, deliver })
  }
}

/** The calls as a process sees them that was given a directory for its root. */
function within(calls: SystemCalls, directory: string): SystemCalls {
  const at = (path: string): string => (path === '.' ? directory : `${directory}/${path}`)
  return {
    ...calls,
    open: (path, mode) => calls.open(at(path), mode),
    rename: (from, to) => calls.rename(at(from), at(to)),
    remove: path => calls.remove(at(path)),
    makeDirectory: path => calls.makeDirectory(at(path)),
    list: path => calls.list(at(path)),
    syncDirectory: path => calls.syncDirectory(at(path)),
  }
}
