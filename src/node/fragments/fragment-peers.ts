/**
 * Fragments on other peers and on this one. Nobody need be trusted: what is read is verified by
 * whoever asked, and a proof is checked by whoever challenged. The own store is reached without a
 * detour over the network.
 */
import type { PeerId } from '../../base/environment.ts'
import type { FragmentInfo, RevealedCell } from '../../storage/fragment-store.ts'

/** Which fragment of which segment a reference is for. */
export interface FragmentReferenceName {
  /** 1 to 64 bytes. */
  readonly segment: Uint8Array
  readonly index: number
}

export interface FragmentPut extends FragmentReferenceName {
  readonly sizeBytes: number
  /** Up to 2 KiB, opaque (`fragment-origin.ts`). */
  readonly sealed: Uint8Array
  /** How long the peer keeps it unless it is committed. */
  readonly leaseMs: number
  readonly signal?: AbortSignal | undefined
}

export interface FragmentRead extends FragmentCall {
  readonly from: number
  readonly to: number
}

/** Cells and the leaves that prove them, neither of them verified. */
export interface ReadCells {
  /** Joined, in memory of their own. */
  readonly cells: Uint8Array<ArrayBuffer>
  /** Of the whole fragment. */
  readonly leaves: Uint8Array
}

export interface FragmentCall {
  /** @default 5 s for small answers, 30 s for bulk */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface FragmentPeers {
  /**
   * Resolves when the peer has verified the fragment and has it durably.
   * @param cells of 64 KiB, the last what is left; pulled no faster than the peer takes them, and
   *   copied, so that each may be overwritten once the next was asked for
   * @throws {HoldfastError} `DISK_FULL`, `STORE_READONLY`, `BUSY`, `FRAGMENT_CORRUPT`, `TIMEOUT`,
   *   `PEER_UNREACHABLE`, …
   */
  put(
    peer: PeerId,
    id: string,
    put: FragmentPut,
    cells: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<'stored' | 'present'>
  /** Cells `from` … `to` - 1, joined, unverified. @throws {HoldfastError} `FRAGMENT_MISSING`, … */
  cells(peer: PeerId, id: string, range: FragmentRead): Promise<Uint8Array<ArrayBuffer>>
  /** The same with the leaves, in one round trip. */
  read(peer: PeerId, id: string, range: FragmentRead): Promise<ReadCells>
  leaves(peer: PeerId, id: string, call?: FragmentCall): Promise<Uint8Array>
  commit(peer: PeerId, id: string, name: FragmentReferenceName, call?: FragmentCall): Promise<void>
  release(
    peer: PeerId,
    id: string,
    name: FragmentReferenceName & { readonly graceMs: number },
    call?: FragmentCall,
  ): Promise<void>
  stat(peer: PeerId, id: string, call?: FragmentCall): Promise<FragmentInfo | undefined>
  /** The answer to a challenge over a stored cell; see `FragmentStore.prove`. */
  prove(
    peer: PeerId,
    id: string,
    challenge: { readonly cell: number; readonly nonce: Uint8Array },
    call?: FragmentCall,
  ): Promise<Uint8Array>
  reveal(peer: PeerId, id: string, cell: number, call?: FragmentCall): Promise<RevealedCell>
}
