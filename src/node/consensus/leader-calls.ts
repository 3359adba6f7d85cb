/**
 * What any replica can be asked, but only the leader can answer: commands, and the index that a read
 * has to wait for. They go to whoever is believed to lead, and on to the next if that is outdated.
 *
 * Every command ends in one of three ways before its deadline: done (its result), not done (an error
 * that says so), or unknown (`OUTCOME_UNKNOWN`): it left, and leader, connection or time was lost.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import type { Clock, Network, PeerId, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { sleep, withDeadline } from '../../base/waiting.ts'
import { groupUnknown } from './group-unknown.ts'
import type { RaftGroup } from './raft-group.ts'
import { peerOf } from './replica-name.ts'
import { unknown } from './waiting-room.ts'

export interface CallOptions {
  /** @default 5000 */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface LeaderCallsOptions {
  readonly network: Network
  readonly timers: Timers
  readonly clock: Clock
  readonly groupOf: (group: number) => RaftGroup | undefined
}

const PROPOSE = 'raft/propose/1'
const READ_INDEX = 'raft/read-index/1'
/** What a call takes at most unless told otherwise. */
export const DEADLINE_MS = 5_000
/** The largest command: with its frame it fits into a request and a record. */
const COMMAND_BYTES_MAX = 1_000_000
/** How long to wait before somebody is asked again who did not lead. */
const AGAIN_MS = 20

export class LeaderCalls {
  readonly #options: LeaderCallsOptions
  /** Calls that wait for another peer's answer. */
  readonly #asking = new Set<Asking>()

  constructor(options: LeaderCallsOptions) {
    this.#options = options
    const { network } = options
    network.onRequest(PROPOSE, async (_from, body) => {
      const reader = new BinaryReader(body)
      const group = this.#group(reader.varint())
      return group.propose(reader.fixed(reader.remaining))
    })
    network.onRequest(READ_INDEX, async (_from, body) => {
      const reader = new BinaryReader(body)
      const group = this.#group(reader.varint())
      reader.end()
      return encodeNumber(await group.readIndex())
    })
  }

  /**
   * Has a command applied, once or, after `OUTCOME_UNKNOWN`, perhaps; returns its result.
   * @throws {HoldfastError} `NO_QUORUM`, `BUSY`, `GROUP_UNKNOWN`, `TOO_LARGE`: not done;
   *   `OUTCOME_UNKNOWN`
   */
  propose(group: number, command: Uint8Array, options: CallOptions): Promise<Uint8Array> {
    if (command.length > COMMAND_BYTES_MAX) return Promise.reject(tooLarge(command.length))
    const writer = new BinaryWriter(command.length + 16, command.length + 16)
    writer.varint(group)
    writer.fixed(command)
    const body = writer.finish()
    return this.#call(group, options, {
      here: replica => replica.propose(command),
      protocol: PROPOSE,
      body,
      given: error => unknown(group, reasonOf(error)),
    })
  }

  /** The index that a read has to wait for. @throws {HoldfastError} `NO_QUORUM`, `GROUP_UNKNOWN` */
  async readIndex(group: number, options: CallOptions): Promise<number> {
    const answer = await this.#call(group, options, {
      here: async replica => encodeNumber(await replica.readIndex()),
      protocol: READ_INDEX,
      body: encodeNumber(group),
      // A question changes nothing, so it can be asked again.
      given: () => undefined,
    })
    return new BinaryReader(answer).varint()
  }

  async #call(
    group: number,
    { deadlineMs = DEADLINE_MS, signal }: CallOptions,
    call: Call,
  ): Promise<Uint8Array> {
    const { clock, timers } = this.#options
    const endMs = clock.monotonicMs() + deadlineMs
    for (;;) {
      signal?.throwIfAborted()
      const leftMs = endMs - clock.monotonicMs()
      if (leftMs <= 0) throw noQuorum(group, deadlineMs)
      const { leader } = this.#group(group)
      if (leader !== undefined) {
        try {
          return await this.#ask(group, peerOf(leader), { leftMs, signal }, call)
        } catch (error) {
          if (!isToTryAgain(error)) {
            if (isAnswer(error)) throw error
            const given = call.given(error)
            if (given !== undefined) throw given
          }
        }
      }
      await sleep(timers, Math.min(AGAIN_MS, Math.max(1, endMs - clock.monotonicMs())), signal)
    }
  }

  /** Another leader is known: whoever waits for the old one would wait in vain, or for its end. */
  leaderChanged(group: number, leader: PeerId): void {
    for (const asking of this.#asking) {
      if (asking.group === group && asking.peer !== leader) asking.abort()
    }
  }

  async #ask(
    group: number,
    peer: PeerId,
    { leftMs, signal }: { leftMs: number; signal: AbortSignal | undefined },
    { here, protocol, body }: Call,
  ): Promise<Uint8Array> {
    const { network, timers } = this.#options
    const deadline = { ms: leftMs, what: protocol, signal }
    return withDeadline(timers, deadline, async limit => {
      if (peer === network.self) return here(this.#group(group))
      const { promise, reject } = Promise.withResolvers<never>()
      const asking = { group, peer, abort: () => reject(unreachable(peer)) }
      this.#asking.add(asking)
      try {
        const options = { body, deadlineMs: leftMs, signal: limit }
        return await Promise.race([network.request(peer, protocol, options), promise])
      } finally {
        this.#asking.delete(asking)
      }
    })
  }

  #group(group: number): RaftGroup {
    const found = this.#options.groupOf(group)
    if (found === undefined) throw groupUnknown(group)
    return found
  }
}

interface Asking {
  readonly group: number
  readonly peer: PeerId
  readonly abort: () => void
}

interface Call {
  readonly here: (replica: RaftGroup) => Promise<Uint8Array>
  readonly protocol: string
  readonly body: Uint8Array
  /** What an error means after which nobody knows what was done; undefined to ask again. */
  readonly given: (error: unknown) => HoldfastError | undefined
}

/** Nothing was done, and another replica may do better. */
const isToTryAgain = (error: unknown): boolean =>
  ['NOT_LEADER', 'PROTOCOL_UNKNOWN', 'GROUP_UNKNOWN'].includes(codeOf(error) ?? '')

/** It says itself what became of the command. */
const isAnswer = (error: unknown): boolean =>
  ['BUSY', 'OUTCOME_UNKNOWN', 'TOO_LARGE', 'MALFORMED'].includes(codeOf(error) ?? '')

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'no answer')

function encodeNumber(value: number): Uint8Array {
  const writer = new BinaryWriter(16, 16)
  writer.varint(value)
  return writer.finish()
}

function unreachable(peer: PeerId): HoldfastError {
  const details = { code: 'PEER_UNREACHABLE', peer } as const
  return new HoldfastError(`Cannot wait for ${peer}: it leads no longer`, details)
}

function noQuorum(group: number, afterMs: number): HoldfastError {
  const details = { code: 'NO_QUORUM', group, afterMs } as const
  return new HoldfastError(
    `Cannot find a leader of group ${group}: no majority within ${afterMs} ms`,
    details,
  )
}

function tooLarge(size: number): HoldfastError {
  const details = { code: 'TOO_LARGE', what: 'command', size, limit: COMMAND_BYTES_MAX } as const
  return new HoldfastError(`Cannot propose: ${size} bytes, limit ${COMMAND_BYTES_MAX}`, details)
}
