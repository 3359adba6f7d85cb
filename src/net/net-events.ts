import type { PeerId } from '../base/environment.ts'

/** What an operator may want to know; goes to the log of whoever opened the host. */
export type NetEvent =
  /** Something a peer sent or wanted was refused. At most a few a second per reason get here. */
  | {
      readonly type: 'refused'
      readonly reason: RefusalReason
      /** Undefined where nobody has proven who it is. */
      readonly peer: PeerId | undefined
      readonly detail: string
      /** How many of this reason were left out since the last one told. */
      readonly leftOut: number
    }
  | { readonly type: 'listening'; readonly addresses: readonly string[] }
  | { readonly type: 'lane'; readonly port: number }
  /** The lane to a peer does not work; libp2p streams carry its bytes for a while. */
  | { readonly type: 'lane-failed'; readonly peer: PeerId; readonly error: string }
  /** This peer has no lane (any more); libp2p streams carry everything. */
  | { readonly type: 'lane-off'; readonly error: string }
  | { readonly type: 'wire'; readonly port: number }
  /** There is no wire to a peer; for a while libp2p carries what would go over it. */
  | { readonly type: 'wire-failed'; readonly peer: PeerId; readonly error: string }
  /** This peer can be called by no wire; it may still call others. */
  | { readonly type: 'wire-off'; readonly error: string }
  /** The address book could not be read or written; the peer goes on without. */
  | { readonly type: 'address-book-failed'; readonly error: unknown }
  | { readonly type: 'stop-timeout' }

export type RefusalReason =
  /** The policy said no, or no more strangers fit in. */
  | 'not-admitted'
  /** A peer asked for a protocol that is not for it. */
  | 'not-authorised'
  /** A stranger's time was up before it had joined. */
  | 'join-timeout'
  /** A stranger sent more than anybody needs to join. */
  | 'too-many-bytes'
  /** Bytes that no correct peer sends: frames over the cap, unknown kinds or versions, bad UTF-8. */
  | 'malformed'
  /** More bytes than were granted. */
  | 'past-credit'
  /** More requests or streams at once than one peer may have. */
  | 'too-many'
  /** It does not take what it asked for. */
  | 'slow-reader'
  /** A group locator that is forged, expired, or not for its key. */
  | 'bad-locator'
  /** A topic message that is too large, too many, or for an unknown topic. */
  | 'bad-topic-message'
  /** An address that no peer may be dialled at. */
  | 'bad-address'
  /** A ticket for the lane or a wire that is unknown, used or expired, or a silent socket there. */
  | 'bad-ticket'
