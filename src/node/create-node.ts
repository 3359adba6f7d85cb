import type { MetricFamily } from '../base/metrics.ts'
import type { MachineDefinition } from '../consensus/application/definition.ts'
import type { ActivityHistory } from './activity.ts'
import type { InviteOptions } from './admission/admission.ts'
import type { ClockReport } from './clock/clock-report.ts'
import type { ClockReading, CorrectedTime, EventStamp } from './clock/event-stamp.ts'
import type { GroupView } from './consensus/group-view.ts'
import { createNodeOn } from './create-node-on.ts'
import type { NodeKv } from './kv/node-kv.ts'
import type { MachineHandle } from './machines/machine-handle.ts'
import type { NodeOptions } from './node-options.ts'
import type { RangeCalls } from './range-views.ts'
import type { Store } from './store/store.ts'
import type { HealthView, Upkeep } from './store/upkeep.ts'
import { systemMachine } from './system-machine.ts'
import type { NodeEvent, NodeStatus, PeerView } from './views.ts'

/**
 * One peer of a Holdfast network, in this process. Its store is that of the whole network, the same
 * at every peer.
 */
export interface HoldfastNode extends Store, Upkeep, RangeCalls {
  /**
   * Starts the peer; resolves when it is a member of its network and at work. A directory that
   * belongs to a network is enough to return to it; otherwise the peer joins with the invite, or
   * makes a network if there is none. After a failure the peer is stopped and may be started again.
   * @throws {HoldfastError} `DIRECTORY_LOCKED`, `FILE_FORBIDDEN`, `ADDRESS_IN_USE`,
   *   `INVITE_MALFORMED`, `JOIN_REFUSED`, `PEER_UNREACHABLE`, …
   */
  start(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
  /**
   * Says farewell and stops, within ten seconds; when the signal aborts, at once. Safe to call at
   * any time, and twice.
   */
  stop(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>

  /**
   * Makes an invite; it is durable before it is returned.
   * @throws {HoldfastError} `NO_AUTHORITY` on peers that do not hold the network's key
   * @throws {RangeError} for options out of range
   */
  invite(options?: InviteOptions): Promise<string>
  /**
   * Bans a peer for good: it is cut off here at once, and everywhere within seconds.
   * @param peer its id, or its name if only one peer has it
   * @throws {HoldfastError} `NO_AUTHORITY`, `NOT_A_MEMBER`, `AMBIGUOUS`
   */
  ban(peer: string): Promise<void>

  /**
   * Gives a peer another name, for everybody; an empty one takes that back, and it is called again
   * what it calls itself.
   * @param peer its id, or its name if only one peer has it
   * @throws {HoldfastError} `NOT_A_MEMBER`, `AMBIGUOUS`, `NO_QUORUM`
   * @throws {RangeError} for a name of more than 64 bytes
   */
  rename(
    peer: string,
    name: string,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>

  /** Every peer of the network as this one sees it, itself included, in order of their ids. */
  peers(): readonly PeerView[]
  status(): NodeStatus
  /** What time it is here, how wrong that may be, and who says so. */
  clock(): ClockReport
  /**
   * When something happens here and now: a timestamp that is later than every one before it.
   * @throws {HoldfastError} `CLOCK_NOT_READY`
   */
  stamp(): Promise<EventStamp>
  /** The same moment as it is known by now; undefined if it was before a sleep, or a restart. */
  correct(reading: ClockReading): CorrectedTime | undefined
  /**
   * 32 bytes for one purpose, which all full members derive alike and nobody else can.
   * @throws {HoldfastError} `NO_AUTHORITY` on storage members
   */
  deriveKey(purpose: string): Uint8Array
  /** The replicated map of the network. */
  readonly kv: NodeKv
  /**
   * A machine of the application, one of those that this node was created with.
   * @throws {RangeError} for another one
   */
  machine<Command, Answer, Question, Reply, Event>(
    machine: MachineDefinition<Command, Answer, Question, Reply, Event>,
  ): MachineHandle<Command, Answer, Question, Reply, Event>
  /**
   * The groups of the network, each as its leader sees it if that can be asked, else as this peer
   * does; none if nobody can be asked.
   */
  groups(): Promise<readonly GroupView[]>
  /**
   * Its numbers, for Prometheus and whoever else counts: see `formatMetrics`. Nothing is asked of
   * others, and a peer that does not run tells what it has counted.
   */
  metrics(): readonly MetricFamily[]
  /**
   * How safe what is stored is: counted from the placements in the catalog, by those who lead its
   * groups.
   */
  health(options?: { readonly signal?: AbortSignal | undefined }): Promise<HealthView>
  /** What this peer remembers of its last hour. */
  history(): ActivityHistory
  /** Into how many fragments segments are to be cut, with the peers there are now. */
  scheme(): { readonly k: number; readonly m: number }
  /** Tells of everything that happens from now on; returns what ends that. */
  onEvent(listener: (event: NodeEvent) => void): () => void
  /**
   * The same, one by one: from the call on, in order and without a gap, until the signal aborts.
   * @throws {HoldfastError} `BUSY` at a consumer that is a thousand events behind
   */
  events(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<NodeEvent>
}

/**
 * A peer that is not started yet.
 * @throws {HoldfastError} `CONFIG_INVALID` if the zone is too long, or what is announced no address
 *
 * @example
 * ```ts
 * const node = createNode({ dataDirectory: './holdfast-data' })
 * await node.start()
 * const token = await node.invite({ uses: 3 })
 * // elsewhere: createNode({ dataDirectory: './other-data', join: token })
 * await node.stop()
 * ```
 */
export function createNode(options: NodeOptions): HoldfastNode {
  return createNodeOn(systemMachine(), options)
}
