import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import type { Environment, PeerId } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Shard } from '../catalog/shard-map.ts'
import type { RaftOptions } from '../consensus/raft-options.ts'
import type { KeyValue } from '../storage/key-value.ts'
import type { MemberBook } from './admission/member-book.ts'
import type { Certificate } from './admission/member-record.ts'
import { CATALOG_DIRECTORY, CatalogPart, noCatalog } from './catalog/catalog-part.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Ranges } from './catalog/ranges.ts'
import { memberLists, membersKey, shardRecords, SHARDS_KEY } from './catalog/shard-record.ts'
import { groupName, type GroupView } from './consensus/group-view.ts'
import { peerOf } from './consensus/replica-name.ts'
import { SYSTEM_GROUP, SystemGroup, systemStates } from './consensus/system-group.ts'
import { voterRoster } from './consensus/voter-roster.ts'
import { KvClient } from './kv/kv-client.ts'
import { noMap, SystemMap } from './kv/system-map.ts'
import type { Log } from './log.ts'
import type { Home } from './machine.ts'
import type { Machines } from './machines/define-machine.ts'
import type { MachineHandle } from './machines/machine-handle.ts'
import { MachinesPart } from './machines/machines-part.ts'
import type { MembershipService } from './membership/membership-service.ts'
import { type Strain, tellStrain } from './membership/tell-strain.ts'
import { leaderChanges, meterInto } from './metrics/group-metrics.ts'
import type { ProfileName } from './node-options.ts'
import { decodeNote } from './peer-note.ts'
import { rangeView } from './range-views.ts'
import type { Store } from './store/store.ts'
import type { NodeEvent } from './views.ts'

export interface AgreementOptions {
  readonly environment: Environment
  readonly home: Pick<Home, 'openDirectory' | 'openLogDirectory' | 'openKeyValue'>
  readonly afterTurn: (work: () => void) => void
  readonly book: MemberBook
  readonly membership: MembershipService
  /** The version of the protocols between peers that this program speaks. */
  readonly protocol: number
  readonly profile: ProfileName
  /** The time that commands of the catalog get where this peer leads, milliseconds since 1970. */
  readonly stampMs: () => number
  readonly metrics: Metrics
  readonly log: Log
  /** Of the application. */
  readonly machines: Machines
  readonly onEvent: (event: NodeEvent) => void
  readonly onFailure: (error: unknown) => void
}

/** What a running peer agrees on with others: its groups, and the map that one of them keeps. */
export interface PeerAgreement {
  readonly kv: KvClient
  readonly catalog: Catalog
  readonly ranges: Ranges
  /** What the application replicates. @throws {HoldfastError} `MACHINE_UNKNOWN`, `NOT_AUTHORISED` */
  machine(name: string): MachineHandle
  /** What the files of commands are stored in, once it is open. */
  keepFilesIn(store: Store | undefined): void
  /** Whether this peer leads the system group. */
  leads(): boolean
  /** Who leads a group, as far as is known here or can be asked. */
  leaderOf(group: number): Promise<PeerId | undefined>
  /** Every group of the network that can be asked about, as its leader sees it if that answers. */
  groups(): Promise<readonly GroupView[]>
  /** The groups that have a replica here, as it sees them. */
  replicas(): readonly GroupView[]
  /** When the signal aborts, without handing anything over. */
  close(signal: AbortSignal): Promise<void>
}

const VIEWS = 'raft/views/1'
const VIEWS_MS = 1_000
const ASKED_MAX = 3
/** Groups without a replica here that are asked about at once. */
const FOREIGN_MAX = 256

const wide: Partial<RaftOptions> = {
  heartbeatMs: 100,
  electionMinMs: 1_000,
  electionMaxMs: 2_000,
  tickMs: 20,
}

/** A storage member takes no part, and keeps nothing of it on its disk. */
export async function startAgreement(options: AgreementOptions): Promise<PeerAgreement> {
  const { environment } = options
  if (certificateIn(options.book, environment.network.self)?.role === 'full') {
    return FullAgreement.start(options)
  }
  const kv = new KvClient({ group: noMap(environment), ...environment })
  return {
    kv,
    ...noCatalog(environment.network.self),
    machine: () => {
      const { self: peer } = environment.network
      const details = { code: 'NOT_AUTHORISED', peer, protocol: 'machines' } as const
      throw new HoldfastError('Cannot use machines: storage members take no part in them', details)
    },
    keepFilesIn: () => undefined,
    leads: () => false,
    leaderOf: async () => undefined,
    groups: async () => [],
    replicas: () => [],
    close: async () => undefined,
  }
}

class FullAgreement implements PeerAgreement {
  readonly kv: KvClient
  readonly catalog: Catalog
  readonly ranges: Ranges
  readonly #options: AgreementOptions
  readonly #system: SystemGroup
  readonly #part: CatalogPart
  readonly #machines: MachinesPart
  readonly #keyValue: KeyValue
  readonly #strain: Strain

  static async start(options: AgreementOptions): Promise<FullAgreement> {
    const keyValue = await options.home.openKeyValue(CATALOG_DIRECTORY)
    try {
      return await FullAgreement.#open(options, keyValue)
    } catch (error) {
      await keyValue.close()
      throw error
    }
  }

  static async #open(options: AgreementOptions, keyValue: KeyValue): Promise<FullAgreement> {
    const { environment, home, afterTurn, book, membership, profile, stampMs, log } = options
    const failed = options.onFailure
    const late: { system?: SystemGroup } = {}
    const onSplit = (group: number, child: number): void =>
      late.system?.histories.split(group, child)
    const store = { environment, keyValue, stampMs, systemStates }
    const part = new CatalogPart({ ...store, onSplit, failed })
    const members = (): readonly PeerId[] => membersIn(options)
    const machines = new MachinesPart({ ...options, members, failed })
    const admits = (peer: PeerId): boolean => certificateIn(book, peer)?.role === 'full'
    const strain = tellStrain({ ...environment, membership })
    const system = await SystemGroup.open({
      environment,
      home,
      afterTurn,
      networkId: book.table.trust.networkId,
      raft: profile === 'wan' ? wide : {},
      admits,
      roster: (voters, group) =>
        voterRoster(
          {
            roster: () => membership.roster().filter(({ peer }) => machines.isAble(group, peer)),
            certificateOf: peer => certificateIn(book, peer),
            protocol: options.protocol,
          },
          voters,
        ),
      describe: peer => describePeer(options, peer),
      decided: (group, { reason }) => options.onEvent({ type: 'members', group, reason }),
      led: (group, leader) => {
        const name = groupName(group, machines.nameOf(group))
        if (leader !== undefined) options.metrics.add(leaderChanges, { group: name })
        options.onEvent({ type: 'leader', group, leader })
      },
      states: async snapshots => machines.openStates(await part.openStates(snapshots), snapshots),
      runs: machines.runs,
      compactionOf: machines.compactionOf,
      halted: machines.halted,
      nameOf: machines.nameOf,
      changed: part.changed,
      fateOf: peer => membership.peer(peer)?.state,
      meter: meterInto(options.metrics, strain.synced),
      log,
      failed,
    }).catch((error: unknown) => {
      strain.stop()
      throw error
    })
    late.system = system
    return new FullAgreement(options, { system, part, machines, keyValue, strain })
  }

  private constructor(
    options: AgreementOptions,
    { system, part, machines, keyValue, strain }: Parts,
  ) {
    this.#options = options
    this.#system = system
    this.#part = part
    this.#machines = machines
    this.#keyValue = keyValue
    this.#strain = strain
    const group = new SystemMap(system, options.environment, () => membersIn(options))
    this.kv = new KvClient({ group, ...options.environment })
    const { node, network } = system
    const { catalog, ranges } = part.start({ node, network, kv: this.kv })
    this.catalog = catalog
    this.ranges = ranges
    machines.start({ node, network, kv: this.kv })
    network.onRequest(VIEWS, async () => fromUtf8(JSON.stringify(system.views())))
  }

  machine(name: string): MachineHandle {
    return this.#machines.client(name)
  }

  keepFilesIn(store: Store | undefined): void {
    this.#machines.keepFilesIn(store)
  }

  leads(): boolean {
    return this.#system.node.group(SYSTEM_GROUP)?.role === 'leader'
  }

  async groups(): Promise<readonly GroupView[]> {
    const ask = onceEach(peer => this.#ask(peer))
    const own = this.#system.views()
    if (own.length === 0) return this.#viewsOfOthers(ask)
    const shards = await this.#shards()
    const known = new Set(own.map(({ group }) => group))
    const foreign = shards.filter(({ group }) => !known.has(group)).slice(0, FOREIGN_MAX)
    const views = await Promise.all([
      ...own.map(view => viewOfLeader(view, ask)),
      ...foreign.map(({ group }) => this.#viewOfMembers(group, ask)),
    ])
    const ranges = new Map(shards.map(shard => [shard.group, rangeView(shard)]))
    return views
      .filter(view => view !== undefined)
      .map(view => ({ ...view, range: ranges.get(view.group) }))
      .toSorted((a, b) => a.group - b.group)
  }

  async leaderOf(group: number): Promise<PeerId | undefined> {
    const here = this.#system.node.group(group)?.leader
    if (here !== undefined) return peerOf(here)
    return (await this.#viewOfMembers(group, peer => this.#ask(peer)))?.leader
  }

  replicas(): readonly GroupView[] {
    return this.#system.views()
  }

  async close(signal: AbortSignal): Promise<void> {
    this.#strain.stop()
    await this.#machines.stop()
    await this.#part.stop()
    await this.#system.close(signal)
    await this.#part.close()
    await this.#keyValue.close()
  }

  /** As the map has them now; none while it cannot be asked. */
  async #shards(): Promise<readonly Shard[]> {
    const entry = await this.#hint(SHARDS_KEY)
    return entry === undefined ? [] : shardRecords.decode(entry).shards
  }

  /** Of a group that has no replica here: who has one is a hint in the map. */
  async #viewOfMembers(group: number, ask: AskViews): Promise<GroupView | undefined> {
    const entry = await this.#hint(membersKey(group))
    const members = entry === undefined ? [] : memberLists.decode(entry)
    for (const peer of members.slice(0, ASKED_MAX)) {
      const view = (await ask(peer)).find(each => each.group === group)
      if (view !== undefined) return viewOfLeader(view, ask)
    }
    return undefined
  }

  async #viewsOfOthers(ask: AskViews): Promise<readonly GroupView[]> {
    for (const peer of membersIn(this.#options).slice(0, ASKED_MAX)) {
      const views = await ask(peer)
      if (views.length > 0) return Promise.all(views.map(view => viewOfLeader(view, ask)))
    }
    return []
  }

  /** A value of the map; undefined if there is none, or nobody to ask. */
  async #hint(key: string): Promise<Uint8Array | undefined> {
    try {
      return (await this.kv.get(key, { deadlineMs: VIEWS_MS }))?.value
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      return undefined
    }
  }

  async #ask(peer: PeerId): Promise<readonly GroupView[]> {
    try {
      const options = { body: new Uint8Array(0), deadlineMs: VIEWS_MS }
      const answer = await this.#system.network.request(peer, VIEWS, options)
      return JSON.parse(toUtf8(answer)) as readonly GroupView[]
    } catch (error) {
      if (codeOf(error) === undefined && !(error instanceof SyntaxError)) throw error
      return []
    }
  }
}

/**
 * Full members that may have a replica: those who are alive first, of these the ones that need no
 * new connection, the steadier the sooner.
 */
function membersIn({ membership, book, environment }: AgreementOptions): readonly PeerId[] {
  const connected = new Set(environment.network.connected())
  return membership
    .roster()
    .filter(({ peer, isSelf }) => !isSelf && certificateIn(book, peer)?.role === 'full')
    .toSorted(
      (a, b) =>
        Number(b.state === 'alive') - Number(a.state === 'alive') ||
        Number(connected.has(b.peer)) - Number(connected.has(a.peer)) ||
        b.score - a.score,
    )
    .map(({ peer }) => peer)
}

interface Parts {
  readonly system: SystemGroup
  readonly part: CatalogPart
  readonly machines: MachinesPart
  readonly keyValue: KeyValue
  readonly strain: Strain
}

type AskViews = (peer: PeerId) => Promise<readonly GroupView[]>

/** Who leads several groups is asked once for all of them. */
function onceEach(ask: AskViews): AskViews {
  const asked = new Map<PeerId, Promise<readonly GroupView[]>>()
  return peer => {
    const answer = asked.get(peer) ?? ask(peer)
    asked.set(peer, answer)
    return answer
  }
}

/** The leader knows most; without its answer the view stays as it is. */
async function viewOfLeader(view: GroupView, ask: AskViews): Promise<GroupView> {
  const { leader, seenBy, group } = view
  if (leader === undefined || leader === seenBy) return view
  return (await ask(leader)).find(each => each.group === group) ?? view
}

function certificateIn(book: MemberBook, peer: PeerId): Certificate | undefined {
  const status = book.statusOf(peer)
  return status.state === 'member' ? status.certificate : undefined
}

function describePeer(
  { membership, book }: AgreementOptions,
  peer: PeerId,
): { name: string; zone: string } {
  const entry = membership.peer(peer)
  return {
    name: entry === undefined ? '' : decodeNote(entry.meta).name,
    zone: certificateIn(book, peer)?.zone ?? '',
  }
}
