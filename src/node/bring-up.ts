import { toHex } from '../base/bytes.ts'
import type { Environment } from '../base/environment.ts'
import type { Metrics } from '../base/metrics.ts'
import { Tasks } from '../base/tasks.ts'
import { profiles } from '../membership/profile.ts'
import type { NetEvent } from '../net/net-events.ts'
import { Activity, type Surroundings } from './activity.ts'
import { AdmissionFiles } from './admission/admission-files.ts'
import { Admission } from './admission/admission.ts'
import { type Invite, parseInvite } from './admission/invite.ts'
import type { MemberBook } from './admission/member-book.ts'
import { MemberPolicy } from './admission/member-policy.ts'
import { acceptWelcome, type Admitted } from './admission/open-admission.ts'
import { Refusals } from './admission/refusals.ts'
import type { ClockNotice } from './clock/clock-service.ts'
import { type PeerClock, startClock } from './clock/start-clock.ts'
import { enterNetwork } from './enter-network.ts'
import { findNetwork } from './find-network.ts'
import { introduce } from './introduce.ts'
import type { Log } from './log.ts'
import type { Home, Machine, PeerHost } from './machine.ts'
import { MemberReach } from './member-reach.ts'
import { startMembership } from './membership/membership-driver.ts'
import type { MembershipService } from './membership/membership-service.ts'
import type { NodeOptions } from './node-options.ts'
import { type PeerAgreement, startAgreement } from './peer-agreement.ts'
import { encodeNote } from './peer-note.ts'
import { type PeerStorage, type PeerStorageOptions, startStorage } from './peer-storage.ts'
import type { ServiceStack } from './service-stack.ts'
import { programVersion } from './version.ts'
import type { NodeEvent } from './views.ts'

/** The versions of the protocols between peers that this program speaks. */
const PROTOCOL = { min: 1, max: 1, current: 1 } as const
/** What the membership protocol takes of this peer's addresses. */
const ADDRESSES_TOLD_MAX = 8

export type Settings = NodeOptions & {
  readonly name: string
  readonly zone: string
  readonly log: Log
}

/** Everything a running peer consists of. */
export interface Running {
  readonly home: Home
  readonly host: PeerHost
  readonly admitted: Admitted
  readonly admission: Admission
  readonly membership: MembershipService
  readonly clock: PeerClock
  readonly agreement: PeerAgreement
  readonly storage: PeerStorage
  readonly activity: Activity
  readonly startedAtMs: number
}

export interface BringUpOptions {
  readonly settings: Settings
  readonly machine: Machine
  /** What was started is put on it, so that it can be taken down the other way round. */
  readonly stack: ServiceStack
  readonly emit: (event: NodeEvent) => void
  readonly metrics: Metrics
  /** The peer cannot go on. */
  readonly fail: (error: unknown) => void
}

/**
 * Brings the parts of a peer up in order, each leaning on those before it. What a later part needs is
 * made before it; each says how it is stopped.
 */
export class BringUp {
  readonly #options: BringUpOptions
  readonly #settings: Settings
  readonly #machine: Machine
  readonly #stack: ServiceStack

  constructor(options: BringUpOptions) {
    this.#options = options
    this.#settings = options.settings
    this.#machine = options.machine
    this.#stack = options.stack
  }

  async run(signal: AbortSignal): Promise<Running> {
    const { log, dataDirectory, join, listen } = this.#settings
    const { clock, timers, random, secrets } = this.#machine
    const invite = typeof join === 'string' ? parseInvite(join) : undefined
    const home = await this.#machine.openHome(dataDirectory)
    this.#stack.add('data directory', () => home.release())
    // Before a network is made or an invite used up for nothing.
    if (listen !== undefined) await this.#machine.checkListen(listen)

    const base = { clock, timers, random, disk: home.disk }
    const files = new AdmissionFiles(home.disk)
    const found = await findNetwork({
      settings: this.#settings,
      machine: this.#machine,
      environment: base,
      files,
      home,
      given: invite,
      founded: () => this.#options.emit({ type: 'founded' }),
      signal,
    })
    const host = await this.#openHost(base, home, found.book)
    this.#stack.add('network', () => host.stop())
    const environment: Environment = { ...base, network: host }
    signal.throwIfAborted()

    const isMember = 'credentials' in found
    const admitted = isMember
      ? found
      : await this.#join({ files, host, environment, signal, ...found })
    const tasks = new Tasks({ onFailure: ({ error }) => this.#options.fail(error) })
    this.#stack.add('tasks', () => tasks.stop())
    const reach = new MemberReach(host, environment)
    const admission = new Admission({
      admitted,
      files,
      network: host,
      connections: {
        keep: peers => reach.keep(peers),
        disconnect: peer => host.disconnect(peer),
        drop: peer => host.drop(peer),
      },
      environment,
      secrets,
      refusals: new Refusals(log, clock),
      log,
      onFailure: this.#options.fail,
    })
    const membership = await this.#startMembership(environment, host, home, admitted)
    this.#stack.add('membership', within => sayFarewell(membership, within))
    const peerClock = await this.#startClock(environment, membership, admitted.book)
    this.#stack.add('clock', async () => peerClock.stop())
    admission.start()
    this.#stack.add('admission', () => admission.stop())
    const agreement = await this.#startAgreement(
      environment,
      home,
      admitted.book,
      membership,
      peerClock,
    )
    this.#stack.add('agreement', within => agreement.close(within))
    const storage = await this.#startStorage({ environment, home, admitted, membership, agreement })
    agreement.keepFilesIn(storage.store)
    const activity = this.#startActivity({ membership, storage })

    const { emit } = this.#options
    const describe = (): Description => this.#describe(host, admitted.book)
    introduce({ host, book: admitted.book, membership, reach, describe, log, emit })
    tasks.start('find members', within => reach.run(within))
    const startedAtMs = clock.wallMs()
    const parts = { home, host, admitted, admission, membership }
    return { ...parts, clock: peerClock, agreement, storage, activity, startedAtMs }
  }

  #openHost(
    environment: Omit<Environment, 'network'>,
    home: Home,
    book: MemberBook,
  ): Promise<PeerHost> {
    const {
      listen,
      announce = [],
      lanePort,
      wirePort,
      mdns = false,
      nat = {},
      log,
    } = this.#settings
    return this.#machine.openNetwork(home, {
      networkId: toHex(book.table.trust.networkId),
      policy: new MemberPolicy(book),
      environment,
      listen,
      announce,
      ...(lanePort !== undefined && { lane: { port: lanePort } }),
      ...(wirePort !== undefined && { wire: { port: wirePort } }),
      mdns,
      nat,
      onEvent: event => logNetwork(log, event),
    })
  }

  async #join({
    files,
    host,
    environment,
    signal,
    invite,
    book,
  }: {
    files: AdmissionFiles
    host: PeerHost
    environment: Environment
    signal: AbortSignal
    invite: Invite
    book: MemberBook
  }): Promise<Admitted> {
    const { zone, log } = this.#settings
    log.info('joining', { host: invite.host, addresses: invite.addresses })
    const welcome = await enterNetwork(host, invite, { environment, zone, log, signal })
    log.info('joined')
    return acceptWelcome(files, { invite, welcome, self: host.self, book })
  }

  #startMembership(
    environment: Environment,
    host: PeerHost,
    { identity }: Home,
    { book }: Admitted,
  ): Promise<MembershipService> {
    const { profile = 'lan', log } = this.#settings
    const { isSignedBy, turns } = this.#machine
    return startMembership({
      environment,
      network: toHex(book.table.trust.networkId),
      description: this.#describe(host, book),
      seal: { sign: bytes => identity.sign(bytes), verify: isSignedBy },
      profile: profiles[profile],
      admits: peer => book.statusOf(peer).state === 'member',
      turns,
      onRefused: ({ from, reason }) =>
        log.warn('refused', { what: 'membership', peer: from, why: reason }),
      onFailure: this.#options.fail,
    })
  }

  #startClock(
    environment: Environment,
    membership: MembershipService,
    book: MemberBook,
  ): Promise<PeerClock> {
    const { ntp: servers = [], log } = this.#settings
    const { asleepMs } = this.#machine
    const { emit } = this.#options
    const ntp = this.#machine.openNtp(servers)
    const onNotice = (notice: ClockNotice): void =>
      emit(
        notice.type === 'status'
          ? { type: 'clock', from: notice.from, to: notice.to }
          : { type: 'clock disturbed', what: notice.what },
      )
    return startClock({ environment, ntp, asleepMs, servers, membership, book, log, onNotice })
  }

  #startAgreement(
    environment: Environment,
    home: Home,
    book: MemberBook,
    membership: MembershipService,
    peerClock: PeerClock,
  ): Promise<PeerAgreement> {
    const { profile = 'lan', machines = {}, log } = this.#settings
    const { emit: onEvent, fail: onFailure, metrics } = this.#options
    const { afterTurn } = this.#machine
    const protocol = PROTOCOL.current
    const parts = { environment, home, afterTurn, book, membership, protocol, profile }
    const stampMs = (): number => peerClock.service.now().atMs
    const told = { metrics, log, onEvent, onFailure }
    return startAgreement({ ...parts, stampMs, machines, ...told })
  }

  #startStorage(
    parts: Pick<
      PeerStorageOptions,
      'environment' | 'home' | 'admitted' | 'membership' | 'agreement'
    >,
  ): Promise<PeerStorage> {
    const { capacityBytes, repairGraceMs: graceMs } = this.#settings
    const upkeep = graceMs === undefined ? {} : { graceMs }
    const { fail: onFailure } = this.#options
    return startStorage(
      { ...parts, machine: this.#machine, capacityBytes, upkeep, onFailure },
      (name, stop) => this.#stack.add(name, stop),
    )
  }

  #startActivity({
    membership,
    storage: { upkeep, fragments },
  }: Pick<Running, 'membership' | 'storage'>): Activity {
    const { clock, timers } = this.#machine
    const around = (): Surroundings => {
      const { waiting, running, repairedBytes: repairedBytesTotal } = upkeep.upkeep()
      return {
        repairWaiting: waiting,
        repairRunning: running,
        repairedBytesTotal,
        usedBytes: fragments.store.usage.usedBytes,
        peersAlive: membership.roster().filter(({ state }) => state === 'alive').length,
      }
    }
    const activity = new Activity({ clock, timers, around })
    this.#stack.add('activity', async () => activity.stop())
    return activity
  }

  #describe(host: PeerHost, book: MemberBook): Description {
    const status = book.statusOf(host.self)
    return {
      addresses: host.addresses().slice(0, ADDRESSES_TOLD_MAX),
      zone: status.state === 'member' ? status.certificate.zone : this.#settings.zone,
      version: programVersion(),
      protocol: PROTOCOL,
      meta: encodeNote({ name: this.#settings.name }),
    }
  }
}

type Description = Parameters<MembershipService['describe']>[0]

/** To nobody it would only take time. */
async function sayFarewell(membership: MembershipService, signal: AbortSignal): Promise<void> {
  const isAlone = membership.roster().every(({ isSelf, state }) => isSelf || state !== 'alive')
  if (isAlone || signal.aborted) return membership.stop()
  signal.addEventListener('abort', () => void membership.stop(), { once: true })
  return membership.leave()
}

function logNetwork(log: Log, event: NetEvent): void {
  const { type, ...fields } = event
  log[levelOf(event)](type, fields)
}

/** Strangers are asked who they are, as libp2p does, before they have joined; that is no offence. */
function levelOf(event: NetEvent): 'debug' | 'info' | 'warn' {
  if (event.type === 'listening') return event.addresses.length > 0 ? 'info' : 'debug'
  if (event.type === 'lane' || event.type === 'wire') return 'debug'
  const isIdentify = event.type === 'refused' && /\/id\/(push\/)?1\.0\.0$/.test(event.detail)
  return isIdentify ? 'debug' : 'warn'
}
