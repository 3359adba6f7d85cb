/**
 * The machines of the application on a full member, in two steps like the catalog's: their states are
 * opened with the log, and their groups run with the map.
 */
import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import type { MachineDefinition } from '../../consensus/application/definition.ts'
import { CatalogReach } from '../catalog/catalog-reach.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { CompactionOptions } from '../consensus/raft-group.ts'
import type { ReplicaStates } from '../consensus/replica-state.ts'
import type { SnapshotStore } from '../consensus/snapshot-store.ts'
import type { KvClient } from '../kv/kv-client.ts'
import type { Log } from '../log.ts'
import type { Store } from '../store/store.ts'
import type { NodeEvent } from '../views.ts'
import type { Machines } from './define-machine.ts'
import { MachineClient } from './machine-client.ts'
import type { MachineHandle } from './machine-handle.ts'
import { MachineHost } from './machine-host.ts'
import { isMachineGroup } from './machine-names.ts'
import { MachineStates } from './machine-states.ts'

export interface MachinesPartOptions {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly machines: Machines
  readonly stampMs: () => number
  readonly members: () => readonly PeerId[]
  readonly log: Log
  readonly onEvent: (event: NodeEvent) => void
  readonly failed: (error: unknown) => void
}

export interface MachinesPlace {
  readonly node: ConsensusNode
  /** Of those who take part. */
  readonly network: Network
  readonly kv: KvClient
}

/** For replicas that lag. */
const KEPT_ENTRIES_MAX = 4_096

export class MachinesPart {
  readonly #options: MachinesPartOptions
  readonly #states: MachineStates
  readonly #tasks: Tasks
  readonly #clients = new Map<string, MachineClient>()
  /** Replicas that stopped before there was anybody to tell. */
  readonly #halted = new Map<number, unknown>()
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #host: MachineHost | undefined
  #store: Store | undefined

  constructor(options: MachinesPartOptions) {
    const { machines, stampMs, failed } = options
    this.#options = options
    this.#tasks = new Tasks({ onFailure: ({ error }) => failed(error) })
    const applied = (group: number): void => this.#applied(group)
    this.#states = new MachineStates({ machines, stampMs, applied })
  }

  /** The states of all groups: machines' here, all others where they are. */
  openStates(others: ReplicaStates, snapshots: SnapshotStore): ReplicaStates {
    return this.#states.beside(others, snapshots)
  }

  /** Whether this peer's program has what a group runs. */
  readonly runs = (group: number): boolean =>
    !isMachineGroup(group) || this.#states.nameOf(group) !== undefined

  /** How often the state of a machine is written down. */
  readonly compactionOf = (group: number): CompactionOptions | undefined => {
    const definition = this.#options.machines[this.#states.nameOf(group) ?? '']
    const snapshotEntries = definition?.limits?.snapshotEntries
    if (snapshotEntries === undefined) return undefined
    return { snapshotEntries, keptEntries: Math.min(KEPT_ENTRIES_MAX, snapshotEntries) }
  }

  readonly nameOf = (group: number): string | undefined => this.#states.nameOf(group)

  readonly halted = (group: number, error: unknown): void => {
    if (this.#host === undefined) this.#halted.set(group, error)
    else this.#host.halted(group, error)
  }

  /** Whether a peer can have a replica of a group. */
  isAble(group: number, peer: PeerId): boolean {
    return !isMachineGroup(group) || this.#host?.isAble(group, peer) === true
  }

  /** Begins to run the groups. */
  start({ node, network, kv }: MachinesPlace): void {
    const { environment, machines } = this.#options
    const { clock, timers, random } = environment
    const reach = new CatalogReach({ node, network, clock, timers, kv })
    const store = (): Store | undefined => this.#store
    const host = new MachineHost({
      ...this.#options,
      network,
      node,
      kv,
      states: this.#states,
      store,
    })
    this.#host = host
    for (const [group, error] of this.#halted) host.halted(group, error)
    const applied = (group: number): Promise<void> => this.#nextApplied(group)
    const shared = { host, node, reach, clock, timers, store, applied }
    for (const name of Object.keys(machines)) {
      const client = new MachineClient({ name, ...shared, random: random.fork(`machine ${name}`) })
      this.#clients.set(name, client)
    }
    host.start(this.#tasks)
  }

  /** What files of commands are stored in, once it is open. */
  keepFilesIn(store: Store | undefined): void {
    this.#store = store
  }

  /** @throws {HoldfastError} `MACHINE_UNKNOWN` */
  client(name: string): MachineHandle {
    const client = this.#clients.get(name)
    if (client === undefined) throw machineUnknown(name)
    return client
  }

  /** Begins nothing more; to be called before the groups end. */
  stop(): Promise<void> {
    return this.#tasks.stop()
  }

  #applied(group: number): void {
    const waiting = this.#waiting.get(group)
    this.#waiting.delete(group)
    waiting?.resolve()
  }

  #nextApplied(group: number): Promise<void> {
    const waiting = this.#waiting.get(group) ?? Promise.withResolvers<void>()
    this.#waiting.set(group, waiting)
    return waiting.promise
  }
}

function machineUnknown(machine: string): HoldfastError {
  const details = { code: 'MACHINE_UNKNOWN', machine } as const
  return new HoldfastError(`Cannot use machine ${machine}: this peer was not given it`, details)
}

/**
 * The machine of a peer that may be stopped, and started again: each call goes to what is there then.
 * @param client throws where there is none
 */
export function handleOf<Command, Answer, Question, Reply, Event>(
  _definition: MachineDefinition<Command, Answer, Question, Reply, Event>,
  client: () => MachineHandle,
): MachineHandle<Command, Answer, Question, Reply, Event> {
  const typed = client as () => MachineHandle<Command, Answer, Question, Reply, Event>
  return {
    submit: async (...call) => typed().submit(...call),
    query: async (...call) => typed().query(...call),
    watch: (...call) => typed().watch(...call),
    answerOf: async (...call) => typed().answerOf(...call),
    inspect: async (...call) => typed().inspect(...call),
  }
}
