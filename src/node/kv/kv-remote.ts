/**
 * The replicated map for peers that have no replica of it: what they want goes to one that has, which
 * sends it on to the leader. A `KvClient` over it keeps its own session, so a write that has to be
 * sent again, to whomever, still takes effect at most once.
 *
 *     request  kind u8 (propose 0, query 1, stale 2) | deadlineMs varint | payload
 *     answer   what the group answers
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import type { Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { KvCallOptions, KvGroup } from './kv-client.ts'

const PROTOCOL = 'kv/1'
const kinds = ['propose', 'query', 'stale'] as const
/** Longer than any of a client's attempts. */
const SERVED_MS_MAX = 10_000
const STALE_MS = 2_000
const HEADER_BYTES = 16

type Kind = (typeof kinds)[number]

/** Lets other peers use the map through this one, which has a replica. */
export function serveKv(network: Network, group: KvGroup): void {
  network.onRequest(PROTOCOL, async (_from, body, signal) => {
    const reader = new BinaryReader(body)
    const { offset } = reader
    const kind = kinds[reader.u8()]
    const deadlineMs = Math.min(reader.varint(), SERVED_MS_MAX)
    const payload = reader.fixed(reader.remaining)
    if (kind === undefined) throw malformed(offset)
    if (kind === 'stale') return group.queryStale(payload)
    return group[kind](payload, { deadlineMs, signal })
  })
}

/** The group as a peer without a replica reaches it. */
export class RemoteKvGroup implements KvGroup {
  readonly #network: Network
  readonly #members: () => readonly PeerId[]
  /** Counts the members that were of no use, so that the next call asks another. */
  #turn = 0

  /** @param members peers that have a replica, as far as is known now */
  constructor(network: Network, members: () => readonly PeerId[]) {
    this.#network = network
    this.#members = members
  }

  /** Asked once: who sends it again decides its client, who knows whether that is safe. */
  async propose(command: Uint8Array, options: KvCallOptions): Promise<Uint8Array> {
    try {
      return await this.#ask('propose', command, options)
    } catch (error) {
      if (isNotDone(error) || options.signal?.aborted === true) throw error
      const details = { code: 'OUTCOME_UNKNOWN', group: 0, reason: 'the member was lost' } as const
      const message = 'Cannot tell what became of a command: the member it was sent to was lost'
      throw new HoldfastError(message, details, { cause: error })
    }
  }

  query(question: Uint8Array, options: KvCallOptions): Promise<Uint8Array> {
    return this.#askEach('query', question, options)
  }

  queryStale(question: Uint8Array): Promise<Uint8Array> {
    return this.#askEach('stale', question, { deadlineMs: STALE_MS })
  }

  /** A question may be asked again: of every member once, in a share of the time each. */
  async #askEach(
    kind: Kind,
    question: Uint8Array,
    { deadlineMs, signal }: KvCallOptions,
  ): Promise<Uint8Array> {
    const tries = Math.max(1, this.#members().length)
    for (let left = tries; ; left--) {
      try {
        return await this.#ask(kind, question, { deadlineMs: deadlineMs / tries, signal })
      } catch (error) {
        if (left <= 1 || signal?.aborted === true || codeOf(error) === undefined) throw error
      }
    }
  }

  async #ask(
    kind: Kind,
    payload: Uint8Array,
    { deadlineMs, signal }: KvCallOptions,
  ): Promise<Uint8Array> {
    const members = this.#members()
    const member = members[this.#turn % Math.max(1, members.length)]
    if (member === undefined) throw noMember()
    const writer = new BinaryWriter(payload.length + HEADER_BYTES)
    writer.u8(kinds.indexOf(kind))
    writer.varint(Math.ceil(deadlineMs))
    writer.fixed(payload)
    try {
      return await this.#network.request(member, PROTOCOL, {
        body: writer.finish(),
        deadlineMs,
        signal,
      })
    } catch (error) {
      this.#turn++
      throw codeOf(error) === 'GROUP_UNKNOWN' || codeOf(error) === 'PROTOCOL_UNKNOWN'
        ? noMember(error)
        : error
    }
  }
}

/** Said by the group itself, or before anything left. */
const isNotDone = (error: unknown): boolean =>
  ['NO_QUORUM', 'BUSY', 'TOO_LARGE', 'MALFORMED', 'OUTCOME_UNKNOWN'].includes(codeOf(error) ?? '')

/** `BUSY`, for another member may be known, or have its replica, in a moment. */
const noMember = (cause?: unknown): HoldfastError =>
  new HoldfastError(
    'Cannot reach the map: the member asked has no replica of it',
    { code: 'BUSY', what: 'members' },
    { cause },
  )

const malformed = (offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode request: at offset ${offset}`, {
    code: 'MALFORMED',
    what: 'request',
    offset,
  })
