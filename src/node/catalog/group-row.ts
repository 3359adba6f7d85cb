/**
 * What stands in the catalog's store beside the rows of the catalog itself:
 *
 *     0 ‖ g ‖ group               what the state of a group here is, see `Standing`
 *     0 ‖ e ‖ space ‖ group       what the group has left in a space is to be erased
 *     0 ‖ n                       the last space that was begun
 *     1 ‖ space ‖ row             a row of the catalog (src/catalog/tables.ts)
 *     1 ‖ space ‖ 2 ‖ group ‖ id  a session of the group (session-rows.ts)
 */
import { concat } from '../../base/bytes.ts'
import {
  type Codec,
  list,
  natural,
  optional,
  struct,
  text,
  type Versioned,
  versioned,
} from '../../catalog/codec.ts'
import { type Stamp, stampCodec } from '../../catalog/stamp.ts'
import { following, u32 } from '../../catalog/tables.ts'
import type { Configuration } from '../../consensus/configuration.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { KeyRange } from '../../storage/key-value.ts'

/** A range that was split off here, and after which entry. */
export interface Child {
  readonly group: number
  readonly index: number
}

/** The state of a group on this peer. */
export interface Standing {
  /** Where its rows are. */
  readonly space: number
  /** What it is made of. */
  readonly mark: SnapshotMark
  /** Of the last command: the next one's is later. */
  readonly stamp: Stamp
  /** The time of its sessions. */
  readonly sessionsMs: number
  /** The group of whose range it was split off; undefined once it has a log of its own. */
  readonly parent: number | undefined
  /** Split off, and perhaps not yet on a majority of their voters. */
  readonly children: readonly Child[]
}

const GROUP_MAX = 0xffff_ffff
const replicas = list(text(256), 32)
const configurationCodec: Codec<Configuration> = struct<Configuration>({
  voters: replicas,
  outgoing: replicas,
  learners: replicas,
})
const standingRow: Versioned<Standing> = versioned(
  1,
  65_536,
  struct<Standing>({
    space: natural(GROUP_MAX),
    mark: struct<SnapshotMark>({
      index: natural(),
      term: natural(),
      configuration: configurationCodec,
    }),
    stamp: stampCodec,
    sessionsMs: natural(),
    parent: optional(natural(GROUP_MAX)),
    children: list(struct<Child>({ group: natural(GROUP_MAX), index: natural() }), 1_024),
  }),
)

export const encodeStanding = (standing: Standing): Uint8Array => standingRow.encode(standing)
export const decodeStanding = (row: Uint8Array): Standing => standingRow.decode(row)

const OWN = Uint8Array.of(0)
const SPACES = Uint8Array.of(1)
const named = (letter: string, ...rest: readonly Uint8Array[]): Uint8Array =>
  concat([OWN, Uint8Array.of(letter.charCodeAt(0)), ...rest])

export const standingKey = (group: number): Uint8Array => named('g', u32(group))
export const erasureKey = (space: number, group: number): Uint8Array =>
  named('e', u32(space), u32(group))
export const SPACE_COUNT_KEY: Uint8Array = named('n')
export const spacePrefix = (space: number): Uint8Array => concat([SPACES, u32(space)])

const behind = (prefix: Uint8Array, limit: number): KeyRange => ({
  after: prefix,
  before: following(prefix),
  limit,
})

/** All standings, and all erasures that are not done. */
export const standingKeys = (limit: number): KeyRange => behind(named('g'), limit)
export const erasureKeys = (limit: number): KeyRange => behind(named('e'), limit)

const u32At = (key: Uint8Array, at: number): number =>
  new DataView(key.buffer, key.byteOffset).getUint32(at)

export const groupOfStanding = (key: Uint8Array): number => u32At(key, 2)
export const erasureIn = (key: Uint8Array): { readonly space: number; readonly group: number } => ({
  space: u32At(key, 2),
  group: u32At(key, 6),
})
