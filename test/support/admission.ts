import type { Environment, PeerId } from '../../src/base/environment.ts'
import { sleep } from '../../src/base/waiting.ts'
import { AdmissionFiles } from '../../src/node/admission/admission-files.ts'
import { Admission } from '../../src/node/admission/admission.ts'
import { parseInvite } from '../../src/node/admission/invite.ts'
import { joinNetwork } from '../../src/node/admission/join-network.ts'
import { MemberBook } from '../../src/node/admission/member-book.ts'
import {
  acceptWelcome,
  type Admitted,
  foundNetwork,
  openAdmission,
} from '../../src/node/admission/open-admission.ts'
import { Refusals } from '../../src/node/admission/refusals.ts'
import { trustIn } from '../../src/node/admission/trust.ts'
import { createLog, type Log, type LogLine } from '../../src/node/log.ts'
import type { SimPeer } from '../sim/sim-peer.ts'
import type { World } from '../sim/world.ts'

/** How a simulated peer comes to its network when its disk is empty. */
export type Beginning =
  | { readonly type: 'found' }
  | { readonly type: 'join'; readonly token: () => string; readonly zone?: string }

/** What a running peer with admission can be asked. */
export interface AdmittedPeer {
  readonly environment: Environment
  readonly admission: Admission
  readonly admitted: Admitted
  readonly refusals: Refusals
  readonly dropped: Set<PeerId>
}

/** A peer of the simulated world that does nothing but admission. */
export class AdmissionPeer {
  readonly name: PeerId
  readonly machine: SimPeer
  readonly lines: LogLine[] = []
  /** Undefined while the process does not run, or is not yet a member. */
  running: AdmittedPeer | undefined
  /** The invite it tried last: the one it got in with, if it is a member. */
  tried = ''
  /** How often it had no network to return to. */
  begins = 0
  /** Called whenever it has come to be at work as a member. */
  onRunning: () => void = () => {}
  /** Why the last start failed. */
  failure: unknown
  readonly #beginning: Beginning

  constructor(world: World, name: PeerId, beginning: Beginning) {
    this.name = name
    this.#beginning = beginning
    this.machine = world.addPeer(name, {
      program: environment => this.#run(environment),
    })
  }

  start(): void {
    this.failure = undefined
    this.machine.start(error => {
      this.running = undefined
      this.failure = error
    })
  }

  crash(ending: 'process' | 'power'): void {
    this.running = undefined
    this.machine.crash(ending)
  }

  async #run(environment: Environment): Promise<void> {
    const { clock, disk, network, timers } = environment
    const secrets = (size: number): Uint8Array => environment.random.bytes(size)
    const log: Log = createLog(
      'debug',
      line => this.lines.push(line),
      () => clock.wallMs(),
    )
    const files = new AdmissionFiles(disk)
    const admitted =
      (await openAdmission(files, clock)) ?? (await this.#begin(environment, files, secrets))
    const refusals = new Refusals(log, clock)
    const dropped = new Set<PeerId>()
    const failed = Promise.withResolvers<never>()
    const admission = new Admission({
      admitted,
      files,
      network,
      connections: {
        keep: peers => {
          // A message nobody listens to opens the connection.
          for (const peer of peers) network.sendDatagram(peer, 'hello', new Uint8Array())
        },
        disconnect: async () => undefined,
        drop: async peer => void dropped.add(peer),
      },
      environment,
      secrets,
      refusals,
      log,
      onFailure: failed.reject,
    })
    admission.start()
    this.running = { environment, admission, admitted, refusals, dropped }
    this.onRunning()
    const reconnecting = (async (): Promise<never> => {
      for (;;) {
        await sleep(timers, 2000)
        for (const { peer } of admission.members.records())
          if (peer !== network.self) network.sendDatagram(peer, 'hello', new Uint8Array())
      }
    })()
    await Promise.race([failed.promise, reconnecting])
  }

  async #begin(
    environment: Environment,
    files: AdmissionFiles,
    secrets: (size: number) => Uint8Array,
  ): Promise<Admitted> {
    const { clock, network } = environment
    const { self } = network
    const beginning = this.#beginning
    this.begins++
    if (beginning.type === 'found')
      return foundNetwork(files, { self, zone: 'zone-a', clock, secrets })
    this.tried = beginning.token()
    const invite = parseInvite(this.tried)
    const welcome = await joinNetwork(network, invite, beginning.zone ?? '')
    const book = new MemberBook(files, trustIn(invite.authority), () => clock.wallMs())
    return acceptWelcome(files, { invite, welcome, self, book })
  }
}
