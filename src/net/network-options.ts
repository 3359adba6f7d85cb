import type { Environment } from '../base/environment.ts'
import type { Identity } from './identity.ts'
import type { NetEvent } from './net-events.ts'
import type { PeerPolicy } from './peer-policy.ts'

export interface NetworkOptions {
  /** Part of every protocol name: peers of different networks do not understand each other. */
  readonly networkId: string
  readonly identity: Identity
  readonly policy: PeerPolicy
  /** The address book lives on this disk, in `addresses`. */
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random' | 'disk'>
  /** Multiaddrs to listen at, e.g. `/ip4/0.0.0.0/tcp/4801`; port 0 takes any free one. */
  readonly listen: readonly string[]
  /** Multiaddrs that others are told in place of those found on this machine. @default those found */
  readonly announce?: readonly string[]
  /** Request protocols that provisional peers may use. @default ['join'] */
  readonly openProtocols?: readonly string[]
  /** The only topics there are. @default none */
  readonly topics?: readonly string[]
  /** How many peers the network may have: bounds connections. @default 200 */
  readonly membersMax?: number
  /**
   * Where bulk streams are accepted beside libp2p; port 0 takes any free one. False: no lane.
   * @default any free port, at the first address of `listen`
   */
  readonly lane?: LaneOptions | false
  /**
   * Where wires are accepted, which carry what is small and waited for between peers of one group;
   * port 0 takes any free one. False: no wires.
   * @default any free port, at the first address of `listen`
   */
  readonly wire?: LaneOptions | false
  /** Look for peers of this network on the local network. @default false */
  readonly mdns?: boolean
  /** Ways through address translation. @default none */
  readonly nat?: NatOptions
  /** Multiaddr hosts that may be dialled although they look like no peer's (link-local). @default [] */
  readonly allowedHosts?: readonly string[]
  /** Told what an operator may want to know. Must not throw. */
  readonly onEvent?: (event: NetEvent) => void
}

interface LaneOptions {
  readonly host?: string
  readonly port?: number
}

interface NatOptions {
  /**
   * Reach others over relays, and be reached through the ones named here: multiaddrs of members that
   * relay, each ending in `/p2p/<peer>`. They are named because libp2p, left to look for some, asks an
   * empty Kademlia in a loop that lets nothing else run.
   */
  readonly relay?: readonly string[]
  /** Relay for others. */
  readonly relayServer?: boolean
  /** Turn relayed connections into direct ones where possible; needs `relay`. */
  readonly dcutr?: boolean
  /** Ask others whether this peer can be reached. */
  readonly autonat?: boolean
  /** Ask the router to forward a port; asks others too whether that worked. */
  readonly upnp?: boolean
}
