import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import type { Log } from '../log.ts'
import type { AdmissionFiles } from './admission-files.ts'
import { AuthorityDriver } from './authority-driver.ts'
import { Authority, type AuthorityEvent, INVITE_USES_MAX, joinRefused } from './authority.ts'
import { derivedKey } from './derived-key.ts'
import { signerOf } from './ed25519.ts'
import {
  formatInvite,
  INVITE_ADDRESSES_MAX,
  INVITE_ID_BYTES,
  INVITE_SECRET_BYTES,
} from './invite.ts'
import {
  decodeJoinRequest,
  encodeJoinRequest,
  encodeWelcome,
  JOIN_PROTOCOL,
  NONCE_BYTES,
  WELCOME_RECORDS_MAX,
} from './join-messages.ts'
import { type MemberBook, type Members } from './member-book.ts'
import {
  isZone,
  type MemberRecord,
  openRecord,
  type Role,
  ZONE_BYTES_MAX,
} from './member-record.ts'
import type { Admitted, Secrets } from './open-admission.ts'
import type { Refusals } from './refusals.ts'
import { Renewal } from './renewal.ts'
import { RequestBudget } from './request-budget.ts'
import { Spread } from './spread.ts'

const ANSWER_MS = 5000
/** How long after a connection was made a member that knows us would have said something. */
const PRESENT_AFTER_MS = 1000

/** What admission asks of the network beyond the seam. */
interface Connections {
  /** The peers to stay connected with. */
  keep(peers: readonly PeerId[]): void
  /** Closes the connections to a peer, which may come back. */
  disconnect(peer: PeerId): Promise<void>
  /** Closes the connections to a peer that has lost its rights, and forgets it. */
  drop(peer: PeerId): Promise<void>
}

export interface AdmissionOptions {
  readonly admitted: Admitted
  readonly files: AdmissionFiles
  readonly network: Network
  readonly connections: Connections
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly secrets: Secrets
  readonly refusals: Refusals
  readonly log: Log
  /** Told of a loop that failed, above all because the disk did. */
  readonly onFailure: (error: unknown) => void
}

export interface InviteOptions {
  /** @default 'full' */
  readonly role?: Role | undefined
  /** How many peers may join with it. @default 1 */
  readonly uses?: number | undefined
  /** @default one hour */
  readonly expiresInMs?: number | undefined
  /** The zone of those who join with it; by default they choose. */
  readonly zone?: string | undefined
}

const HOUR_MS = 3_600_000
/** A year: who needs longer can make another. */
const INVITE_MS_MAX = 365 * 24 * HOUR_MS
/** Above this many members a peer keeps connections to some of them only. */
const KEPT_MAX = 150

/**
 * Lets peers into the network and out of it, on every member: answers newcomers where the authority
 * is, believes certificates anywhere, spreads records, acts on bans, and renews its own certificate.
 */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #authority: AuthorityDriver | undefined
  readonly #tasks: Tasks
  readonly #spread: Spread
  readonly #requests: RequestBudget

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { admitted, environment } = options
    this.#tasks = new Tasks({ onFailure: ({ error }) => options.onFailure(error) })
    this.#requests = new RequestBudget(environment.clock)
    this.#spread = new Spread({
      ...options,
      book: admitted.book,
      tasks: this.#tasks,
      onHeard: record => this.#reconnect(record),
    })
    this.#authority = startAuthority(options, record => this.#spread.push(record, true))
  }

  get members(): Members {
    return this.#book
  }

  start(): void {
    const { network } = this.#options
    network.onRequest(JOIN_PROTOCOL, (from, body) => this.#serve(from, body))
    network.onPeer(({ peer, state }) => {
      if (state === 'up') this.#present(peer)
    })
    this.#book.onChange(record => this.#changed(record))
    this.#spread.start()
    this.#keepMembers()
    this.#tasks.start('renew the certificate', signal => this.#renewal().run(signal))
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    await this.#tasks.stop()
  }

  /**
   * A token that lets peers in. The invite is durable before it is returned.
   * @param addresses where this peer can be reached, best first
   * @throws {HoldfastError} `NO_AUTHORITY`, `BUSY`; {RangeError} for options out of range
   */
  async invite(
    { role = 'full', uses = 1, expiresInMs = HOUR_MS, zone = '' }: InviteOptions,
    addresses: readonly string[],
  ): Promise<string> {
    checkRange('uses', uses, INVITE_USES_MAX)
    checkRange('expiresInMs', expiresInMs, INVITE_MS_MAX)
    if (!isZone(zone)) throw new RangeError(`zone has at most ${ZONE_BYTES_MAX} bytes`)
    const { admitted, environment, secrets, network } = this.#options
    const invite = {
      id: secrets(INVITE_ID_BYTES),
      secret: secrets(INVITE_SECRET_BYTES),
      role,
      uses,
      zone,
      // Whole seconds, as the token has it.
      expiresAtMs: Math.ceil((environment.clock.wallMs() + expiresInMs) / 1000) * 1000,
    }
    await this.#decide({ type: 'invite', invite })
    return formatInvite({
      ...invite,
      authority: admitted.credentials.authority,
      host: network.self,
      addresses: addresses.slice(0, INVITE_ADDRESSES_MAX),
    })
  }

  /**
   * Bans a peer for good. It is served nothing here when this returns, and cut off everywhere within
   * seconds; those it is connected with tell it why.
   * @throws {HoldfastError} `NO_AUTHORITY`, `NOT_A_MEMBER`
   */
  async ban(peer: PeerId): Promise<void> {
    await this.#decide({ type: 'ban', peer })
  }

  get #book(): MemberBook {
    return this.#options.admitted.book
  }

  /** Puts an event to the authority, if it is here; returns the answer to a request. */
  async #decide(event: AuthorityEvent): Promise<Uint8Array> {
    if (this.#authority === undefined) throw this.#noAuthority(event)
    const outcome = await this.#authority.decide(event)
    switch (outcome.type) {
      case 'challenge':
        return outcome.nonce
      case 'welcome':
        return this.#welcome(outcome.record, outcome.role)
      case 'refuse':
        if (event.type === 'request')
          this.#options.refusals.note(event.request.type, event.from, outcome.why)
        throw outcome.told
      case 'done':
        return new Uint8Array()
    }
  }

  /**
   * 32 bytes for one purpose, out of the key that full members share.
   * @throws {HoldfastError} `NO_AUTHORITY` on storage members
   */
  deriveKey(purpose: string): Uint8Array {
    const { networkKey, holder } = this.#options.admitted.credentials
    if (networkKey !== undefined) return derivedKey(networkKey, purpose)
    throw new HoldfastError(`Cannot derive a key for ${purpose}: storage members have none`, {
      code: 'NO_AUTHORITY',
      holder,
    })
  }

  #welcome(record: Uint8Array, role: Role): Uint8Array {
    const { networkKey } = this.#options.admitted.credentials
    return encodeWelcome({
      record,
      others: this.#recordsForNewcomers(),
      networkKey: role === 'full' ? networkKey : undefined,
    })
  }

  /** What a stranger or a member asks over the open protocol. */
  async #serve(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const { refusals } = this.#options
    if (!this.#requests.take(from)) {
      refusals.note('join', from, 'too many attempts')
      throw joinRefused('too-many-attempts')
    }
    try {
      const request = decodeJoinRequest(body)
      if (request.type === 'present') return await this.#acquaint(from, request.record)
      const nonce = this.#options.secrets(NONCE_BYTES)
      return await this.#decide({ type: 'request', from, request, nonce })
    } catch (error) {
      if (codeOf(error) !== 'JOIN_REFUSED') refusals.note('join', from, (error as Error).message)
      throw error
    }
  }

  /** Looks at the certificate a peer shows. Answers 1 if it was news, 0 if not. */
  async #acquaint(from: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const record = openRecord(bytes, this.#book.table.trust)
    if (record.kind !== 'certificate' || record.peer !== from)
      throw new HoldfastError(`Cannot accept the certificate of ${record.peer}: ${from} shows it`, {
        code: 'UNTRUSTED',
        what: 'certificate',
        peer: from,
      })
    const before = this.#book.statusOf(from).state
    if (this.#book.learn(bytes) !== undefined) this.#spread.push(bytes, false)
    await this.#book.saved()
    const { state } = this.#book.statusOf(from)
    if (state !== 'member')
      throw new HoldfastError(`Cannot accept the certificate of ${from}: it is ${state}`, {
        code: 'NOT_A_MEMBER',
        peer: from,
      })
    return Uint8Array.of(before === 'member' ? 0 : 1)
  }

  /** This peer's own, and as many of others as fit. */
  #recordsForNewcomers(): readonly Uint8Array[] {
    const { self } = this.#options.network
    const { table } = this.#book
    const own = table.recordOf(self)
    const others = table.signedRecords().filter(record => record !== own)
    return [...(own === undefined ? [] : [own]), ...others].slice(0, WELCOME_RECORDS_MAX)
  }

  /** Shows this peer's certificate to one that says nothing: it may take this peer for a stranger. */
  #present(peer: PeerId): void {
    if (this.#book.statusOf(peer).state !== 'member' || this.#tasks.signal.aborted) return
    this.#tasks.start('present the certificate', async signal => {
      const { network, connections, environment, log } = this.#options
      await sleep(environment.timers, PRESENT_AFTER_MS, signal)
      if (this.#spread.hasHeardOf(peer) || !network.connected().includes(peer)) return
      const record = this.#book.table.recordOf(network.self)
      if (record === undefined) return
      try {
        const body = encodeJoinRequest({ type: 'present', record })
        const answer = await network.request(peer, JOIN_PROTOCOL, {
          body,
          deadlineMs: ANSWER_MS,
          signal,
        })
        // What the other side refused before it knew us is only asked for on a new connection.
        if (answer[0] === 1) await connections.disconnect(peer)
      } catch (error) {
        if (codeOf(error) === undefined) throw error
        log.debug('certificate not presented', { peer, reason: (error as Error).message })
      }
    })
  }

  /**
   * A member that came before its certificate was taken for a stranger, and what it was refused then
   * is only asked for again on a new connection.
   */
  #reconnect({ kind, peer }: MemberRecord): void {
    const { network, connections } = this.#options
    if (kind === 'certificate' && !network.connected().includes(peer))
      this.#tasks.start('reconnect a member', () => connections.disconnect(peer))
  }

  #changed(record: MemberRecord): void {
    const { admitted, connections, log, network } = this.#options
    const { credentials } = admitted
    const { peer } = record
    this.#keepMembers()
    if (record.kind === 'certificate') {
      log.info('member', { peer, role: record.role, zone: record.zone, serial: record.serial })
      return
    }
    if (peer === network.self) {
      log.error('banned from the network', { serial: record.serial, by: credentials.holder })
      return
    }
    log.warn('banned', { peer, serial: record.serial })
    if (this.#tasks.signal.aborted) return
    this.#tasks.start('drop the banned', async signal => {
      await this.#spread.tellBanned(peer, signal)
      await connections.drop(peer)
    })
  }

  /** All members, or in a large network those that follow this peer in the order of ids. */
  #keepMembers(): void {
    const { network, connections } = this.#options
    const others = this.#book
      .records()
      .map(({ peer }) => peer)
      .filter(peer => peer !== network.self && this.#book.statusOf(peer).state === 'member')
    const next = others.filter(peer => peer > network.self)
    const wrapped = others.filter(peer => peer < network.self)
    connections.keep([...next, ...wrapped].slice(0, KEPT_MAX))
  }

  #renewal(): Renewal {
    const { network, connections, admitted } = this.#options
    const renewHere = (): Promise<Uint8Array> =>
      this.#decide({
        type: 'request',
        from: network.self,
        request: { type: 'renew' },
        nonce: new Uint8Array(),
      })
    return new Renewal({
      ...this.#options,
      book: this.#book,
      holder: admitted.credentials.holder,
      renewHere: this.#authority === undefined ? undefined : renewHere,
      onRenewed: record => this.#spread.push(record, true),
      disconnect: peer => connections.disconnect(peer),
    })
  }

  #noAuthority(event: AuthorityEvent): HoldfastError {
    const { holder } = this.#options.admitted.credentials
    if (event.type === 'request') return joinRefused('no-authority')
    const message = `Cannot ${event.type}: only ${holder} holds the key of the network`
    return new HoldfastError(message, { code: 'NO_AUTHORITY', holder })
  }
}

function startAuthority(
  { admitted, network, files, environment }: AdmissionOptions,
  onRecord: (bytes: Uint8Array) => void,
): AuthorityDriver | undefined {
  const { authority: file, book } = admitted
  if (file === undefined) return undefined
  const authority = new Authority({
    self: network.self,
    networkId: book.table.trust.networkId,
    signer: signerOf(file.seed),
    books: file.books,
    lastSerialSeen: book.table.lastSerial,
    statusOf: (peer, nowMs) => book.table.statusOf(peer, nowMs),
  })
  const { clock } = environment
  return new AuthorityDriver({ authority, seed: file.seed, files, book, clock, onRecord })
}

function checkRange(name: string, value: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return
  throw new RangeError(`${name} is a whole number from 1 to ${most}, not ${value}`)
}
