import type { Log } from './log.ts'
import type { Machines } from './machines/define-machine.ts'

/** Written out here, so that the types of the public API need no package of the network's. */
interface NatSettings {
  /**
   * Reach others over relays, and be reached through the ones named here: multiaddrs of members that
   * relay, each ending in `/p2p/<peer>`.
   */
  readonly relay?: readonly string[]
  /** Relay for others. */
  readonly relayServer?: boolean
  /** Turn relayed connections into direct ones where possible; needs `relay`. */
  readonly dcutr?: boolean
  /** Ask others whether this peer can be reached. */
  readonly autonat?: boolean
  /** Ask the router to forward a port. */
  readonly upnp?: boolean
}

export type ProfileName = 'lan' | 'fast' | 'wan'

export interface NodeOptions {
  /** Where the peer keeps everything; made if it is not there. One process at a time may use it. */
  readonly dataDirectory: string
  /**
   * The invite to join with, if the directory belongs to no network yet, or what waits for one and is
   * called only then. Without an invite a network is made.
   */
  readonly join?: string | ((signal: AbortSignal) => Promise<string | undefined>) | undefined
  /**
   * The peers that make a network together, while their directories belong to none: multiaddrs that
   * end in `/p2p/<peer>`, this peer's among them, the same for all. One of them makes it when all have
   * been heard of, and the others join. Instead of `join`; needs `listen`.
   */
  readonly bootstrap?: { readonly expect: number; readonly peers: readonly string[] } | undefined
  /**
   * Multiaddrs to listen at; port 0 takes any free one.
   * @default `/ip4/0.0.0.0/tcp/4801`, or the next port that is free
   */
  readonly listen?: readonly string[] | undefined
  /**
   * Multiaddrs, as `/dns4/peer-1.example.org/tcp/4801`, by which others are told to reach this peer, in
   * place of those found on this machine: its name where numbers change, what a router forwards.
   * @default those found
   */
  readonly announce?: readonly string[] | undefined
  /** TCP port for bulk beside `listen`, at the same host, for firewalls. @default any free one */
  readonly lanePort?: number | undefined
  /** The same for small messages between peers that agree on something. @default any free one */
  readonly wirePort?: number | undefined
  /** Label of shared fate (rack, house, provider); an invite may prescribe another. @default '' */
  readonly zone?: string | undefined
  /**
   * How many bytes of fragments this peer takes at most.
   * @default what the disk has, less a reserve
   */
  readonly capacityBytes?: number | undefined
  /** How long a dead peer may come back before what it held is made anew. @default 60,000 */
  readonly repairGraceMs?: number | undefined
  /** What people call this peer. @default the name of the machine */
  readonly name?: string | undefined
  /**
   * NTP servers, as `host` or `host:port`, at most eight. Without them, or while they do not answer,
   * peers keep time among themselves. Give them to more than half of the peers, or to all.
   * @default none
   */
  readonly ntp?: readonly string[] | undefined
  /** How fast the death of a peer is noticed; the same for all peers of a network. @default 'lan' */
  readonly profile?: ProfileName | undefined
  /** Look for peers of this network on the local network. @default false */
  readonly mdns?: boolean | undefined
  /** Ways through address translation. @default none */
  readonly nat?: NatSettings | undefined
  /**
   * What the application replicates, by name: lower-case letters, digits and hyphens. Peers of one
   * network may have different ones; each has a group of its own, among the peers that have it.
   * @default none
   */
  readonly machines?: Machines | undefined
  /** @default says nothing */
  readonly log?: Log | undefined
}

export const NAME_BYTES_MAX = 64
