/**
 * How the upkeep of one peer reaches that of the others. Questions go to all at once and are given
 * up after a second: whoever hangs is left out, and keeps nobody waiting longer than that.
 */
import type { Network, PeerId, RequestLimits, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { hasItsFragments, type PeerView } from '../../placement/peer-view.ts'
import type { Seats } from '../store/seats.ts'
import type { RepairRecord } from '../store/upkeep.ts'
import type { FragmentFault } from './fault-desk.ts'
import type { Claim } from './fragment-claims.ts'
import { decodeHealth, encodeHealth, type HealthShare } from './health-share.ts'
import type { HeardHealth } from './health-view.ts'
import { decodeStanding, encodeStanding, type FragmentStanding, noStanding } from './standing.ts'
import {
  CLAIM,
  DEBTS,
  decodeClaim,
  decodeFault,
  decodeHoldings,
  decodeNumber,
  decodeRecords,
  decodeShare,
  encodeClaim,
  encodeFault,
  encodeHoldings,
  encodeNumber,
  encodeRecords,
  encodeShare,
  FAULT,
  type Holding,
  HEALTH,
  HOLDS,
  LOST,
  QUESTION_BYTES_MAX,
  REBALANCE,
  type RebalanceShare,
  REPAIRS,
  STANDING,
} from './upkeep-messages.ts'

/** What a peer answers the others. */
export interface UpkeepAnswers {
  readonly fault: (fault: FragmentFault) => void
  readonly lost: (seat: number) => void
  readonly debts: () => void
  readonly claim: (claim: Claim, seat: number, isWeak: boolean) => Promise<boolean>
  readonly holds: (seat: number, signal: AbortSignal) => Promise<readonly Holding[]>
  readonly repairs: (limit: number) => readonly RepairRecord[]
  readonly rebalance: (isDry: boolean, signal: AbortSignal) => Promise<RebalanceShare>
  readonly health: () => HealthShare
  readonly standing: (content: Uint8Array) => FragmentStanding
}

export interface UpkeepNetworkOptions {
  readonly network: Network
  readonly timers: Timers
  readonly seats: Pick<Seats, 'seatOf' | 'peerAt'>
  readonly views: () => readonly PeerView[]
}

const ASK_MS = 800
/** Of what a leader has to think about. */
const PLAN_MS = 10_000
const CLAIM_MS = 10_000
/** Peers that are asked for what this one cannot read, before it gives up for now. */
const ASKED_MAX = 3
const PEERS_MAX = 1_000
const NOTHING = new Uint8Array(0)
const limits: RequestLimits = { concurrentMax: 16, bodyBytesMax: QUESTION_BYTES_MAX }

export class UpkeepNetwork {
  readonly #options: UpkeepNetworkOptions

  constructor(options: UpkeepNetworkOptions) {
    this.#options = options
  }

  /** Serves until the network ends. */
  serve(answers: UpkeepAnswers): void {
    const { network } = this.#options
    const heed = (protocol: string, take: (seat: number, body: Uint8Array) => void): void =>
      network.onRequest(
        protocol,
        async (from, body) => {
          take(this.#seatOf(from), body)
          return NOTHING
        },
        limits,
      )
    heed(FAULT, (_, body) => answers.fault({ ...decodeFault(body), isHearsay: true }))
    heed(LOST, (_, body) => answers.lost(decodeNumber(body)))
    heed(DEBTS, () => answers.debts())
    const answer = (
      protocol: string,
      reply: (body: Uint8Array, from: PeerId, signal: AbortSignal) => Promise<Uint8Array>,
    ): void =>
      network.onRequest(protocol, (from, body, signal) => reply(body, from, signal), limits)
    answer(CLAIM, async (body, from) => {
      const { claim, isWeak } = decodeClaim(body)
      return encodeNumber((await answers.claim(claim, this.#seatOf(from), isWeak)) ? 1 : 0)
    })
    answer(HOLDS, async (body, _from, signal) =>
      encodeHoldings(await answers.holds(decodeNumber(body), signal)),
    )
    answer(STANDING, async body => encodeStanding(answers.standing(body)))
    answer(HEALTH, async () => encodeHealth(answers.health()))
    answer(REPAIRS, async body => encodeRecords(answers.repairs(decodeNumber(body))))
    answer(REBALANCE, async (body, _from, signal) =>
      encodeShare(await answers.rebalance(decodeNumber(body) === 1, signal)),
    )
  }

  tellFault(fault: FragmentFault): void {
    this.#tell(FAULT, encodeFault(fault))
  }

  tellLost(seat: number): void {
    this.#tell(LOST, encodeNumber(seat))
  }

  tellDebts(): void {
    this.#tell(DEBTS, NOTHING)
  }

  async holdings(seat: number, signal?: AbortSignal): Promise<readonly Holding[]> {
    const answers = await this.#askAll(HOLDS, encodeNumber(seat), { ms: ASK_MS, signal })
    return answers.flatMap(({ body }) => decoded(() => decodeHoldings(body)) ?? [])
  }

  async repairs(
    limit: number,
    signal?: AbortSignal,
  ): Promise<readonly (RepairRecord & { readonly by: PeerId })[]> {
    const answers = await this.#askAll(REPAIRS, encodeNumber(limit), { ms: ASK_MS, signal })
    return answers.flatMap(({ peer, body }) =>
      (decoded(() => decodeRecords(body)) ?? []).map(record => ({ ...record, by: peer })),
    )
  }

  /** What some peers say of the groups they lead; those that do not answer are left out. */
  async health(peers: readonly PeerId[], signal?: AbortSignal): Promise<readonly HeardHealth[]> {
    const answers = await this.#askThese(peers, HEALTH, NOTHING, { ms: ASK_MS, signal })
    return answers.flatMap(({ peer, body }) => {
      const share = decodeHealth(body)
      return share === undefined ? [] : [{ from: peer, share }]
    })
  }

  /** What a peer knows of a content; nothing if it does not answer. */
  async standing(
    peer: PeerId,
    content: Uint8Array,
    signal?: AbortSignal,
  ): Promise<FragmentStanding> {
    const [answer] = await this.#askThese([peer], STANDING, content, { ms: ASK_MS, signal })
    return (answer && decodeStanding(answer.body)) ?? noStanding
  }

  async rebalance(isDry: boolean, signal?: AbortSignal): Promise<readonly RebalanceShare[]> {
    const body = encodeNumber(isDry ? 1 : 0)
    const answers = await this.#askAll(REBALANCE, body, { ms: PLAN_MS, signal })
    return answers.flatMap(({ body: share }) => decoded(() => decodeShare(share)) ?? [])
  }

  /** @throws {HoldfastError} what the last of those asked answered */
  async claim(claim: Claim, isWeak: boolean, signal?: AbortSignal): Promise<boolean> {
    const { network } = this.#options
    let failure: unknown = nobody()
    for (const peer of this.#others().slice(0, ASKED_MAX)) {
      try {
        const body = encodeClaim(claim, isWeak)
        const answer = await network.request(peer, CLAIM, { body, deadlineMs: CLAIM_MS, signal })
        return decodeNumber(answer) === 1
      } catch (error) {
        if (codeOf(error) === undefined || signal?.aborted === true) throw error
        failure = error
      }
    }
    throw failure
  }

  #seatOf(peer: PeerId): number {
    const seat = this.#options.seats.seatOf(peer)
    if (seat !== undefined) return seat
    throw new HoldfastError(`Cannot serve ${peer}: it has no seat`, { code: 'NOT_A_MEMBER', peer })
  }

  /** Those who are there, but for this peer. */
  #others(): PeerId[] {
    const { network, seats, views } = this.#options
    return views()
      .filter(hasItsFragments)
      .map(({ seat }) => seats.peerAt(seat))
      .filter(peer => peer !== undefined && peer !== network.self)
      .slice(0, PEERS_MAX) as PeerId[]
  }

  /** Word that may be lost: what it is about is found again. */
  #tell(protocol: string, body: Uint8Array): void {
    void this.#askAll(protocol, body, { ms: ASK_MS, signal: undefined })
  }

  #askAll(protocol: string, body: Uint8Array, how: Asking): Promise<Answered[]> {
    return this.#askThese(this.#others(), protocol, body, how)
  }

  /** Those who do not answer in time are left out. */
  async #askThese(
    peers: readonly PeerId[],
    protocol: string,
    body: Uint8Array,
    { ms, signal }: Asking,
  ): Promise<Answered[]> {
    const { network } = this.#options
    const answers = await Promise.all(
      peers.map(async peer => {
        try {
          const answer = await network.request(peer, protocol, { body, deadlineMs: ms, signal })
          return [{ peer, body: answer }]
        } catch (error) {
          if (codeOf(error) === undefined || signal?.aborted === true) throw error
          return []
        }
      }),
    )
    return answers.flat()
  }
}

interface Asking {
  readonly ms: number
  readonly signal: AbortSignal | undefined
}

interface Answered {
  readonly peer: PeerId
  readonly body: Uint8Array
}

/** Undefined for an answer that is none. */
function decoded<Value>(decode: () => Value): Value | undefined {
  try {
    return decode()
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

const nobody = (): HoldfastError =>
  new HoldfastError('Cannot ask about a fragment: no other peer is there', {
    code: 'TOO_FEW_PEERS',
    have: 0,
    need: 1,
  })
