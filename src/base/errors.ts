/**
 * Every failure a caller may handle, with the numbers needed to act on it. A tidy test keeps this
 * union and docs/errors.md equal. Each code says when, whether state changed, what to do.
 */
export type Failure =
  /** Fragments of several objects, and nothing tells which is wanted. State unchanged. */
  | { readonly code: 'AMBIGUOUS'; readonly what: string; readonly count: number }
  /** Nothing can listen there: another program does. State unchanged; choose another address. */
  | { readonly code: 'ADDRESS_IN_USE'; readonly address: string }
  /** A cell cannot be coded: it is no multiple of 64 bytes, or unlike the others. State unchanged. */
  | { readonly code: 'CELL_SIZE'; readonly sizeBytes: number; readonly neededBytes: number }
  /** Time here is not known well enough yet, or its mark not durable. State unchanged; retry. */
  | { readonly code: 'CLOCK_NOT_READY'; readonly status: string; readonly waitMs: number }
  /** A timestamp leads this peer's clock by too much. State unchanged; one of the two is wrong. */
  | {
      readonly code: 'CLOCK_SKEW'
      readonly from: string
      readonly leadMs: number
      readonly limitMs: number
    }
  /** The thing was closed before or during the call. What was not acknowledged may be undone. */
  | { readonly code: 'CLOSED'; readonly what: string }
  /** A setting is unknown, of the wrong kind, or contradicts another one. State unchanged. */
  | { readonly code: 'CONFIG_INVALID'; readonly key: string; readonly reason: string }
  /** What was read is not what its name was made of. State unchanged; ask another peer, repair. */
  | { readonly code: 'CORRUPT'; readonly what: string }
  /** Another process uses this data directory. State unchanged; stop it, or use another one. */
  | { readonly code: 'DIRECTORY_LOCKED'; readonly path: string; readonly pid: number }
  /** A sync or close failed: the store answers nothing more until restart. Outcome unknown. */
  | { readonly code: 'DISK_FAILED'; readonly path: string; readonly operation: string }
  /** No space left. State unchanged; retry once space was freed. */
  | { readonly code: 'DISK_FULL'; readonly path: string }
  /** The medium refused this one operation. State unchanged; treat what was asked for as lost. */
  | { readonly code: 'DISK_IO'; readonly path: string; readonly operation: string }
  /** The path is already taken. State unchanged. */
  | { readonly code: 'FILE_EXISTS'; readonly path: string }
  /** There is no such file or directory. State unchanged. */
  | { readonly code: 'FILE_NOT_FOUND'; readonly path: string }
  /** The operating system forbids it. State unchanged; fix owner or mode. */
  | { readonly code: 'FILE_FORBIDDEN'; readonly path: string; readonly operation: string }
  /**
   * The bytes of a fragment are not those its id names, or its file or record is not as it was
   * written. A put changed nothing; what was stored is marked for repair. Never served.
   */
  | { readonly code: 'FRAGMENT_CORRUPT'; readonly id: string; readonly reason: string }
  /** This store does not hold the fragment. State unchanged; ask another peer. */
  | { readonly code: 'FRAGMENT_MISSING'; readonly id: string }
  /** The id names a hash that this version does not know. State unchanged; update this peer. */
  | { readonly code: 'HASH_UNKNOWN'; readonly tag: number }
  /** No such code exists: k ≥ 1, m ≥ 0, k + m ≤ 256. State unchanged; never retry. */
  | { readonly code: 'INVALID_SCHEME'; readonly k: number; readonly m: number }
  /** It is no invite, or was not copied whole. State unchanged; copy it again. */
  | { readonly code: 'INVITE_MALFORMED' }
  /** The host of the invite said no. State unchanged; ask for a new invite, unless `banned`. */
  | { readonly code: 'JOIN_REFUSED'; readonly reason: JoinRefusal }
  /** Nobody holds this reference any more: its lease or grace is over. Put the fragment again. */
  | { readonly code: 'LEASE_EXPIRED'; readonly id: string; readonly index: number }
  /** This peer has no replica of the group. State unchanged; ask another peer. */
  | { readonly code: 'GROUP_UNKNOWN'; readonly group: number }
  /** The object is encrypted and no key was given. State unchanged. */
  | { readonly code: 'KEY_NEEDED' }
  /** The object is encrypted under another key. State unchanged; never retry with this one. */
  | { readonly code: 'KEY_WRONG' }
  /** The log of this group has lost records it once acknowledged. Refetch them from a replica. */
  | { readonly code: 'LOG_DAMAGED'; readonly group: number; readonly index: number }
  /** Only the peer that holds the network's key can do this. State unchanged; ask `holder`. */
  | { readonly code: 'NO_AUTHORITY'; readonly holder: string }
  /** The peer is not a member of this network, or cannot be treated as one. State unchanged. */
  | { readonly code: 'NOT_A_MEMBER'; readonly peer: string }
  /** No peer runs on this data directory. State unchanged; start one. */
  | { readonly code: 'NOT_RUNNING'; readonly path: string }
  /** Bytes from outside are not what they claim to be. State unchanged; never retry. */
  | { readonly code: 'MALFORMED'; readonly what: string; readonly offset: number }
  /** This replica does not lead its group. State unchanged; ask `leader`, if one is known. */
  | { readonly code: 'NOT_LEADER'; readonly group: number; readonly leader?: string }
  /** No leader that a majority follows was found in time. State unchanged; retry later. */
  | { readonly code: 'NO_QUORUM'; readonly group: number; readonly afterMs: number }
  /** It may be done, now or later, or never. Ask again in the same session, or look. */
  | { readonly code: 'OUTCOME_UNKNOWN'; readonly group: number; readonly reason: string }
  /** The group cannot take this change now, or ever, for the reason given. State unchanged. */
  | { readonly code: 'CHANGE_REFUSED'; readonly group: number; readonly reason: string }
  /**
   * The network was recovered while this peer was away: what its replicas promised counts no more.
   * State unchanged; apply the plan of that recovery here too.
   */
  | {
      readonly code: 'EPOCH_OUTDATED'
      readonly epoch: string
      readonly newest: string
      readonly peer: string
    }
  /** The replica is not as it was when its recovery was planned. State unchanged; plan anew. */
  | { readonly code: 'PLAN_OUTDATED'; readonly group: number; readonly reason: string }
  /** Nothing can be recovered in this way, for the reason given. State unchanged. */
  | { readonly code: 'PLAN_REFUSED'; readonly reason: string }
  /** A replica has another state than a majority at the same entry: it stopped. See its reducer. */
  | {
      readonly code: 'MACHINE_DIVERGED'
      readonly machine: string
      readonly index: number
      readonly own: string
      readonly others: string
    }
  /** The reducer threw what was no refusal: it has a bug. State unchanged; the same will happen. */
  | { readonly code: 'MACHINE_FAILED'; readonly machine: string; readonly reason: string }
  /** No room for more rows, bytes, timers, events or keys. State unchanged. */
  | { readonly code: 'MACHINE_FULL'; readonly machine: string; readonly what: string }
  /** The key was used for another command before. State unchanged; use a new key. */
  | { readonly code: 'MACHINE_KEY_REUSED'; readonly machine: string; readonly key: string }
  /** A newer version of the machine is in force than this program knows. Update this peer. */
  | { readonly code: 'MACHINE_OUTDATED'; readonly version: number; readonly known: number }
  /** The reducer refused the command, for its own reason. State unchanged; that is its answer. */
  | {
      readonly code: 'MACHINE_REFUSED'
      readonly machine: string
      readonly reason: string
      readonly index: number
    }
  /** This peer's program has no such machine. State unchanged; give it to `createNode`. */
  | { readonly code: 'MACHINE_UNKNOWN'; readonly machine: string }
  /** A reducer read the clock or chance, or waited. State unchanged; it has a bug. */
  | { readonly code: 'NOT_DETERMINISTIC'; readonly what: string }
  /** The replicated map has no room for another key, or for more bytes. State unchanged. */
  | { readonly code: 'MAP_FULL'; readonly what: string }
  /** Changes above `after` are no longer known. Read the keys, then watch from `oldest` on. */
  | { readonly code: 'WATCH_TRIMMED'; readonly after: number; readonly oldest: number }
  /** A bounded queue is full. State unchanged; retry after a while. */
  | { readonly code: 'BUSY'; readonly what: string; readonly limit?: number }
  /** A worker thread died before it answered. State unchanged, its input is lost; retry. */
  | { readonly code: 'THREAD_LOST'; readonly thread: string }
  /** The command is not what any sender of ours would send. State unchanged; never retry. */
  | { readonly code: 'INVALID_COMMAND'; readonly what: string }
  /** There is no access key of this name, or none any more. State unchanged. */
  | { readonly code: 'NO_SUCH_ACCESS_KEY'; readonly id: string }
  /** There is no bucket of this name. State unchanged. */
  | { readonly code: 'NO_SUCH_BUCKET'; readonly bucket: string }
  /** The name is taken. State unchanged. */
  | { readonly code: 'BUCKET_EXISTS'; readonly bucket: string; readonly owner: string }
  /** Objects, versions or uploads are left in it. State unchanged; delete them first. */
  | { readonly code: 'BUCKET_NOT_EMPTY'; readonly bucket: string }
  /** The bucket is about to be deleted and takes no more objects. State unchanged. */
  | { readonly code: 'BUCKET_FROZEN'; readonly bucket: string }
  /** The key has no current version, or `marker`, a deletion, is the one meant. State unchanged. */
  | {
      readonly code: 'NO_SUCH_KEY'
      readonly bucket: string
      readonly key: string
      readonly marker?: string
    }
  /** The key has no version of this name. State unchanged. */
  | {
      readonly code: 'NO_SUCH_VERSION'
      readonly bucket: string
      readonly key: string
      readonly version: string
    }
  /** No such upload or write is open: it was completed, aborted, or has expired. State unchanged. */
  | { readonly code: 'NO_SUCH_UPLOAD'; readonly upload: string }
  /** No content has this segment any more. State unchanged; drop what was made for it. */
  | { readonly code: 'NO_SUCH_SEGMENT'; readonly segment: string }
  /** The object is not as the caller demanded. State unchanged; look at it again. */
  | { readonly code: 'PRECONDITION_FAILED'; readonly condition: string }
  /** A part of the upload is missing, another one, or out of order. State unchanged. */
  | { readonly code: 'INVALID_PART'; readonly part: number; readonly reason: string }
  /** A part before the last is smaller than parts must be. State unchanged. */
  | {
      readonly code: 'PART_TOO_SMALL'
      readonly part: number
      readonly sizeBytes: number
      readonly least: number
    }
  /** The first byte asked for is behind the last one of the object. State unchanged. */
  | { readonly code: 'RANGE_UNSATISFIABLE'; readonly from: number; readonly sizeBytes: number }
  /** A retention or a legal hold protects the version. State unchanged; `untilMs` 0: no end. */
  | { readonly code: 'OBJECT_LOCKED'; readonly lock: string; readonly untilMs: number }
  /** The write came after its lease: its fragments may be gone. State unchanged; write anew. */
  | { readonly code: 'WRITE_EXPIRED'; readonly content: string; readonly untilMs: number }
  /** The content's name is in use. State unchanged; draw another. */
  | { readonly code: 'CONTENT_TAKEN'; readonly content: string }
  /** The place belongs to another group. State unchanged; look it up anew. */
  | { readonly code: 'OUT_OF_RANGE'; readonly group: number; readonly epoch: number }
  /** The range was split, merged or frozen meanwhile. State unchanged; look it up anew. */
  | { readonly code: 'STALE_EPOCH'; readonly group: number; readonly epoch: number }
  /** The range is being merged with its neighbour. State unchanged; retry in a moment. */
  | { readonly code: 'RANGE_FROZEN'; readonly group: number; readonly epoch: number }
  /** Somebody else changed it first. State unchanged; read it and decide again. */
  | { readonly code: 'STALE_REVISION'; readonly have: number; readonly expected: number }
  /** The peer has been told to drop this fragment and may be about to. State unchanged; wait. */
  | { readonly code: 'BEING_DROPPED'; readonly seat: number; readonly segment: string }
  /** Fewer than `need` peers can have, or have, durable fragments. State unchanged; retry later. */
  | { readonly code: 'TOO_FEW_PEERS'; readonly have: number; readonly need: number }
  /** Fewer than `need` fragments were at hand. State unchanged; retry once more are reachable. */
  | { readonly code: 'TOO_FEW_FRAGMENTS'; readonly have: number; readonly need: number }
  /** The input is larger than its named bound. State unchanged; never retry. */
  | {
      readonly code: 'TOO_LARGE'
      readonly what: string
      readonly size: number
      readonly limit: number
    }
  /** The store on disk was made by another network, or by a version this one cannot read. */
  | { readonly code: 'FOREIGN_STORE'; readonly path: string; readonly reason: string }
  /** The store has no room for more, but serves what it has. Retry once space was freed. */
  | {
      readonly code: 'STORE_READONLY'
      readonly usedBytes: number
      readonly limitBytes: number
    }
  /** The peer does not serve this to us: we are no member, or not of that role. State unchanged. */
  | { readonly code: 'NOT_AUTHORISED'; readonly peer: string; readonly protocol: string }
  /** No connection to the peer, or it was lost before the answer. Outcome unknown. */
  | { readonly code: 'PEER_UNREACHABLE'; readonly peer: string }
  /** The peer does not serve this protocol. State unchanged. */
  | { readonly code: 'PROTOCOL_UNKNOWN'; readonly peer: string; readonly protocol: string }
  /** The peer answered with a failure of its own that has no code. Outcome unknown. */
  | { readonly code: 'PEER_FAILED'; readonly peer: string; readonly reason: string }
  /** No answer within the deadline. Outcome unknown. */
  | { readonly code: 'TIMEOUT'; readonly what: string; readonly afterMs: number }
  /** Signed by nobody this network trusts. State unchanged; never retry. */
  | { readonly code: 'UNTRUSTED'; readonly what: string; readonly peer: string }

/** Why a newcomer is not let in, as far as it is told. */
export type JoinRefusal =
  /** A ban lasts: only a peer with a new identity can join. */
  | 'banned'
  | 'expired'
  /** The peer that was asked cannot let anybody in. */
  | 'no-authority'
  /** The proof is not for an open challenge: it came late, twice, or out of nowhere. */
  | 'no-challenge'
  | 'not-a-member'
  | 'other-network'
  | 'too-many-attempts'
  /** There is no such invite, or its secret was not proven. */
  | 'unknown-invite'
  | 'used-up'

/**
 * The one class of expected failures. Match `code`, never `instanceof`: two copies of this package
 * may live in one process.
 */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: Failure['code']
  readonly details: Failure

  constructor(message: string, details: Failure, options?: ErrorOptions) {
    super(message, options)
    this.code = details.code
    this.details = details
  }
}

/** The code of an expected failure; undefined for a bug or a foreign error. */
export function codeOf(error: unknown): Failure['code'] | undefined {
  if (!(error instanceof Error) || error.name !== 'HoldfastError') return undefined
  return (error as HoldfastError).code
}
