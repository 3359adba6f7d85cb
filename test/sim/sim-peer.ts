import type { Environment, Timers } from '../../src/base/environment.ts'
import type { Prng } from '../../src/base/prng.ts'
import { CheckedDisk } from '../../src/storage/disk.ts'
import { SimClock, type SimClockOptions } from './sim-clock.ts'
import { SimDrive, type SimDriveOptions } from './sim-drive.ts'
import { SimNetwork } from './sim-network.ts'
import type { World } from './world.ts'

export interface SimPeerOptions {
  readonly clock?: SimClockOptions
  readonly drive?: SimDriveOptions
  /** What the peer does from each start until its end; returning is a clean exit. */
  readonly program: (environment: Environment, peer: SimPeer) => Promise<void>
}

/** How a process ends: killed by itself, or with the machine. */
export type Ending = 'process' | 'power'

/**
 * A machine with a process that may come and go. Everything the process waits for (timers, disk,
 * network) comes back through `deliver`, so a process that is gone never hears of anything again,
 * and a paused one hears of everything later, in order.
 */
export class SimPeer {
  readonly name: string
  readonly world: World
  readonly clock: SimClock
  readonly drive: SimDrive
  readonly random: Prng
  readonly #program: SimPeerOptions['program']
  /** Counts starts; 0 while nothing runs would be ambiguous, hence `isRunning`. */
  #run = 0
  #isRunning = false
  #isPaused = false
  readonly #backlog: (() => void)[] = []

  constructor(world: World, name: string, { clock = {}, drive = {}, program }: SimPeerOptions) {
    this.world = world
    this.name = name
    this.random = world.random.fork(`peer ${name}`)
    this.clock = new SimClock(() => world.nowMs, clock)
    this.drive = new SimDrive(world, name, drive)
    this.#program = program
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Starts the process; `exited` tells how it ended if it did so by itself. */
  start(exited: (error: unknown) => void = error => this.#unexpected(error)): void {
    if (this.#isRunning) throw new Error(`${this.name} runs already`)
    const run = ++this.#run
    this.#isRunning = true
    this.world.note(this.name, `start ${run}`)
    this.#program(this.#environment(run), this).then(
      () => this.#exit(run, undefined, exited),
      (error: unknown) => this.#exit(run, error, exited),
    )
  }

  /** Ends the process at this very moment. With the power, what the disk has not synced is gone. */
  crash(ending: Ending): void {
    this.world.note(this.name, `crash ${ending}`)
    this.#end()
    if (ending === 'power') this.drive.cutPower()
    this.world.network.disconnect(this.name, ending)
  }

  /** The process stands still, as under SIGSTOP; the world goes on. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const delivery of this.#backlog.splice(0)) this.world.schedule(0, delivery)
  }

  /** Someone replaces the disk by an empty one. */
  loseDisk(): void {
    if (this.#isRunning) throw new Error(`${this.name} still runs`)
    this.drive.replace()
  }

  /** Wraps what a run of the process waits for. */
  receiver(): (callback: () => void) => void {
    const run = this.#run
    const deliver = (callback: () => void): void => {
      if (!this.#isRunning || this.#run !== run) return
      if (this.#isPaused) this.#backlog.push(() => deliver(callback))
      else callback()
    }
    return deliver
  }

  #environment(run: number): Environment {
    const deliver = this.receiver()
    const random = this.random.fork(`run ${run}`)
    return {
      clock: this.clock.view(random.below(1e6)),
      timers: this.#timers(deliver),
      random: random.fork('environment'),
      disk: new CheckedDisk(this.drive.calls(deliver)),
      network: new SimNetwork(this.world.network, this.name, deliver),
    }
  }

  #timers(deliver: (callback: () => void) => void): Timers {
    return {
      after: (delayMs, callback) =>
        this.world.schedule(this.clock.trueDuration(delayMs), () => deliver(callback)),
    }
  }

  #end(): void {
    this.#isRunning = false
    this.drive.closeAll()
    this.#isPaused = false
    this.#backlog.length = 0
  }

  #exit(run: number, error: unknown, exited: (error: unknown) => void): void {
    if (!this.#isRunning || this.#run !== run) return
    this.world.note(this.name, `exit ${error instanceof Error ? String(error) : 'clean'}`)
    this.#end()
    this.world.network.disconnect(this.name, 'process')
    exited(error)
  }

  #unexpected(error: unknown): void {
    if (error !== undefined) this.world.fail(error)
  }
}
