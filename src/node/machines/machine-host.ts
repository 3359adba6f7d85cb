/**
 * Runs the groups of this peer's machines: founds one when it is first used, tells who has replicas,
 * and does what a machine cannot do itself.
 *
 *  - Where a group is led here: commands that tell the time when a timer is due; the rise of the
 *    version once every voter's program knows it; deleting files that no command took; asking who else
 *    could have a replica, which the choice of voters goes by.
 *  - Wherever there is a replica: comparing its state's hash with the other voters', and stopping it
 *    where it may be the one that errs.
 */
import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import {
  encodeMachineCommand,
  type MachineCommand,
} from '../../consensus/application/machine-command.ts'
import { encodeSessionRequest } from '../../consensus/session-command.ts'
import { memberLists, membersKey } from '../catalog/shard-record.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { RaftGroup } from '../consensus/raft-group.ts'
import { newReplicaId, peerOf } from '../consensus/replica-name.ts'
import type { KvCallOptions, KvClient } from '../kv/kv-client.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'
import type { NodeEvent } from '../views.ts'
import type { Machines } from './define-machine.ts'
import { MachineCensus } from './machine-census.ts'
import { groupOfMachine, isGroupOf } from './machine-names.ts'
import { decidedBy, type MachineRecord, MachineRecords } from './machine-record.ts'
import type { MachineStates } from './machine-states.ts'
import { askOfMachine, type MachineWord, serveMachineTalk } from './machine-talk.ts'

export interface MachineHostOptions {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly network: Network
  readonly node: ConsensusNode
  readonly kv: KvClient
  readonly machines: Machines
  readonly states: MachineStates
  readonly stampMs: () => number
  /** Full members that are there, the steadier the sooner. */
  readonly members: () => readonly PeerId[]
  /** Undefined until it is open. */
  readonly store: () => Pick<Store, 'delete'> | undefined
  readonly log: Log
  readonly onEvent: (event: NodeEvent) => void
}

const LOOK_EVERY_MS = 100
const CALL_MS = 2_000
const COMPARE_EVERY_MS = 2_000
/** While a group has fewer voters than it could. */
const CENSUS_EVERY_MS = 500
const ASKED_AT_ONCE_MAX = 16
const VOTERS_WANTED = 3
/** How long a founder may take before another one is decided on. */
const FOUNDING_MS = 10_000
const FOUNDING_LOOK_MS = 100

interface Hosted {
  readonly census: MachineCensus
  told: string
  comparedMs: number
  askedMs: number
  /** Of the members that could have a replica, who is asked next. */
  turn: number
  isBusy: boolean
  reported: string
}

export class MachineHost {
  readonly #options: MachineHostOptions
  readonly #records: MachineRecords
  readonly #hosted = new Map<number, Hosted>()
  readonly #halted = new Set<number>()
  readonly #founded = new Map<string, number>()
  readonly #founding = new Map<string, Promise<number>>()
  readonly #waiting = new Map<string, { readonly founder: string; readonly sinceMs: number }>()

  constructor(options: MachineHostOptions) {
    this.#options = options
    this.#records = new MachineRecords(options.kv)
    serveMachineTalk(options.network, (group, index) => this.#word(group, index))
  }

  /** Begins; ends with the tasks. */
  start(tasks: Tasks): void {
    tasks.start('machines', async signal => {
      for (;;) {
        for (const { group } of this.#groups) this.#look(group, signal)
        await sleep(this.#options.environment.timers, LOOK_EVERY_MS, signal)
      }
    })
  }

  /** Whether a peer can have a replica of a machine, as far as is known here. */
  isAble(group: number, peer: PeerId): boolean {
    const { node, network } = this.#options
    const { voters = [], outgoing = [], learners = [] } = node.group(group)?.configuration ?? {}
    const isMember = [...voters, ...outgoing, ...learners].some(name => peerOf(name) === peer)
    const inForce = this.#options.states.machine(group)?.version ?? 0
    const isAble = this.#hosted.get(group)?.census.isAble(peer, inForce) === true
    return peer === network.self || isMember || isAble
  }

  /** A replica has stopped because of its program. */
  halted(group: number, error: unknown): void {
    this.#halted.add(group)
    const name = this.#options.states.nameOf(group) ?? ''
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.error('machine stopped', { machine: name, reason })
    this.#options.onEvent({ type: 'machine stopped', machine: name, reason })
  }

  /**
   * The group of a machine, which is founded if it was never used.
   * @throws {HoldfastError} `NO_QUORUM`, …
   */
  async groupOf(name: string, options: KvCallOptions): Promise<number> {
    const known = this.#founded.get(name) ?? this.#settledHere(name)
    if (known !== undefined) return known
    const founding = this.#founding.get(name) ?? this.#found(name, options)
    this.#founding.set(name, founding)
    return founding.finally(() => this.#founding.delete(name))
  }

  get #groups(): readonly RaftGroup[] {
    const { node, states } = this.#options
    return node.groups.filter(({ group }) => states.nameOf(group) !== undefined)
  }

  /** One that has several voters is used by somebody, so it was founded: no need to ask. */
  #settledHere(name: string): number | undefined {
    const { node } = this.#options
    const settled = node.groups.find(
      ({ group, configuration }) => isGroupOf(name, group) && configuration.voters.length > 1,
    )
    if (settled !== undefined) this.#founded.set(name, settled.group)
    return settled?.group
  }

  async #found(name: string, { deadlineMs, signal }: KvCallOptions): Promise<number> {
    const { clock, timers } = this.#options.environment
    const endMs = clock.monotonicMs() + deadlineMs
    for (;;) {
      const leftMs = Math.max(1, endMs - clock.monotonicMs())
      const record = await this.#foundOnce(name, { deadlineMs: leftMs, signal })
      if (record?.state === 'founded') {
        const group = groupOfMachine(name, record.attempt)
        this.#founded.set(name, group)
        return group
      }
      if (clock.monotonicMs() >= endMs) throw notFounded(name)
      await sleep(timers, FOUNDING_LOOK_MS, signal)
    }
  }

  async #foundOnce(name: string, call: KvCallOptions): Promise<MachineRecord | undefined> {
    const { node, environment } = this.#options
    const record = await this.#records.fetch(name, call)
    if (record?.state === 'founded') return record
    if (record !== undefined && peerOf(record.founder) === node.self) {
      return this.#foundHere(record, call)
    }
    if (record !== undefined && !this.#hasWaited(record)) return record
    const founder = newReplicaId(node.self, environment.random)
    const decided = await this.#records.change(
      name,
      now =>
        now?.founder === record?.founder && now?.state !== 'founded'
          ? decidedBy(name, founder, now)
          : undefined,
      call,
    )
    return decided?.founder === founder ? this.#foundHere(decided, call) : decided
  }

  #hasWaited({ name, founder }: MachineRecord): boolean {
    const nowMs = this.#options.environment.clock.monotonicMs()
    const waiting = this.#waiting.get(name)
    if (waiting?.founder !== founder) this.#waiting.set(name, { founder, sinceMs: nowMs })
    return nowMs - (waiting?.founder === founder ? waiting.sinceMs : nowMs) >= FOUNDING_MS
  }

  async #foundHere(
    { name, founder, attempt }: MachineRecord,
    call: KvCallOptions,
  ): Promise<MachineRecord | undefined> {
    const { node, kv } = this.#options
    const group = groupOfMachine(name, attempt)
    if (node.group(group) === undefined) await node.found(group, founder)
    await kv.put(membersKey(group), memberLists.encode([node.self]), call)
    const change = (now: MachineRecord | undefined): MachineRecord | undefined =>
      now?.founder === founder && now.state === 'decided' ? { ...now, state: 'founded' } : undefined
    return this.#records.change(name, change, call)
  }

  /** One look at a time; failures that may pass are left to the next. */
  #look(group: number, signal: AbortSignal): void {
    const hosted = this.#hostedAt(group)
    if (hosted.isBusy) return
    hosted.isBusy = true
    this.#tend(group, hosted, { deadlineMs: CALL_MS, signal })
      .catch((error: unknown) => {
        if (codeOf(error) === undefined && !signal.aborted) throw error
      })
      .finally(() => (hosted.isBusy = false))
      .catch((error: unknown) => this.#options.node.halt(group, error))
  }

  async #tend(group: number, hosted: Hosted, call: KvCallOptions): Promise<void> {
    const replica = this.#options.node.group(group)
    if (replica === undefined) return
    await this.#compare(replica, hosted)
    if (replica.role !== 'leader') return
    await this.#askMembers(replica, hosted)
    await this.#raise(replica, hosted, call)
    await this.#tick(group, call)
    await this.#tell(replica, hosted, call)
    await this.#sweep(group, call)
  }

  #hostedAt(group: number): Hosted {
    const known = this.#hosted.get(group)
    if (known !== undefined) return known
    const never = { told: '', comparedMs: -Infinity, askedMs: -Infinity, turn: 0 }
    const hosted = { census: new MachineCensus(), ...never, isBusy: false, reported: '' }
    this.#hosted.set(group, hosted)
    return hosted
  }

  #word(group: number, index: number): MachineWord {
    const { states, machines } = this.#options
    const definition = machines[states.nameOf(group) ?? '']
    if (definition === undefined || this.#halted.has(group)) return { can: 'no' }
    const { version, oldestVersion: oldest = 1 } = definition
    const hashes = this.#options.node.group(group) && states.machine(group)?.hashes
    return { can: 'yes', version, oldest, mark: hashes && markIn(hashes, index) }
  }

  /** Compares states with the other voters, now and then. */
  async #compare(replica: RaftGroup, hosted: Hosted): Promise<void> {
    const { environment, states, node } = this.#options
    const nowMs = environment.clock.monotonicMs()
    if (nowMs - hosted.comparedMs < COMPARE_EVERY_MS) return
    hosted.comparedMs = nowMs
    const others = othersOf(replica, node.self)
    await this.#ask(replica.group, hosted, others)
    const hashes = states.machine(replica.group)?.hashes
    const own = hashes && markIn(hashes, 0)
    if (own !== undefined) this.#judge(replica, hosted, others, own)
  }

  #judge(
    { group }: RaftGroup,
    hosted: Hosted,
    others: readonly PeerId[],
    own: { index: number; hash: string },
  ): void {
    const { log, node, states } = this.#options
    const verdict = hosted.census.verdict(others, own)
    if (verdict.type === 'fine') return
    const machine = states.nameOf(group) ?? ''
    const peers = verdict.peers.join(' ')
    if (hosted.reported !== peers) {
      log.error('machine diverged', { machine, index: own.index, own: own.hash, others: peers })
      this.#options.onEvent({ type: 'machine diverged', machine, peers: verdict.peers })
    }
    hosted.reported = peers
    if (verdict.mustStop) node.halt(group, diverged(machine, own, peers))
  }

  /** Who else could have a replica; the sooner while there are too few. */
  async #askMembers(replica: RaftGroup, hosted: Hosted): Promise<void> {
    const { environment, members } = this.#options
    const nowMs = environment.clock.monotonicMs()
    const isShort = replica.configuration.voters.length < VOTERS_WANTED
    if (nowMs - hosted.askedMs < (isShort ? CENSUS_EVERY_MS : COMPARE_EVERY_MS)) return
    hosted.askedMs = nowMs
    const all = members()
    const asked = Array.from(
      { length: Math.min(all.length, ASKED_AT_ONCE_MAX) },
      (_, at) => all[(hosted.turn + at) % all.length] as PeerId,
    )
    hosted.turn += asked.length
    await this.#ask(replica.group, hosted, asked)
  }

  async #ask(group: number, { census }: Hosted, peers: readonly PeerId[]): Promise<void> {
    const { network, states } = this.#options
    const machine = states.machine(group)
    const index = machine?.facts.index ?? 0
    await Promise.all(
      peers.map(async peer => {
        const word = await askOfMachine(network, peer, group, index)
        if (word !== undefined) census.heard(peer, word, machine?.hashes ?? new Map())
      }),
    )
  }

  /** Puts the newest version in force that all voters know. */
  async #raise(replica: RaftGroup, { census }: Hosted, call: KvCallOptions): Promise<void> {
    const { states, machines, node } = this.#options
    const { group } = replica
    const own = machines[states.nameOf(group) ?? '']?.version ?? 0
    const others = othersOf(replica, node.self).map(peer => census.versionOf(peer) ?? 0)
    const version = Math.min(own, ...others)
    const inForce = states.machine(group)?.version ?? version
    if (version > inForce) await this.#propose(group, { type: 'raise', version }, call)
  }

  async #tick(group: number, call: KvCallOptions): Promise<void> {
    const dueMs = this.#options.states.machine(group)?.nextMs
    if (dueMs !== undefined && dueMs < this.#options.stampMs()) {
      await this.#propose(group, { type: 'tick' }, call)
    }
  }

  /** Writes down who has replicas, for those who have none. */
  async #tell(
    { group, configuration }: RaftGroup,
    hosted: Hosted,
    call: KvCallOptions,
  ): Promise<void> {
    const { voters, outgoing } = configuration
    const peers = [...new Set([...voters, ...outgoing].map(peerOf))].toSorted()
    const now = peers.join(' ')
    if (hosted.told === now || peers.length === 0) return
    await this.#options.kv.put(membersKey(group), memberLists.encode(peers), call)
    hosted.told = now
  }

  /** Deletes what was stored for commands that did not come. */
  async #sweep(group: number, call: KvCallOptions): Promise<void> {
    const store = this.#options.store()
    const over = this.#options.states.machine(group)?.sweepable ?? []
    if (store === undefined || over.length === 0) return
    for (const { files } of over) {
      for (const file of files) {
        await store.delete(file, { signal: call.signal }).catch((error: unknown) => {
          if (codeOf(error) !== 'NO_SUCH_BUCKET') throw error
        })
      }
    }
    await this.#propose(group, { type: 'swept', stages: over.map(({ id }) => id) }, call)
  }

  /** Done again where it was lost, by the next look. */
  async #propose(group: number, command: MachineCommand, call: KvCallOptions): Promise<void> {
    const payload = encodeMachineCommand(command)
    const request = encodeSessionRequest({
      type: 'plain',
      timeMs: this.#options.stampMs(),
      payload,
    })
    await this.#options.node.propose(group, request, call)
  }
}

const othersOf = ({ configuration }: RaftGroup, self: PeerId): PeerId[] => {
  const { voters, outgoing } = configuration
  return [...new Set([...voters, ...outgoing].map(peerOf))].filter(peer => peer !== self)
}

/** The state at an entry; the last one if that is not known. */
function markIn(
  hashes: ReadonlyMap<number, string>,
  index: number,
): { index: number; hash: string } | undefined {
  const asked = hashes.get(index)
  if (asked !== undefined) return { index, hash: asked }
  let last: { index: number; hash: string } | undefined
  for (const [each, hash] of hashes) last = { index: each, hash }
  return last
}

function notFounded(machine: string): HoldfastError {
  const details = { code: 'BUSY', what: 'machine' } as const
  return new HoldfastError(`Cannot use machine ${machine}: it is yet to be founded`, details)
}

function diverged(
  machine: string,
  { index, hash }: { index: number; hash: string },
  others: string,
): HoldfastError {
  const details = { code: 'MACHINE_DIVERGED', machine, index, own: hash, others } as const
  return new HoldfastError(
    `Cannot go on with machine ${machine}: at entry ${index} its state is not that of ${others}`,
    details,
  )
}
