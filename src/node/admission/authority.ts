/**
 * The authority of a network: decides who gets in and who has to leave. One peer holds it, the one
 * that made the network.
 *
 * A core: `step(event, nowMs) → effects`. It keeps the books (invites and who used them, the last
 * serial) and signs; it opens nothing, waits for nothing and draws no secrets, these are given.
 *
 *  - An invite is good for `uses` peers until it expires. A peer that asks again with the invite it
 *    used gets a certificate again, for its first answer may have been lost.
 *  - A nonce is good for one proof, of one peer, for `NONCE_MS`. What is wrong with a proof is told
 *    to the log alone; outside, an invite that does not exist and a wrong secret look the same.
 *  - A banned peer gets nothing under any invite.
 *
 * The last effect of a step is its outcome; those before it must be durable before anybody is told.
 * After a crash that let through only some of them nothing is lost: a record without its entry in
 * the books was shown to nobody, and its serial is not given again; an entry without its record
 * lets the same peer ask again.
 *
 * Invariants: serials only grow; no invite is ever used by more peers than it allows.
 */
import { timingSafeEqual } from 'node:crypto'

import { toHex } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError, type JoinRefusal } from '../../base/errors.ts'
import type { AuthorityBooks, InviteEntry } from './authority-books.ts'
import type { Signer } from './ed25519.ts'
import { type JoinRequest, proofOf } from './join-messages.ts'
import {
  type Certificate,
  type MemberRecord,
  type Revocation,
  type Role,
  signRecord,
} from './member-record.ts'
import type { MemberStatus } from './member-table.ts'

/** Thirty days. */
export const CERTIFICATE_MS: number = 30 * 86_400_000
/** How long a newcomer may take to answer a challenge. */
const NONCE_MS = 30_000
/** Challenges that may be open at once; the oldest goes first. */
const CHALLENGES_MAX = 1024
/** Invites that have not expired. Those that are used up make room for new ones. */
const INVITES_MAX = 1000
export const INVITE_USES_MAX = 10_000

export interface NewInvite {
  readonly id: Uint8Array
  readonly secret: Uint8Array
  readonly role: Role
  readonly uses: number
  readonly zone: string
  readonly expiresAtMs: number
}

export type AuthorityEvent =
  | { readonly type: 'invite'; readonly invite: NewInvite }
  | {
      readonly type: 'request'
      readonly from: PeerId
      readonly request: Exclude<JoinRequest, { type: 'present' }>
      /** A nonce to use if one is needed. */
      readonly nonce: Uint8Array
    }
  | { readonly type: 'ban'; readonly peer: PeerId }

export type AuthorityEffect =
  /** These books are to be kept; the newest hold all before. */
  | { readonly type: 'persist'; readonly books: AuthorityBooks }
  /** A new record for the member table. */
  | { readonly type: 'record'; readonly bytes: Uint8Array }
  /** Outcomes. */
  | { readonly type: 'challenge'; readonly nonce: Uint8Array }
  | { readonly type: 'welcome'; readonly record: Uint8Array; readonly role: Role }
  | { readonly type: 'done' }
  /** `told` goes to whoever asked, `why` to the log. */
  | { readonly type: 'refuse'; readonly told: HoldfastError; readonly why: string }

export interface AuthorityOptions {
  readonly self: PeerId
  readonly networkId: Uint8Array
  readonly signer: Signer
  readonly books: AuthorityBooks
  /** The highest serial of any record there is. */
  readonly lastSerialSeen: number
  readonly statusOf: (peer: PeerId, nowMs: number) => MemberStatus
}

export class Authority {
  readonly #options: AuthorityOptions
  readonly #invites: Map<string, InviteEntry>
  readonly #challenges = new Map<PeerId, { nonce: Uint8Array; untilMs: number }>()
  #lastSerial: number

  constructor(options: AuthorityOptions) {
    this.#options = options
    this.#invites = new Map(options.books.invites.map(entry => [toHex(entry.id), entry]))
    this.#lastSerial = Math.max(options.books.lastSerial, options.lastSerialSeen)
  }

  /** The open invites, without their secrets' use. */
  get invites(): readonly InviteEntry[] {
    return [...this.#invites.values()]
  }

  step(event: AuthorityEvent, nowMs: number): readonly AuthorityEffect[] {
    switch (event.type) {
      case 'invite':
        return this.#invite(event.invite, nowMs)
      case 'request':
        return this.#request(event, nowMs)
      case 'ban':
        return this.#ban(event.peer, nowMs)
    }
  }

  #invite(invite: NewInvite, nowMs: number): readonly AuthorityEffect[] {
    for (const [id, entry] of this.#invites) if (entry.expiresAtMs < nowMs) this.#invites.delete(id)
    if (this.#invites.size >= INVITES_MAX) this.#forgetUsedUp()
    if (this.#invites.size >= INVITES_MAX) {
      const details = { code: 'BUSY', what: 'invites', limit: INVITES_MAX } as const
      return [failure(new HoldfastError(`Cannot invite: ${INVITES_MAX} invites are open`, details))]
    }
    this.#invites.set(toHex(invite.id), { ...invite, usedBy: [] })
    return [this.#persist(), { type: 'done' }]
  }

  /** The oldest of them: who asks again under it has had its answer long ago. */
  #forgetUsedUp(): void {
    const usedUp = [...this.#invites].find(([, { usedBy, uses }]) => usedBy.length >= uses)
    if (usedUp !== undefined) this.#invites.delete(usedUp[0])
  }

  #request(
    { from, request, nonce }: Extract<AuthorityEvent, { type: 'request' }>,
    nowMs: number,
  ): readonly AuthorityEffect[] {
    if (this.#options.statusOf(from, nowMs).state === 'banned')
      return [refuse('banned', 'it is banned')]
    switch (request.type) {
      case 'hello':
        return this.#hello(from, request, nonce, nowMs)
      case 'join':
        return this.#join(from, request, nowMs)
      case 'renew':
        return this.#renew(from, nowMs)
    }
  }

  #hello(
    from: PeerId,
    { networkId, inviteId }: Extract<JoinRequest, { type: 'hello' }>,
    nonce: Uint8Array,
    nowMs: number,
  ): readonly AuthorityEffect[] {
    if (toHex(networkId) !== toHex(this.#options.networkId))
      return [refuse('other-network', `the invite is of network ${toHex(networkId).slice(0, 12)}`)]
    if (!this.#invites.has(toHex(inviteId)))
      return [refuse('unknown-invite', `there is no invite ${toHex(inviteId)}`)]
    this.#challenges.delete(from)
    if (this.#challenges.size >= CHALLENGES_MAX) this.#dropOldestChallenge()
    this.#challenges.set(from, { nonce, untilMs: nowMs + NONCE_MS })
    return [{ type: 'challenge', nonce }]
  }

  #join(
    from: PeerId,
    { inviteId, proof, zone }: Extract<JoinRequest, { type: 'join' }>,
    nowMs: number,
  ): readonly AuthorityEffect[] {
    const challenge = this.#challenges.get(from)
    this.#challenges.delete(from)
    if (challenge === undefined || challenge.untilMs < nowMs)
      return [refuse('no-challenge', 'its proof answers no open challenge')]
    const entry = this.#invites.get(toHex(inviteId))
    if (entry === undefined || !this.#isProven(entry, from, challenge.nonce, proof))
      return [refuse('unknown-invite', `its proof of invite ${toHex(inviteId)} is wrong`)]
    if (entry.expiresAtMs < nowMs) return [refuse('expired', `invite ${toHex(inviteId)} expired`)]
    const isAgain = entry.usedBy.includes(from)
    if (!isAgain && entry.usedBy.length >= entry.uses)
      return [refuse('used-up', `invite ${toHex(inviteId)} was used by ${entry.usedBy.join(', ')}`)]
    if (!isAgain) this.#invites.set(toHex(inviteId), { ...entry, usedBy: [...entry.usedBy, from] })
    return this.#admit(from, entry.role, entry.zone === '' ? zone : entry.zone, nowMs)
  }

  #renew(from: PeerId, nowMs: number): readonly AuthorityEffect[] {
    const status = this.#options.statusOf(from, nowMs)
    // One that was away for too long is a member still, unless it was banned meanwhile.
    if (status.state !== 'member' && status.state !== 'expired')
      return [refuse('not-a-member', `it asks for renewal, but its status is ${status.state}`)]
    const { role, zone } = status.certificate
    return this.#admit(from, role, zone, nowMs)
  }

  #admit(peer: PeerId, role: Role, zone: string, nowMs: number): readonly AuthorityEffect[] {
    const serial = ++this.#lastSerial
    const notAfterMs = nowMs + CERTIFICATE_MS
    const certificate: Certificate = { kind: 'certificate', peer, role, zone, serial, notAfterMs }
    const record = this.#sign(certificate)
    return [this.#persist(), { type: 'record', bytes: record }, { type: 'welcome', record, role }]
  }

  #ban(peer: PeerId, nowMs: number): readonly AuthorityEffect[] {
    const { state } = this.#options.statusOf(peer, nowMs)
    if (state === 'banned') return [{ type: 'done' }]
    if (state === 'unknown' || peer === this.#options.self) {
      const reason = state === 'unknown' ? 'it is no member' : 'it holds the key of the network'
      const details = { code: 'NOT_A_MEMBER', peer } as const
      return [failure(new HoldfastError(`Cannot ban ${peer}: ${reason}`, details))]
    }
    const serial = ++this.#lastSerial
    const revocation: Revocation = { kind: 'revocation', peer, serial, atMs: nowMs }
    const bytes = this.#sign(revocation)
    return [this.#persist(), { type: 'record', bytes }, { type: 'done' }]
  }

  #isProven(entry: InviteEntry, newcomer: PeerId, nonce: Uint8Array, proof: Uint8Array): boolean {
    const { networkId, self } = this.#options
    const expected = proofOf(entry.secret, { networkId, host: self, newcomer, nonce })
    return timingSafeEqual(expected, proof)
  }

  #sign(record: MemberRecord): Uint8Array {
    return signRecord(record, this.#options.networkId, this.#options.signer)
  }

  #persist(): AuthorityEffect {
    return { type: 'persist', books: { lastSerial: this.#lastSerial, invites: this.invites } }
  }

  #dropOldestChallenge(): void {
    for (const peer of this.#challenges.keys()) {
      this.#challenges.delete(peer)
      return
    }
  }
}

function refuse(reason: JoinRefusal, why: string): AuthorityEffect {
  return { type: 'refuse', told: joinRefused(reason), why }
}

const failure = (told: HoldfastError): AuthorityEffect => ({
  type: 'refuse',
  told,
  why: told.message,
})

const refusals: Readonly<Record<JoinRefusal, string>> = {
  banned: 'this peer is banned',
  expired: 'the invite has expired',
  'no-authority': 'this peer does not hold the key of the network',
  'no-challenge': 'the proof answers no open challenge',
  'not-a-member': 'this peer is no member',
  'other-network': 'the invite is of another network',
  'too-many-attempts': 'too many attempts',
  'unknown-invite': 'the host knows no such invite',
  'used-up': 'the invite was used as often as it may be',
}

export const joinRefused = (reason: JoinRefusal): HoldfastError =>
  new HoldfastError(`Cannot join: ${refusals[reason]}`, { code: 'JOIN_REFUSED', reason })
