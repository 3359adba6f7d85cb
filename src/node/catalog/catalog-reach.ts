/**
 * The groups of the catalog as a peer reaches them: through its own replica where that knows a leader,
 * else through a peer that has one. Who has is a hint in the replicated map, written by each group's
 * leader and read when it is needed.
 */
import type { Clock, Network, PeerId, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { ConsensusNode } from '../consensus/consensus-node.ts'
import type { GroupReach, ReachOptions } from '../consensus/group-reach.ts'
import { RemoteGroup } from '../consensus/remote-group.ts'
import type { KvClient } from '../kv/kv-client.ts'
import { memberLists, membersKey } from './shard-record.ts'

export interface CatalogReachOptions {
  readonly node: ConsensusNode
  /** Of those who take part. */
  readonly network: Network
  readonly clock: Clock
  readonly timers: Timers
  readonly kv: Pick<KvClient, 'get'>
}

/** How old a hint that was of no use must be before it is read again. */
const HINT_MS = 250
/** The same of one that did not even serve to reach anybody. */
const OLD_HINT_MS = 2_000

interface Remote {
  readonly reach: RemoteGroup
  members: readonly PeerId[]
  readMs: number
}

export class CatalogReach {
  readonly #options: CatalogReachOptions
  readonly #remotes = new Map<number, Remote>()

  constructor(options: CatalogReachOptions) {
    this.#options = options
  }

  /** Whether the replica here, if there is one, is of use for what must be the newest. */
  isHere(group: number): boolean {
    const replica = this.#options.node.group(group)
    return replica?.leader !== undefined && replica.isMember
  }

  propose(group: number, command: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    if (this.isHere(group)) return this.#options.node.propose(group, command, options)
    return this.#throughOthers(group, options, reach => reach.propose(command, options))
  }

  query(group: number, question: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    return this.#throughOthers(group, options, reach => reach.query(question, options))
  }

  queryStale(group: number, question: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    return this.#throughOthers(group, options, async reach => reach.queryStale(question))
  }

  /** Forgets groups that are no more. */
  keep(groups: ReadonlySet<number>): void {
    for (const group of this.#remotes.keys()) if (!groups.has(group)) this.#remotes.delete(group)
  }

  async #throughOthers(
    group: number,
    options: ReachOptions,
    work: (reach: GroupReach) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const remote = this.#remote(group)
    if (remote.members.length === 0) await this.#readMembers(group, remote, options)
    if (remote.members.length === 0) throw noMember(group)
    try {
      return await work(remote.reach)
    } catch (error) {
      // They may all have gone since.
      if (this.#options.clock.monotonicMs() - remote.readMs >= OLD_HINT_MS) remote.members = []
      throw error
    }
  }

  #remote(group: number): Remote {
    const known = this.#remotes.get(group)
    if (known !== undefined) return known
    const { network, clock, timers } = this.#options
    const remote: Remote = {
      members: [],
      readMs: Number.NEGATIVE_INFINITY,
      reach: new RemoteGroup({
        group,
        network,
        clock,
        timers,
        members: () => remote.members,
        outdated: () => {
          if (clock.monotonicMs() - remote.readMs >= HINT_MS) remote.members = []
        },
      }),
    }
    this.#remotes.set(group, remote)
    return remote
  }

  async #readMembers(group: number, remote: Remote, options: ReachOptions): Promise<void> {
    const { kv, network, clock } = this.#options
    try {
      const entry = await kv.get(membersKey(group), options)
      const members = entry === undefined ? [] : memberLists.decode(entry.value)
      remote.members = members.filter(peer => peer !== network.self)
      remote.readMs = clock.monotonicMs()
    } catch (error) {
      // Nothing has left, so this may be tried again.
      throw codeOf(error) === 'NO_QUORUM' ? error : noMember(group, error)
    }
  }
}

const noMember = (group: number, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot reach group ${group}: nobody is known who has a replica of it`,
    { code: 'BUSY', what: 'members' },
    { cause },
  )
