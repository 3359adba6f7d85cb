import type { Environment, PeerId } from '../../base/environment.ts'
import type { MembershipChange } from '../../membership/core-types.ts'
import type { Profile } from '../../membership/profile.ts'
import type { Description, Seal } from '../../membership/record.ts'
import type { RosterEntry } from '../../membership/roster.ts'
import type { Vitals } from '../../membership/vitals.ts'
import type { TurnSource } from './turns.ts'

/** Who is there, as this peer knows it. */
export interface MembershipService {
  /** Every peer ever heard of and not yet forgotten, this one included, sorted by id. */
  roster(): readonly RosterEntry[]
  /** One entry of the roster; undefined for a stranger. */
  peer(peer: PeerId): RosterEntry | undefined
  /** Tells of every change from now on; returns what ends that. A listener must not throw. */
  onChange(listener: (change: MembershipChange) => void): () => void

  /** Gets to know the network through any of these peers; goes on trying until one answers. */
  join(peers: readonly PeerId[]): void
  /**
   * Describes this peer anew (addresses, zone, version, meta): a new incarnation.
   * @throws {HoldfastError} `TOO_LARGE`, state unchanged
   */
  describe(description: Description): void
  /** How this peer is doing, as far as it has changed; told with the next probes. */
  setVitals(vitals: Partial<Vitals>): void
  /** Strikes a banned peer; `admits` must refuse it from then on. */
  expel(peer: PeerId): void

  /** Says farewell and stops: the others will not miss this peer. Takes a second or a few. */
  leave(): Promise<void>
  /** Stops without a word: the others will find this peer dead. Safe to call twice. */
  stop(): Promise<void>
}

export interface MembershipServiceOptions {
  /** The disk keeps one small file, `membership`, in its root. */
  readonly environment: Environment
  /** Goes into every signature; differs between networks. */
  readonly network: string
  readonly description: Description
  readonly seal: Seal
  /** @default profiles.lan */
  readonly profile?: Profile
  /** Whether this peer is admitted to the network; others are not believed in. @default all */
  readonly admits?: (peer: PeerId) => boolean
  /** The event loop; `nodeTurns` in a real peer. */
  readonly turns: TurnSource
  /** Told of peers that sent what they could not have got honestly, at a bounded rate. */
  readonly onRefused?: (refusal: { readonly from: PeerId; readonly reason: string }) => void
  /** Told if the service has to stop: its disk failed, or it has a bug. */
  readonly onFailure: (error: unknown) => void
}
