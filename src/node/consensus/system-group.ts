/**
 * The groups on a full member, the system group first: their log, their replicas, and the stewards
 * that keep the voters as they should be where this peer leads.
 *
 * Everything lies in `consensus/` of the data directory: the log, written by a thread of its own, the
 * snapshots, and the epoch. Losing that directory makes this peer one that knows nothing, with a new
 * name; the group then takes the old seat away.
 */
import type { Disk, Environment, PeerId } from '../../base/environment.ts'
import { Tasks } from '../../base/tasks.ts'
import { sleep, withDeadline } from '../../base/waiting.ts'
import type { ElectionOutcome } from '../../consensus/election.ts'
import { KvMachine } from '../../consensus/kv-machine.ts'
import type { RaftOptions } from '../../consensus/raft-options.ts'
import { SessionMachine } from '../../consensus/session-machine.ts'
import { Wal } from '../../storage/wal.ts'
import type { Log } from '../log.ts'
import type { Home } from '../machine.ts'
import type { ConsensusMeter } from './consensus-meter.ts'
import { ConsensusNode } from './consensus-node.ts'
import { epochOutdated, readEpoch, talkOfEpochs, writeEpoch } from './epoch.ts'
import { FencedNetwork } from './fenced-network.ts'
import { isToFound, unmarkFounding } from './founding.ts'
import { GroupHistories, type PeerFate } from './group-history.ts'
import { GroupSteward, type RosterPeer } from './group-steward.ts'
import { type GroupView, viewOfGroup } from './group-view.ts'
import { inMemory } from './memory-state.ts'
import type { CompactionOptions, RaftGroup } from './raft-group.ts'
import { serveGroups } from './remote-group.ts'
import { peerOf } from './replica-name.ts'
import type { ReplicaStates } from './replica-state.ts'
import type { SnapshotStore } from './snapshot-store.ts'

export const SYSTEM_GROUP = 0
/** Where the log and the snapshots lie in a data directory. */
export const CONSENSUS_DIRECTORY = 'consensus'

const SEGMENT_BYTES = 16_777_216
/** Without a leader for longer than any election takes. */
const FORSAKEN_MS = 5_000
const LOOK_EVERY_MS = 500
/** How long a leader that stops waits until another has taken over. */
const HAND_OVER_MS = 1_000
const HAND_OVER_LOOK_MS = 5

/** The state of the system group: the replicated map, once for each command. */
export const systemStates = (snapshots: SnapshotStore): ReplicaStates =>
  inMemory(() => new SessionMachine(new KvMachine()))(snapshots)

type Decision = NonNullable<ElectionOutcome['decision']>

export interface SystemGroupOptions {
  readonly environment: Environment
  readonly home: Pick<Home, 'openDirectory' | 'openLogDirectory'>
  readonly afterTurn: (work: () => void) => void
  readonly networkId: Uint8Array
  readonly raft: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  /** See `ConsensusOptions`. */
  readonly compactionOf?: (group: number) => CompactionOptions | undefined
  /** Whether a peer may take part: a full member. */
  readonly admits: (peer: PeerId) => boolean
  /** The full members that can have a replica of a group, which has so many voters. */
  readonly roster: (voters: number, group: number) => readonly RosterPeer[]
  /** See `ConsensusOptions`. */
  readonly runs?: (group: number) => boolean
  readonly halted?: (group: number, error: unknown) => void
  /** What people call a group that is of an application. */
  readonly nameOf?: (group: number) => string | undefined
  readonly describe: (peer: PeerId) => { readonly name: string; readonly zone: string }
  /** The states of all groups; the system group's is `systemStates`. @default no others */
  readonly states?: (snapshots: SnapshotStore) => Promise<ReplicaStates>
  /** The members of a group are to change, and why. */
  readonly decided: (group: number, decision: Decision) => void
  /** Another leader, or none, is known. */
  readonly led: (group: number, leader: PeerId | undefined, term: number) => void
  /** What became of a peer, as far as is known. @default nothing is known */
  readonly fateOf?: (peer: PeerId) => PeerFate
  /** Something of a group has changed. */
  readonly changed?: (group: number) => void
  readonly meter?: ConsensusMeter | undefined
  readonly log: Log
  /** The peer must stop. */
  readonly failed: (error: unknown) => void
}

export class SystemGroup {
  readonly network: FencedNetwork
  readonly node: ConsensusNode
  readonly #options: SystemGroupOptions
  readonly #wal: Wal
  readonly #logDisk: LogDisk
  readonly #tasks: Tasks
  #epoch: string
  readonly #stewards = new Map<number, Stewarded>()
  /** Whom was told of last, and in which term, of each group. */
  readonly #leaders = new Map<number, string>()
  readonly histories: GroupHistories
  /** When the replica here had a leader last. */
  #ledMs: number

  /** Opens what is there; founds the group if this peer has made the network and has not yet. */
  static async open(options: SystemGroupOptions): Promise<SystemGroup> {
    const { environment, home, networkId } = options
    const disk = await home.openDirectory(CONSENSUS_DIRECTORY)
    const epoch = await readEpoch(disk)
    const logDisk = await home.openLogDirectory(CONSENSUS_DIRECTORY)
    // Replicas that are opened may tell of changes before there is anybody to tell.
    let group: SystemGroup | undefined
    try {
      const { clock, timers, random } = environment
      const { meter } = options
      const wal = await Wal.open({
        disk: logDisk.disk,
        background: disk,
        timers,
        random: random.fork('log'),
        networkId,
        segmentBytes: SEGMENT_BYTES,
        ...(meter && { timed: { clock, took: (ms: number) => meter.synced(ms) } }),
      })
      const network = new FencedNetwork({
        network: environment.network,
        epoch,
        admits: options.admits,
      })
      const node = await ConsensusNode.open({
        environment: { ...environment, disk, network },
        wal,
        states: options.states ?? systemStates,
        raft: options.raft,
        compaction: options.compaction ?? {},
        compactionOf: options.compactionOf,
        afterTurn: options.afterTurn,
        runs: options.runs,
        halted: options.halted,
        changed: number => {
          if (group !== undefined) group.#changed(number)
          options.changed?.(number)
        },
        failed: options.failed,
        meter,
      })
      group = new SystemGroup({ options, network, node, wal, logDisk, epoch })
      await group.#found()
      group.#begin(disk)
      return group
    } catch (error) {
      await logDisk.close()
      throw error
    }
  }

  private constructor(parts: Parts) {
    const { options, network, node, wal, logDisk, epoch } = parts
    this.#options = options
    this.network = network
    this.node = node
    this.#wal = wal
    this.#logDisk = logDisk
    this.#epoch = epoch
    const { environment, fateOf = () => undefined } = options
    this.histories = new GroupHistories(environment.clock, fateOf)
    this.#ledMs = environment.clock.monotonicMs()
    this.#tasks = new Tasks({ onFailure: ({ error }) => options.failed(error) })
  }

  /** Runs something when this turn's events are done. */
  get afterTurn(): SystemGroupOptions['afterTurn'] {
    return this.#options.afterTurn
  }

  /**
   * Whether there is a replica here that is a member and hears of leaders. One that was removed while
   * this peer was away knows nothing of it, and waits for a leader that will never call.
   */
  get isHere(): boolean {
    const isMember = this.node.group(SYSTEM_GROUP)?.isMember === true
    return isMember && this.#leaderlessMs() < FORSAKEN_MS
  }

  /** For how long the replica here has had no leader, as far as was looked. */
  #leaderlessMs(): number {
    const nowMs = this.#options.environment.clock.monotonicMs()
    if (this.node.group(SYSTEM_GROUP)?.leader !== undefined) this.#ledMs = nowMs
    return nowMs - this.#ledMs
  }

  /** The groups that have a replica here. */
  views(): GroupView[] {
    const { environment, describe, nameOf } = this.#options
    const { clock, network } = environment
    return this.node.groups.map(group => {
      const { decided, outcome } = this.#stewards.get(group.group) ?? {}
      return viewOfGroup(group, {
        self: network.self,
        epoch: this.#epoch,
        name: nameOf?.(group.group),
        describe,
        decision: decided && {
          agoMs: Math.round(clock.monotonicMs() - decided.atMs),
          reason: decided.decision.reason,
        },
        holds: (outcome?.holds ?? []).map(({ code }) => code),
        history: this.histories.of(group.group),
      })
    })
  }

  /** Hands leadership over if it is here, and stops. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#tasks.stop()
    if (!signal.aborted) {
      await Promise.allSettled(this.node.groups.map(group => this.#handOver(group)))
    }
    await this.node.close()
    await this.#wal.close()
    await this.#logDisk.close()
  }

  async #found(): Promise<void> {
    const { disk } = this.#options.environment
    if (!(await isToFound(disk))) return
    if (this.#wal.group(SYSTEM_GROUP) === undefined) await this.node.found(SYSTEM_GROUP)
    await unmarkFounding(disk)
  }

  #begin(disk: Disk): void {
    const { environment, admits } = this.#options
    const { network, timers } = environment
    talkOfEpochs({
      network,
      admits,
      epoch: () => this.#epoch,
      newer: (epoch, peer) => this.#newer(disk, epoch, peer),
    })
    serveGroups(this.network, this.node)
    this.#tasks.start('steward', async signal => {
      for (;;) {
        await this.#look()
        await sleep(timers, LOOK_EVERY_MS, signal)
      }
    })
  }

  async #look(): Promise<void> {
    this.#leaderlessMs()
    const groups = this.node.groups.map(({ group }) => group)
    for (const group of this.#stewards.keys()) {
      if (!groups.includes(group)) this.#stewards.delete(group)
    }
    await Promise.all(groups.map(group => this.#stewarded(group).steward.look()))
  }

  #stewarded(group: number): Stewarded {
    const known = this.#stewards.get(group)
    if (known !== undefined) return known
    const { environment, roster } = this.#options
    const voters = (): number => this.node.group(group)?.configuration.voters.length ?? 0
    const steward = new GroupSteward({
      node: this.node,
      group,
      clock: environment.clock,
      roster: () => roster(voters(), group),
      told: outcome => this.#told(group, outcome),
    })
    const stewarded = { steward, decided: undefined, outcome: undefined }
    this.#stewards.set(group, stewarded)
    return stewarded
  }

  #told(group: number, outcome: ElectionOutcome): void {
    const stewarded = this.#stewarded(group)
    stewarded.outcome = outcome
    const { decision } = outcome
    if (decision === undefined) return
    stewarded.decided = { atMs: this.#options.environment.clock.monotonicMs(), decision }
    const { reason } = decision
    this.#options.log.info('voters change', { group, ...reason, why: reason.code })
    this.histories.membersChanged(group, reason)
    this.#options.decided(group, decision)
  }

  #changed(number: number): void {
    const group = this.node.group(number)
    const leader = group?.leader === undefined ? undefined : peerOf(group.leader)
    const now = `${leader ?? ''} ${group?.term ?? 0}`
    if (now === this.#leaders.get(number)) return
    this.#leaders.set(number, now)
    this.histories.leaderChanged(number, leader, group?.term ?? 0)
    this.#options.led(number, leader, group?.term ?? 0)
  }

  #newer(disk: Disk, epoch: string, peer: PeerId): void {
    if (epoch <= this.#epoch) return
    if (this.#wal.groups.length > 0) {
      this.#options.failed(epochOutdated(this.#epoch, epoch, peer))
      return
    }
    this.#epoch = epoch
    writeEpoch(disk, epoch).then(() => this.network.adopt(epoch), this.#options.failed)
  }

  async #handOver(group: RaftGroup): Promise<void> {
    const { timers } = this.#options.environment
    if (group.role !== 'leader' || group.configuration.voters.length === 1) return
    this.node.transfer(group.group)
    await withDeadline(timers, { ms: HAND_OVER_MS, what: 'another leader' }, async limit => {
      // Until it is known who: what still comes in is sent on to it.
      while (group.role === 'leader' || group.leader === undefined) {
        await sleep(timers, HAND_OVER_LOOK_MS, limit)
      }
    })
  }
}

/** What the steward of a group has come to. */
interface Stewarded {
  readonly steward: GroupSteward
  decided: { readonly atMs: number; readonly decision: Decision } | undefined
  outcome: ElectionOutcome | undefined
}

type LogDisk = Awaited<ReturnType<Home['openLogDirectory']>>

interface Parts {
  readonly options: SystemGroupOptions
  readonly network: FencedNetwork
  readonly node: ConsensusNode
  readonly wal: Wal
  readonly logDisk: LogDisk
  readonly epoch: string
}
