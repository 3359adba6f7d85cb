import { randomBytes } from 'node:crypto'

import { toHex } from '../base/bytes.ts'
import type { Disk, Environment, PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { Tasks } from '../base/tasks.ts'
import type { MembershipChange } from '../membership/core-types.ts'
import { profiles } from '../membership/profile.ts'
import { type Identity, isSignedBy, openIdentity } from '../net/identity.ts'
import type { NetEvent } from '../net/net-events.ts'
import type { NetworkHost } from '../net/network-host.ts'
import { openNetwork } from '../net/open-network.ts'
import { openDisk } from '../storage/disk.ts'
import { AdmissionFiles } from './admission/admission-files.ts'
import { Admission, type InviteOptions } from './admission/admission.ts'
import { type Invite, parseInvite } from './admission/invite.ts'
import { leadsInto } from './admission/join-network.ts'
import { MemberBook } from './admission/member-book.ts'
import { MemberPolicy } from './admission/member-policy.ts'
import type { MemberRecord } from './admission/member-record.ts'
import {
  acceptWelcome,
  type Admitted,
  foundNetwork,
  openAdmission,
} from './admission/open-admission.ts'
import { Refusals } from './admission/refusals.ts'
import { trustIn } from './admission/trust.ts'
import type { ClockReport } from './clock/clock-report.ts'
import type { ClockNotice } from './clock/clock-service.ts'
import { type PeerClock, startClock } from './clock/start-clock.ts'
import { markFounding, unmarkFounding } from './consensus/founding.ts'
import type { GroupView } from './consensus/group-view.ts'
import type { HoldfastNode } from './create-node.ts'
import { type DataDirectory, openDataDirectory } from './data-directory.ts'
import { enterNetwork } from './enter-network.ts'
import { type NodeKv, nodeKv } from './kv/node-kv.ts'
import { checkListen, defaultListen } from './listen-addresses.ts'
import type { Log } from './log.ts'
import { MemberReach } from './member-reach.ts'
import { startMembership } from './membership/membership-driver.ts'
import type { MembershipService } from './membership/membership-service.ts'
import { nodeTurns } from './membership/turns.ts'
import type { NodeOptions } from './node-options.ts'
import { type PeerAgreement, startAgreement } from './peer-agreement.ts'
import { encodeNote } from './peer-note.ts'
import { peersOf, resolvePeer, statusOf } from './peer-views.ts'
import { ServiceStack } from './service-stack.ts'
import { systemClock, systemRandom, systemTimers } from './system.ts'
import { programVersion } from './version.ts'
import type { NodeEvent, NodeState, NodeStatus, PeerView } from './views.ts'

/** The versions of the protocols between peers that this program speaks. */
const PROTOCOL = { min: 1, max: 1, current: 1 } as const
/** `stop` ends before ten seconds are over. */
const STOP_MS = 9000
/** What the membership protocol takes of this peer's addresses. */
const ADDRESSES_TOLD_MAX = 8

type Settings = NodeOptions & {
  readonly name: string
  readonly zone: string
  readonly log: Log
}

/** Everything a running peer consists of. */
export interface Running {
  readonly directory: DataDirectory
  readonly host: NetworkHost
  readonly admitted: Admitted
  readonly admission: Admission
  readonly membership: MembershipService
  readonly clock: PeerClock
  readonly agreement: PeerAgreement
  readonly startedAtMs: number
}

/**
 * The owner of a peer's life: brings its parts up in order, each leaning on those before it, and
 * takes them down the other way round.
 */
export class Peer implements HoldfastNode {
  readonly settings: Settings
  readonly version: string = programVersion()
  readonly kv: NodeKv = nodeKv(() => this.#require().agreement.kv)
  #state: NodeState = 'new'
  #running: Running | undefined
  #stack: ServiceStack
  #starting: Promise<void> | undefined
  #abort = new AbortController()
  #stopping: Promise<void> | undefined
  readonly #listeners = new Set<(event: NodeEvent) => void>()

  constructor(settings: Settings) {
    this.settings = settings
    this.#stack = new ServiceStack(settings.log)
  }

  get state(): NodeState {
    return this.#state
  }

  async start({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#starting !== undefined) throw new RangeError('a peer is started once at a time')
    this.#enter('starting')
    this.#abort = new AbortController()
    const abort = (): void => this.#abort.abort(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    this.#starting = this.#bringUp(this.#abort.signal)
    try {
      signal?.throwIfAborted()
      await this.#starting
      this.#enter('running')
    } catch (error) {
      await this.stop()
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  stop({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#stopping ??= this.#takeDown(signal).finally(() => (this.#stopping = undefined))
    return this.#stopping
  }

  async invite(options: InviteOptions = {}): Promise<string> {
    const { admission, host } = this.#require()
    return admission.invite(options, invitingAddresses(host))
  }

  async ban(peer: string): Promise<void> {
    const { admission } = this.#require()
    await admission.ban(resolvePeer(this.peers(), peer))
  }

  peers(): readonly PeerView[] {
    return peersOf(this.#require())
  }

  status(): NodeStatus {
    return statusOf(this, this.#require())
  }

  clock(): ClockReport {
    return this.#require().clock.service.report()
  }

  async groups(): Promise<readonly GroupView[]> {
    return this.#require().agreement.groups()
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The parts in order. What a later part needs is made before it; each says how it is stopped. */
  async #bringUp(signal: AbortSignal): Promise<void> {
    const { log, dataDirectory, join, listen } = this.settings
    const invite = join === undefined ? undefined : parseInvite(join)

    const directory = await openDataDirectory(dataDirectory)
    this.#stack.add('data directory', () => directory.release())
    // Before a network is made or an invite used up for nothing.
    if (listen !== undefined) await checkListen(listen)

    const identity = await openIdentity(directory.identityPath)
    const disk = openDisk(directory.path)
    const base = { clock: systemClock, timers: systemTimers, random: systemRandom(), disk }
    const files = new AdmissionFiles(disk)
    const found = await this.#findNetwork(files, disk, identity, invite)

    const refusals = new Refusals(log, systemClock)
    const host = await this.#openHost(base, identity, found.book)
    this.#stack.add('network', () => host.stop())
    const environment: Environment = { ...base, network: host }
    signal.throwIfAborted()

    const admitted =
      'credentials' in found
        ? found
        : await this.#join({ files, host, environment, signal, ...found })
    const onFailure = (error: unknown): void => this.#fail(error)
    const tasks = new Tasks({ onFailure: ({ error }) => onFailure(error) })
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
      refusals,
      log,
      onFailure,
    })

    const membership = await this.#startMembership(environment, host, identity, admitted)
    this.#stack.add('membership', within => sayFarewell(membership, within))
    const clock = await this.#startClock(environment, membership, admitted.book)
    this.#stack.add('clock', async () => clock.stop())
    admission.start()
    this.#stack.add('admission', () => admission.stop())
    const agreement = await startAgreement({
      environment,
      directory: directory.path,
      book: admitted.book,
      membership,
      protocol: PROTOCOL.current,
      profile: this.settings.profile ?? 'lan',
      log,
      onEvent: event => this.#emit(event),
      onFailure,
    })
    this.#stack.add('agreement', within => agreement.close(within))

    this.#connect({ host, admitted, membership }, reach)
    tasks.start('find members', within => reach.run(within))
    this.#running = {
      directory,
      host,
      admitted,
      admission,
      membership,
      clock,
      agreement,
      startedAtMs: systemClock.wallMs(),
    }
  }

  /** The network this directory belongs to, a new one, or the one that the invite leads into. */
  async #findNetwork(
    files: AdmissionFiles,
    disk: Disk,
    { peer: self }: Identity,
    invite: Invite | undefined,
  ): Promise<Admitted | { readonly book: MemberBook; readonly invite: Invite }> {
    const { zone, log, dataDirectory } = this.settings
    const admitted = await openAdmission(files, systemClock)
    if (admitted !== undefined) {
      const { credentials } = admitted
      if (credentials.self !== self) throw foreign(dataDirectory, 'its identity was replaced')
      if (invite !== undefined && !leadsInto(invite, credentials.authority))
        throw foreign(dataDirectory, 'it belongs to another network than the invite')
      if (invite !== undefined) log.info('a member already, so the invite is not used')
      return admitted
    }
    if (invite !== undefined) {
      await unmarkFounding(disk)
      const book = new MemberBook(files, trustIn(invite.authority), () => systemClock.wallMs())
      return { book, invite }
    }
    log.info('making a network')
    await markFounding(disk)
    const founded = await foundNetwork(files, { self, zone, clock: systemClock, secrets })
    this.#emit({ type: 'founded' })
    return founded
  }

  async #openHost(
    environment: Omit<Environment, 'network'>,
    identity: Identity,
    book: MemberBook,
  ): Promise<NetworkHost> {
    const { listen, mdns = false, nat = {} } = this.settings
    return openNetwork({
      networkId: toHex(book.table.trust.networkId),
      identity,
      policy: new MemberPolicy(book),
      environment,
      listen: listen ?? (await defaultListen()),
      mdns,
      nat,
      onEvent: event => this.#logNetwork(event),
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
    host: NetworkHost
    environment: Environment
    signal: AbortSignal
    invite: Invite
    book: MemberBook
  }): Promise<Admitted> {
    const { zone, log } = this.settings
    log.info('joining', { host: invite.host, addresses: invite.addresses })
    const welcome = await enterNetwork(host, invite, { environment, zone, log, signal })
    log.info('joined')
    return acceptWelcome(files, { invite, welcome, self: host.self, book })
  }

  #startMembership(
    environment: Environment,
    host: NetworkHost,
    identity: Identity,
    { book }: Admitted,
  ): Promise<MembershipService> {
    const { profile = 'lan', log } = this.settings
    return startMembership({
      environment,
      network: toHex(book.table.trust.networkId),
      description: this.#describe(host, book),
      seal: { sign: bytes => identity.sign(bytes), verify: isSignedBy },
      profile: profiles[profile],
      admits: peer => book.statusOf(peer).state === 'member',
      turns: nodeTurns,
      onRefused: ({ from, reason }) =>
        log.warn('refused', { what: 'membership', peer: from, why: reason }),
      onFailure: error => this.#fail(error),
    })
  }

  #startClock(
    environment: Environment,
    membership: MembershipService,
    book: MemberBook,
  ): Promise<PeerClock> {
    const { ntp: servers = [], log } = this.settings
    const onNotice = (notice: ClockNotice): void =>
      this.#emit(
        notice.type === 'status'
          ? { type: 'clock', from: notice.from, to: notice.to }
          : { type: 'clock disturbed', what: notice.what },
      )
    return startClock({ environment, servers, membership, book, log, onNotice })
  }

  #describe(host: NetworkHost, book: MemberBook): Parameters<MembershipService['describe']>[0] {
    const status = book.statusOf(host.self)
    return {
      addresses: host.addresses().slice(0, ADDRESSES_TOLD_MAX),
      zone: status.state === 'member' ? status.certificate.zone : this.settings.zone,
      version: this.version,
      protocol: PROTOCOL,
      meta: encodeNote({ name: this.settings.name }),
    }
  }

  /** What one part learns, the others are told. */
  #connect(
    { host, admitted, membership }: Pick<Running, 'host' | 'admitted' | 'membership'>,
    reach: MemberReach,
  ): void {
    const { book } = admitted
    const others = (): PeerId[] =>
      book
        .records()
        .map(({ peer }) => peer)
        .filter(peer => peer !== host.self && book.statusOf(peer).state === 'member')
    host.onAddresses(() => membership.describe(this.#describe(host, book)))
    host.onPeer(({ peer, state }) => {
      // One that was admitted after the others had told of it.
      if (state === 'up' && membership.peer(peer) === undefined) membership.join([peer])
    })
    for (const { peer, addresses, isSelf } of membership.roster())
      if (!isSelf) reach.learn(peer, addresses)
    membership.onChange(change => {
      if (change.kind === 'ALIVE')
        reach.learn(change.peer, membership.peer(change.peer)?.addresses ?? [])
      this.#peerChanged(change, host)
    })
    book.onChange(record => this.#recordChanged(record, membership))
    // Of many a newcomer knows as yet that they exist, not where; the protocol asks one by one.
    const reachable = others().filter(peer => host.addressesOf(peer).length > 0)
    membership.join(reachable.length > 0 ? reachable : others())
  }

  #peerChanged(change: MembershipChange, host: NetworkHost): void {
    const { peer, kind, why } = change
    const state = kind.toLowerCase() as Lowercase<typeof kind>
    // A frozen peer keeps its connections: only a new one tells whether it is back.
    if (kind === 'DEAD') void host.disconnect(peer)
    this.settings.log.info('peer', { peer, state, why })
    this.#emit({ type: 'peer', peer, state, why })
  }

  #recordChanged(record: MemberRecord, membership: MembershipService): void {
    const { peer } = record
    if (record.kind === 'certificate') {
      this.#emit({ type: 'admitted', peer, role: record.role, zone: record.zone })
      return
    }
    membership.expel(peer)
    this.#emit({ type: 'banned', peer })
  }

  #logNetwork(event: NetEvent): void {
    const { type, ...fields } = event
    this.settings.log[levelOf(event)](type, fields)
  }

  async #takeDown(signal: AbortSignal | undefined): Promise<void> {
    if (this.#state === 'new' || this.#state === 'stopped') return
    this.#enter('stopping')
    this.#abort.abort(new HoldfastError('Cannot start: stopped', { code: 'CLOSED', what: 'peer' }))
    // What is still coming up must be there before it can be taken down.
    await this.#starting?.catch(() => undefined)
    const signals = signal === undefined ? [] : [signal]
    await this.#stack.stop(AbortSignal.any([AbortSignal.timeout(STOP_MS), ...signals]))
    this.#running = undefined
    this.#starting = undefined
    this.#enter('stopped')
  }

  #fail(error: unknown): void {
    this.settings.log.error('failed', { reason: String(error) })
    this.#emit({ type: 'failed', error })
    void this.stop()
  }

  #enter(state: NodeState): void {
    this.#state = state
    this.#emit({ type: 'state', state })
  }

  #emit(event: NodeEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #require(): Running {
    if (this.#running !== undefined) return this.#running
    throw new HoldfastError('Cannot do that: the peer is not running', {
      code: 'CLOSED',
      what: 'peer',
    })
  }
}

/** To nobody it would only take time. */
async function sayFarewell(membership: MembershipService, signal: AbortSignal): Promise<void> {
  const isAlone = membership.roster().every(({ isSelf, state }) => isSelf || state !== 'alive')
  if (isAlone || signal.aborted) return membership.stop()
  signal.addEventListener('abort', () => void membership.stop(), { once: true })
  return membership.leave()
}

const secrets = (size: number): Uint8Array => new Uint8Array(randomBytes(size))

/** Strangers are asked who they are, as libp2p does, before they have joined; that is no offence. */
function levelOf(event: NetEvent): 'debug' | 'info' | 'warn' {
  if (event.type === 'listening') return event.addresses.length > 0 ? 'info' : 'debug'
  if (event.type === 'lane') return 'debug'
  const isIdentify = event.type === 'refused' && /\/id\/(push\/)?1\.0\.0$/.test(event.detail)
  return isIdentify ? 'debug' : 'warn'
}

const isLocal = (address: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)

/** Where a newcomer is sent: addresses others can reach first, this machine's own last. */
function invitingAddresses(host: NetworkHost): readonly string[] {
  const addresses = host.addresses().map(address => address.replace(/\/p2p\/[^/]+$/, ''))
  return [...addresses.filter(each => !isLocal(each)), ...addresses.filter(isLocal)]
}

const foreign = (path: string, reason: string): HoldfastError =>
  new HoldfastError(`Cannot use ${path}: ${reason}`, { code: 'FOREIGN_STORE', path, reason })
