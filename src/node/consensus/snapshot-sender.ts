import { BinaryReader } from '../../base/binary-reader.ts'
import type { Disk, DiskFile, Network } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../consensus/state-machine.ts'
import type { SnapshotWish } from './raft-group.ts'
import { peerOf } from './replica-name.ts'
import type { HeldSnapshot } from './replica-state.ts'
import { encodePiece, SNAPSHOT_PROTOCOL } from './snapshot-piece.ts'

const DEADLINE_MS = 5_000
/** Requests that may bring the transfer no further before it is given up. */
const ATTEMPTS_MAX = 4
const ENDING_BYTES = 8

export interface SendingOptions {
  readonly network: Network
  readonly disk: Disk
  readonly signal: AbortSignal
}

/**
 * Sends a snapshot of a group; resolves when the other side has it.
 * @throws {HoldfastError} if it cannot be read, or does not get through.
 */
export async function sendSnapshot(
  { network, disk, signal }: SendingOptions,
  { path, mark }: Pick<HeldSnapshot, 'path' | 'mark'>,
  { group, from, to, term }: SnapshotWish & { readonly group: number },
): Promise<void> {
  const file = await disk.open(path, 'read')
  try {
    const sizeBytes = await file.sizeBytes()
    const ending = await file.read(sizeBytes - ENDING_BYTES, ENDING_BYTES)
    const checksum = new BinaryReader(ending.subarray(4)).u32()
    const named = { group, from, to, term, snapshot: mark, sizeBytes, checksum }
    const send = async (offset: number, bytes: Uint8Array): Promise<number> => {
      const body = encodePiece({ ...named, offset, bytes })
      const options = { body, deadlineMs: DEADLINE_MS, signal }
      const answer = await network.request(peerOf(to), SNAPSHOT_PROTOCOL, options)
      return new BinaryReader(answer).varint()
    }
    await sendAll(file, sizeBytes, send)
  } finally {
    await file.close()
  }
}

/** An empty first piece asks where to begin. */
async function sendAll(
  file: DiskFile,
  sizeBytes: number,
  send: (offset: number, bytes: Uint8Array) => Promise<number>,
): Promise<void> {
  let offset = 0
  let bytes = new Uint8Array(0)
  for (let idle = 0; idle < ATTEMPTS_MAX; idle++) {
    try {
      const next = await send(offset, bytes)
      if (next >= sizeBytes) return
      if (next > offset) idle = 0
      offset = next
      bytes = await file.read(offset, SNAPSHOT_PIECE_BYTES_MAX)
    } catch (error) {
      const code = codeOf(error)
      const isLost = code === 'TIMEOUT' || code === 'PEER_UNREACHABLE'
      if (!isLost || idle === ATTEMPTS_MAX - 1) throw error
    }
  }
  throw new HoldfastError('Cannot send a snapshot: the other side takes nothing', {
    code: 'TIMEOUT',
    what: 'snapshot',
    afterMs: ATTEMPTS_MAX * DEADLINE_MS,
  })
}
