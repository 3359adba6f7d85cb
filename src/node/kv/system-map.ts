import type { Environment, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { GroupReach, ReachOptions } from '../consensus/group-reach.ts'
import { RemoteGroup } from '../consensus/remote-group.ts'
import { SYSTEM_GROUP, type SystemGroup } from '../consensus/system-group.ts'

/**
 * The map of the system group as this peer reaches it: through its own replica if it has one, else
 * through a member that has; and the other way round for those who ask here.
 */
export class SystemMap implements GroupReach {
  readonly #group: SystemGroup
  readonly #remote: RemoteGroup

  /** @param members full members that may have a replica, the likeliest first */
  constructor(
    group: SystemGroup,
    { timers, clock }: Pick<Environment, 'timers' | 'clock'>,
    members: () => readonly PeerId[],
  ) {
    this.#group = group
    this.#remote = new RemoteGroup({
      group: SYSTEM_GROUP,
      network: group.network,
      timers,
      clock,
      members,
      afterTurn: group.afterTurn,
    })
  }

  get isHere(): boolean {
    return this.#group.isHere
  }

  propose(command: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
    const { isHere, node } = this.#group
    if (isHere) return node.propose(SYSTEM_GROUP, command, options)
    return this.#remote.propose(command, options)
  }

  query(question: Uint8Array, options: ReachOptions): Promise<Uint8Array> {
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
export function noMap({ network }: Pick<Environment, 'network'>): GroupReach {
  const refuse = (): Promise<never> => {
    const details = { code: 'NOT_AUTHORISED', peer: network.self, protocol: 'kv' } as const
    return Promise.reject(
      new HoldfastError('Cannot use the map: storage members take no part in it', details),
    )
  }
  return { propose: refuse, query: refuse, queryStale: refuse }
}
