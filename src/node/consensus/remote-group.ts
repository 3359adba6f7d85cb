/**
 * Groups for peers that have no replica of them: what they want goes to one that has, which sends it
 * on to the leader. A session client over it keeps its own session, so a command that has to be sent
 * again, to whomever, still takes effect at most once.
 *
 *     request  kind u8 (propose 0, query 1, stale 2, leader 3) | group | deadlineMs varint | payload
 *     answer   what the group answers; of `leader` the peer that leads, empty if none is known
 *
 * Commands that are given in one turn share a request (command-batch.ts), so that many clients cost
 * little more than one.
 *
 * The leader is asked itself where it is known: that saves a hop. A member that is silent for a while
 * may be frozen, so another is asked who leads; if that is somebody else, nobody waits any longer.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { Clock, Network, PeerId, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import {
  batchBytes,
  decodeOutcomes,
  encodeOutcomes,
  type Outcome,
  readCommands,
  writeCommands,
} from './command-batch.ts'
import { CommandGatherer } from './command-gatherer.ts'
import type { GroupReach, ReachOptions } from './group-reach.ts'
import { groupUnknown } from './group-unknown.ts'
import { peerOf } from './replica-name.ts'

const PROTOCOL = 'raft/group/2'
const kinds = ['propose', 'query', 'stale', 'leader'] as const
/** Longer than any of a client's attempts. */
const SERVED_MS_MAX = 10_000
const STALE_MS = 2_000
const HEADER_BYTES = 24
/** What a busy member has for a question. */
const ATTEMPT_MS = 1_000
/** A member that has not answered for so long may be frozen. */
const SILENT_MS = 250
/** For how long the leader is taken to be who it was. */
const LEADER_MS = 5_000

type Kind = (typeof kinds)[number]

/** The replicas on this peer. */
export interface GroupsHere {
  proposeAll(
    group: number,
    commands: readonly Uint8Array[],
    options: ReachOptions,
  ): Promise<readonly Outcome[]>
  query(group: number, question: Uint8Array, options: ReachOptions): Promise<Uint8Array>
  queryStale(group: number, question: Uint8Array): Uint8Array | Promise<Uint8Array>
  group(group: number): { readonly leader: ReplicaId | undefined } | undefined
}

/** Lets other peers use the groups of which this one has a replica. */
export function serveGroups(network: Network, here: GroupsHere): void {
  network.onRequest(PROTOCOL, async (_from, body, signal) => {
    const reader = new BinaryReader(body)
    const { offset } = reader
    const kind = kinds[reader.u8()]
    const group = reader.varint()
    const deadlineMs = Math.min(reader.varint(), SERVED_MS_MAX)
    const payload = reader.fixed(reader.remaining)
    if (kind === undefined) throw malformed(offset)
    const replica = here.group(group)
    if (replica === undefined) throw groupUnknown(group)
    if (kind === 'leader') return fromUtf8(replica.leader ? peerOf(replica.leader) : '')
    if (kind === 'stale') return here.queryStale(group, payload)
    if (kind === 'query') return here.query(group, payload, { deadlineMs, signal })
    const commands = new BinaryReader(payload)
    const wanted = readCommands(commands)
    commands.end()
    const outcomes = await here.proposeAll(group, wanted, { deadlineMs, signal })
    return encodeOutcomes(outcomes, group, network.self)
  })
}

export interface RemoteGroupOptions {
  readonly group: number
  readonly network: Network
  readonly timers: Timers
  readonly clock: Clock
  /** Peers that have a replica, as far as is known now. */
  readonly members: () => readonly PeerId[]
  /** One of them has none. */
  readonly outdated?: () => void
  /** Runs something when this turn's events are done. @default as a microtask */
  readonly afterTurn?: ((work: () => void) => void) | undefined
}

/** The group as a peer without a replica reaches it. */
export class RemoteGroup implements GroupReach {
  readonly #options: RemoteGroupOptions
  /** Counts the members that were of no use, so that the next call asks another. */
  #turn = 0
  #leader: PeerId | undefined
  /** When somebody was last asked who leads. */
  #lookedMs = -Infinity
  readonly #waiting = new Set<Waiting>()
  readonly #gatherer: CommandGatherer

  constructor(options: RemoteGroupOptions) {
    this.#options = options
    const { timers, group, afterTurn = asMicrotask } = options
    this.#gatherer = new CommandGatherer({
      timers,
      afterTurn,
      run: (commands, limits) => this.#propose(commands, limits),
      late: () => lost(group),
    })
  }

  /** Asked once: who sends it again decides its client, who knows whether that is safe. */
  propose(command: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    return this.#gatherer.add(command, options)
  }

  async #propose(
    commands: readonly Uint8Array[],
    options: ReachOptions,
  ): Promise<readonly Outcome[]> {
    const sizeBytes = batchBytes(commands)
    const writer = new BinaryWriter(sizeBytes, sizeBytes)
    writeCommands(writer, commands)
    try {
      const { member, answer } = await this.#ask('propose', writer.finish(), options)
      return decodeOutcomes(answer, commands.length, member)
    } catch (error) {
      if (isNotDone(error) || options.signal?.aborted === true) throw error
      throw lost(this.#options.group, error)
    }
  }

  query(question: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    return this.#askEach('query', question, options)
  }

  queryStale(question: Uint8Array): Promise<Uint8Array> {
    return this.#askEach('stale', question, { deadlineMs: STALE_MS })
  }

  /**
   * A question may be asked again: of every member once, in a share of the time each; where they are
   * many, in enough for a busy one, and those are the last that the time does not suffice for.
   */
  async #askEach(
    kind: Kind,
    question: Uint8Array,
    { deadlineMs, signal }: ReachOptions,
  ): Promise<Uint8Array> {
    const { clock, members } = this.#options
    const endMs = clock.monotonicMs() + deadlineMs
    const tries = Math.max(1, members().length)
    const shareMs = Math.max(deadlineMs / tries, Math.min(deadlineMs, ATTEMPT_MS))
    for (let left = tries; ; left--) {
      const attemptMs = Math.min(shareMs, endMs - clock.monotonicMs())
      try {
        return (await this.#ask(kind, question, { deadlineMs: attemptMs, signal })).answer
      } catch (error) {
        const isLast = left <= 1 || clock.monotonicMs() >= endMs
        if (isLast || signal?.aborted === true || codeOf(error) === undefined) throw error
      }
    }
  }

  async #ask(
    kind: Kind,
    payload: Uint8Array,
    { deadlineMs, signal }: ReachOptions,
  ): Promise<{ member: PeerId; answer: Uint8Array }> {
    const member = this.#member()
    if (member === undefined) throw noMember()
    if (this.#options.clock.monotonicMs() - this.#lookedMs > LEADER_MS) this.#lookForLeader(member)
    const { promise: silence, reject } = Promise.withResolvers<never>()
    const call = { member, isSilent: false, giveUp: () => reject(silent(member)) }
    this.#waiting.add(call)
    const stopWatch = this.#watch(call)
    try {
      const sent = this.#send(member, kind, payload, { deadlineMs, signal })
      return { member, answer: await Promise.race([sent, silence]) }
    } catch (error) {
      this.#turn++
      if (this.#leader === member) this.#leader = undefined
      if (codeOf(error) !== 'GROUP_UNKNOWN' && codeOf(error) !== 'PROTOCOL_UNKNOWN') throw error
      this.#options.outdated?.()
      throw noMember(error)
    } finally {
      stopWatch()
      this.#waiting.delete(call)
    }
  }

  /** The leader, if it is known and may have a replica still; else each member in turn. */
  #member(): PeerId | undefined {
    const members = this.#options.members()
    if (this.#leader !== undefined && members.includes(this.#leader)) return this.#leader
    return members[this.#turn % Math.max(1, members.length)]
  }

  #send(
    member: PeerId,
    kind: Kind,
    payload: Uint8Array,
    { deadlineMs, signal }: ReachOptions,
  ): Promise<Uint8Array> {
    const writer = new BinaryWriter(payload.length + HEADER_BYTES)
    writer.u8(kinds.indexOf(kind))
    writer.varint(this.#options.group)
    writer.varint(Math.ceil(deadlineMs))
    writer.fixed(payload)
    const options = { body: writer.finish(), deadlineMs, signal }
    return this.#options.network.request(member, PROTOCOL, options)
  }

  /** While a call waits, and again and again: asks the others whether its member still leads. */
  #watch(call: Waiting): () => void {
    const { timers, members } = this.#options
    let turn = 0
    const look = (): void => {
      timer = timers.after(SILENT_MS, look)
      call.isSilent = true
      const others = members().filter(other => other !== call.member)
      const other = others[turn++ % Math.max(1, others.length)]
      if (other !== undefined) this.#lookForLeader(other)
    }
    let timer = timers.after(SILENT_MS, look)
    return () => timer.cancel()
  }

  #lookForLeader(member: PeerId): void {
    this.#lookedMs = this.#options.clock.monotonicMs()
    const options = { deadlineMs: SILENT_MS }
    this.#send(member, 'leader', new Uint8Array(0), options).then(
      answer => this.#heardOfLeader(toUtf8(answer)),
      // Another is asked sooner or later.
      () => undefined,
    )
  }

  #heardOfLeader(leader: PeerId): void {
    if (leader === '') return
    this.#leader = leader
    for (const { member, isSilent, giveUp } of this.#waiting) {
      if (isSilent && member !== leader) giveUp()
    }
  }
}

/** A call on its way to a member. */
interface Waiting {
  readonly member: PeerId
  isSilent: boolean
  readonly giveUp: () => void
}

/** Said by the group itself, or before anything left. */
const isNotDone = (error: unknown): boolean =>
  ['NO_QUORUM', 'BUSY', 'TOO_LARGE', 'MALFORMED', 'OUTCOME_UNKNOWN'].includes(codeOf(error) ?? '')

/** `BUSY`, for another member may be known, or have its replica, in a moment. */
const noMember = (cause?: unknown): HoldfastError =>
  new HoldfastError(
    'Cannot reach the group: the member asked has no replica of it',
    { code: 'BUSY', what: 'members' },
    { cause },
  )

const lost = (group: number, cause?: unknown): HoldfastError =>
  new HoldfastError(
    'Cannot tell what became of a command: the member it was sent to was lost',
    { code: 'OUTCOME_UNKNOWN', group, reason: 'the member was lost' },
    { cause },
  )

const asMicrotask = (work: () => void): void => void Promise.resolve().then(work)

const silent = (peer: PeerId): HoldfastError =>
  new HoldfastError(`Cannot wait for ${peer}: it leads no longer`, {
    code: 'PEER_UNREACHABLE',
    peer,
  })

const malformed = (offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode request: at offset ${offset}`, {
    code: 'MALFORMED',
    what: 'request',
    offset,
  })
