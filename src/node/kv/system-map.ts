import type { Environment, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { peerOf } from '../consensus/replica-name.ts'
import { SYSTEM_GROUP, type SystemGroup } from '../consensus/system-group.ts'
import type { KvCallOptions, KvGroup } from './kv-client.ts'
import { RemoteKvGroup, serveKv } from './kv-remote.ts'

/**
 * The map of the system group as this peer reaches it: through its own replica if it has one, else
 * through a member that has; and the other way round for those who ask here.
 */
export class SystemMap implements KvGroup {
  readonly #group: SystemGroup
  readonly #remote: RemoteKvGroup

  /** @param members full members that may have a replica, the likeliest first */
  constructor(
    group: SystemGroup,
    { timers, clock }: Pick<Environment, 'timers' | 'clock'>,
    members: () => readonly PeerId[],
  ) {
    this.#group = group
    this.#remote = new RemoteKvGroup({ network: group.network, timers, clock, members })
    const { node } = group
    const here: KvGroup = {
      propose: (command, options) => node.propose(SYSTEM_GROUP, command, options),
      query: (question, options) => node.query(SYSTEM_GROUP, question, options),
      queryStale: question => node.queryStale(SYSTEM_GROUP, question),
    }
    serveKv(group.network, here, () => {
      const leader = node.group(SYSTEM_GROUP)?.leader
      return leader === undefined ? undefined : peerOf(leader)
    })
  }

  propose(command: Uint8Array, options: KvCallOptions): Promise<Uint8Array> {
    const { isHere, node } = this.#group
    if (isHere) return node.propose(SYSTEM_GROUP, command, options)
    return this.#remote.propose(command, options)
  }

  query(question: Uint8Array, options: KvCallOptions): Promise<Uint8Array> {
    const { isHere, node } = this.#group
    if (isHere) return node.query(SYSTEM_GROUP, question, options)
    return this.#remote.query(question, options)
  }

  queryStale(question: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const { isHere, node } = this.#group
    return isHere ? node.queryStale(SYSTEM_GROUP, question) : this.#remote.queryStale(question)
  }
}

/** A storage member takes no part in the map. */
export function noMap({ network }: Pick<Environment, 'network'>): KvGroup {
  const refuse = (): Promise<never> => {
    const details = { code: 'NOT_AUTHORISED', peer: network.self, protocol: 'kv' } as const
    return Promise.reject(
      new HoldfastError('Cannot use the map: storage members take no part in it', details),
    )
  }
  return { propose: refuse, query: refuse, queryStale: refuse }
}
