/**
 * Who decides. A change goes from one set of voters to another in two steps (§6, joint consensus):
 *
 *     { voters: a b c }  →  { voters: b c d, outgoing: a b c }  →  { voters: b c d }
 *
 * In between every decision needs a majority of both. Each step is an entry that holds the whole
 * configuration, and is in force at a replica once that replica knows it to be committed. So that
 * two leaders can never decide by majorities that do not meet:
 *
 *  - a leader starts a step only when the one before is committed, and an entry of its own term too;
 *  - an append tells how far the leader has committed, and that is stored together with its entries.
 *    So whoever holds the second step knows that the first is in force.
 *
 * Learners get the log and count for nothing. A voter that is to be a learner is in both `outgoing`
 * and `learners` while the change lasts, and votes.
 */
import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import type { ReplicaId } from './entry.ts'

export interface Configuration {
  /** Sorted, each once, like the other two. */
  readonly voters: readonly ReplicaId[]
  /** Voters of the configuration that is being left; empty unless joint. */
  readonly outgoing: readonly ReplicaId[]
  readonly learners: readonly ReplicaId[]
}

/** What somebody wishes the configuration to be. */
export interface Membership {
  readonly voters: readonly ReplicaId[]
  readonly learners: readonly ReplicaId[]
}

const VOTERS_MAX = 9
const LEARNERS_MAX = 16
const REPLICA_ID_BYTES_MAX = 256
const CONFIGURATION_BYTES_MAX = (2 * VOTERS_MAX + LEARNERS_MAX + 1) * (REPLICA_ID_BYTES_MAX + 8)

export const isJoint = ({ outgoing }: Configuration): boolean => outgoing.length > 0

/** Whether the replica's vote counts in either half. */
export const isVoter = ({ voters, outgoing }: Configuration, replica: ReplicaId): boolean =>
  voters.includes(replica) || outgoing.includes(replica)

/** Everybody who gets the log, sorted. */
export const replicasOf = ({ voters, outgoing, learners }: Configuration): readonly ReplicaId[] =>
  sorted([...voters, ...outgoing, ...learners])

/**
 * The configuration of a new group.
 * @throws {RangeError} without voters, with too many of them, or with one who is a learner as well.
 */
export function configurationOf({ voters, learners }: Membership): Configuration {
  const complaint = complaintAbout({ voters, learners })
  if (complaint !== undefined) throw new RangeError(complaint)
  return { voters: sorted(voters), outgoing: [], learners: sorted(learners) }
}

/** Why a membership makes no sense; undefined if it does. */
export function complaintAbout({ voters, learners }: Membership): string | undefined {
  if (voters.length === 0) return 'a group has at least one voter'
  if (new Set(voters).size > VOTERS_MAX) return `a group has at most ${VOTERS_MAX} voters`
  if (new Set(learners).size > LEARNERS_MAX) return `a group has at most ${LEARNERS_MAX} learners`
  const both = voters.find(voter => learners.includes(voter))
  return both === undefined ? undefined : `${both} cannot be voter and learner`
}

/** The first step towards a membership: one step only where the voters stay the same. */
export function enter(from: Configuration, { voters, learners }: Membership): Configuration {
  const to = configurationOf({ voters, learners })
  return isSameSet(from.voters, to.voters) ? to : { ...to, outgoing: from.voters }
}

/** The second step. */
export const leave = (joint: Configuration): Configuration => ({ ...joint, outgoing: [] })

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new BinaryWriter(CONFIGURATION_BYTES_MAX)
  writeConfiguration(writer, configuration)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new BinaryReader(bytes)
  const configuration = readConfiguration(reader)
  reader.end()
  return configuration
}

export function writeConfiguration(writer: BinaryWriter, configuration: Configuration): void {
  for (const replicas of [configuration.voters, configuration.outgoing, configuration.learners]) {
    writer.varint(replicas.length)
    for (const replica of replicas) writer.string(replica)
  }
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readConfiguration(reader: BinaryReader): Configuration {
  const voters = readReplicas(reader, VOTERS_MAX)
  const outgoing = readReplicas(reader, VOTERS_MAX)
  const learners = readReplicas(reader, LEARNERS_MAX)
  return { voters, outgoing, learners }
}

function readReplicas(reader: BinaryReader, limit: number): ReplicaId[] {
  const { offset } = reader
  const count = reader.varint()
  const replicas = count > limit ? [] : Array.from({ length: count }, () => readReplica(reader))
  if (count <= limit && isSameList(replicas, sorted(replicas))) return replicas
  throw new HoldfastError(`Cannot decode configuration: ${count} replicas at ${offset}`, {
    code: 'MALFORMED',
    what: 'configuration',
    offset,
  })
}

const readReplica = (reader: BinaryReader): ReplicaId => reader.string(REPLICA_ID_BYTES_MAX)

/** By code unit, each once: every machine has the same order. */
const sorted = (replicas: readonly ReplicaId[]): readonly ReplicaId[] =>
  [...new Set(replicas)].toSorted((a, b) => (a < b ? -1 : 1))

export const isSameSet = (a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean =>
  isSameList(sorted(a), sorted(b))

const isSameList = (a: readonly ReplicaId[], b: readonly ReplicaId[]): boolean =>
  a.length === b.length && a.every((replica, at) => replica === b[at])
