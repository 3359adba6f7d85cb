import type { NetworkOptions } from '../net/network-options.ts'
import type { Log } from './log.ts'

export type ProfileName = 'lan' | 'fast' | 'wan'

export interface NodeOptions {
  /** Where the peer keeps everything; made if it is not there. One process at a time may use it. */
  readonly dataDirectory: string
  /**
   * The invite to join with, if the directory belongs to no network yet. Without one, a network is
   * made.
   */
  readonly join?: string | undefined
  /**
   * Multiaddrs to listen at; port 0 takes any free one.
   * @default `/ip4/0.0.0.0/tcp/4801`, or the next port that is free
   */
  readonly listen?: readonly string[] | undefined
  /** Label of shared fate (rack, house, provider); an invite may prescribe another. @default '' */
  readonly zone?: string | undefined
  /** What people call this peer. @default the name of the machine */
  readonly name?: string | undefined
  /** How fast the death of a peer is noticed; the same for all peers of a network. @default 'lan' */
  readonly profile?: ProfileName | undefined
  /** Look for peers of this network on the local network. @default false */
  readonly mdns?: boolean | undefined
  /** Ways through address translation. @default none */
  readonly nat?: NetworkOptions['nat'] | undefined
  /** @default says nothing */
  readonly log?: Log | undefined
}

export const NAME_BYTES_MAX = 64
