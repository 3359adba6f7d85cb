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
import {
  batchBytes,
  decodeOutcomes,
  encodeOutcomes,
  type Outcome,
  outcomesOf,
  readCommands,
  writeCommands,
} from './command-batch.ts'
import { CommandGatherer } from './command-gatherer.ts'
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
  /** Runs something once this turn's work is done, so that many commands share a request. */
  readonly afterTurn: (work: () => void) => void
}

const PROPOSE = 'raft/propose/2'
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
  /** Of groups that have a replica here. */
  readonly #gatherers = new Map<number, CommandGatherer>()

  constructor(options: LeaderCallsOptions) {
    this.#options = options
    const { network } = options
    network.onRequest(PROPOSE, async (_from, body) => {
      const reader = new BinaryReader(body)
      const group = this.#group(reader.varint())
      const commands = readCommands(reader)
      reader.end()
      return encodeOutcomes(await proposedTo(group, commands), group.group, network.self)
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
  propose(
    group: number,
    command: Uint8Array,
    { deadlineMs = DEADLINE_MS, signal }: CallOptions,
  ): Promise<Uint8Array> {
    if (command.length > COMMAND_BYTES_MAX) return Promise.reject(tooLarge(command.length))
    if (this.#options.groupOf(group) === undefined) return Promise.reject(groupUnknown(group))
    let gatherer = this.#gatherers.get(group)
    if (gatherer === undefined) {
      gatherer = this.#gathererOf(group)
      this.#gatherers.set(group, gatherer)
    }
    return gatherer.add(command, { deadlineMs, signal })
  }

  /** The same for several: what became of each. They are tried in order, but each by itself. */
  async proposeAll(
    group: number,
    commands: readonly Uint8Array[],
    options: CallOptions,
  ): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    let left = commands.map((_, at) => at)
    const settle = (error: unknown): void => {
      for (const at of left) outcomes[at] = { error }
      left = []
    }
    try {
      await this.#untilDone(group, options, async (peer, limits) => {
        const asked = left
        const answers = await this.#askForAll(
          { group, peer, commands: asked.map(at => commands[at] as Uint8Array) },
          limits,
        ).catch((error: unknown) => asked.map(() => ({ error })))
        for (const [n, at] of asked.entries()) outcomes[at] = endOf(group, answers[n])
        left = asked.filter((_, n) => isOpen(answers[n]))
        return left.length === 0
      })
    } catch (error) {
      settle(error)
    }
    return outcomes
  }

  /** The index that a read has to wait for. @throws {HoldfastError} `NO_QUORUM`, `GROUP_UNKNOWN` */
  async readIndex(group: number, options: CallOptions): Promise<number> {
    let index = 0
    await this.#untilDone(group, options, async (peer, limits) => {
      try {
        index = await this.#ask(group, peer, limits, {
          what: READ_INDEX,
          here: replica => replica.readIndex(),
          there: async asked => {
            const request = { ...asked, body: encodeNumber(group) }
            const { network } = this.#options
            return new BinaryReader(await network.request(peer, READ_INDEX, request)).varint()
          },
        })
        return true
      } catch (error) {
        if (isAnswer(error)) throw error
        // A question changes nothing, so it can be asked again.
        return false
      }
    })
    return index
  }

  /** Another leader is known: whoever waits for the old one would wait in vain, or for its end. */
  leaderChanged(group: number, leader: PeerId): void {
    for (const asking of this.#asking) {
      if (asking.group === group && asking.peer !== leader) asking.abort()
    }
  }

  /** Tries with whoever is believed to lead, again and again. */
  async #untilDone(
    group: number,
    { deadlineMs = DEADLINE_MS, signal }: CallOptions,
    attempt: (leader: PeerId, limits: Limits) => Promise<boolean>,
  ): Promise<void> {
    const { clock, timers } = this.#options
    const endMs = clock.monotonicMs() + deadlineMs
    for (;;) {
      signal?.throwIfAborted()
      const leftMs = endMs - clock.monotonicMs()
      if (leftMs <= 0) throw noQuorum(group, deadlineMs)
      const { leader } = this.#group(group)
      if (leader !== undefined && (await attempt(peerOf(leader), { leftMs, signal }))) return
      await sleep(timers, Math.min(AGAIN_MS, Math.max(1, endMs - clock.monotonicMs())), signal)
    }
  }

  #askForAll(
    { group, peer, commands }: { group: number; peer: PeerId; commands: readonly Uint8Array[] },
    limits: Limits,
  ): Promise<readonly Outcome[]> {
    return this.#ask(group, peer, limits, {
      what: PROPOSE,
      here: replica => proposedTo(replica, commands),
      there: async asked => {
        const sizeBytes = batchBytes(commands)
        const writer = new BinaryWriter(sizeBytes, sizeBytes)
        writer.varint(group)
        writeCommands(writer, commands)
        const request = { ...asked, body: writer.finish() }
        const answer = await this.#options.network.request(peer, PROPOSE, request)
        return decodeOutcomes(answer, commands.length, peer)
      },
    })
  }

  #ask<Result>(
    group: number,
    peer: PeerId,
    { leftMs, signal }: Limits,
    { what, here, there }: Call<Result>,
  ): Promise<Result> {
    const { network, timers } = this.#options
    return withDeadline(timers, { ms: leftMs, what, signal }, async limit => {
      if (peer === network.self) return here(this.#group(group))
      const { promise, reject } = Promise.withResolvers<never>()
      const asking = { group, peer, abort: () => reject(unreachable(peer)) }
      this.#asking.add(asking)
      try {
        return await Promise.race([there({ deadlineMs: leftMs, signal: limit }), promise])
      } finally {
        this.#asking.delete(asking)
      }
    })
  }

  #gathererOf(group: number): CommandGatherer {
    const { timers, afterTurn } = this.#options
    return new CommandGatherer({
      timers,
      afterTurn,
      run: (commands, options) => this.proposeAll(group, commands, options),
      late: () => unknown(group, 'no answer in time'),
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

interface Limits {
  readonly leftMs: number
  readonly signal: AbortSignal | undefined
}

interface Call<Result> {
  readonly what: string
  readonly here: (replica: RaftGroup) => Promise<Result>
  readonly there: (limits: { deadlineMs: number; signal: AbortSignal }) => Promise<Result>
}

const proposedTo = (
  replica: RaftGroup,
  commands: readonly Uint8Array[],
): Promise<readonly Outcome[]> => outcomesOf(commands.map(command => replica.propose(command)))

/** To be tried again. */
const isOpen = (outcome: Outcome | undefined): boolean =>
  outcome !== undefined && 'error' in outcome && isToTryAgain(outcome.error)

/** What an outcome means for who wanted it: an error that tells nothing says that nobody knows. */
function endOf(group: number, outcome: Outcome = { error: undefined }): Outcome {
  if ('result' in outcome || isAnswer(outcome.error)) return outcome
  return { error: unknown(group, reasonOf(outcome.error)) }
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
