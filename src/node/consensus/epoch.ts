/**
 * Which epoch of the network a peer's groups belong to. A recovery (`holdfast recover`) begins a new
 * one; an epoch is the number of the recovery, 8 digits, and 24 random ones, all hexadecimal, so the
 * newer of two is the greater text, and nothing is less than everything.
 *
 * Peers tell each other theirs when they connect. One that has no replica follows the newer epoch.
 * One that has a replica of an older epoch must not go on with it: what it promised counts no more.
 */
import { fromUtf8, toHex, toUtf8 } from '../../base/bytes.ts'
import type { Disk, Network, PeerId, Random } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'

const EPOCH_FILE = 'epoch'
const EPOCH_FILE_BYTES_MAX = 64
const NUMBER_DIGITS = 8
const RANDOM_BYTES = 12
const PROTOCOL = 'raft/epoch/1'
const ANSWER_MS = 2_000

/** Whether this is how an epoch after a recovery is written. */
export const isEpoch = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)

/** The epoch of the network in a store; empty before the first recovery. */
export async function readEpoch(disk: Disk): Promise<string> {
  try {
    const file = await disk.open(EPOCH_FILE, 'read')
    const bytes = await file.read(0, EPOCH_FILE_BYTES_MAX)
    await file.close()
    return toUtf8(bytes)
  } catch (error) {
    if (codeOf(error) === 'FILE_NOT_FOUND') return ''
    throw error
  }
}

export const writeEpoch = (disk: Disk, epoch: string): Promise<void> =>
  disk.replace(EPOCH_FILE, fromUtf8(epoch))

/** One that is newer than `epoch`, and unlike any other that is. */
export function epochAfter(epoch: string, random: Random): string {
  const number = epoch === '' ? 0 : Number.parseInt(epoch.slice(0, NUMBER_DIGITS), 16)
  const digits = (number + 1).toString(16).padStart(NUMBER_DIGITS, '0')
  return `${digits}${toHex(random.bytes(RANDOM_BYTES))}`
}

export interface EpochTalkOptions {
  /** Not fenced: peers of different epochs must hear of each other. */
  readonly network: Network
  readonly admits: (peer: PeerId) => boolean
  readonly epoch: () => string
  /** A peer is of a newer epoch. */
  readonly newer: (epoch: string, peer: PeerId) => void
}

/** Compares epochs with every peer that comes. */
export function talkOfEpochs({ network, admits, epoch, newer }: EpochTalkOptions): void {
  const heard = (peer: PeerId, bytes: Uint8Array): void => {
    const theirs = toUtf8(bytes)
    if (admits(peer) && isEpoch(theirs) && theirs > epoch()) newer(theirs, peer)
  }
  const own = (): Uint8Array => fromUtf8(epoch())
  network.onRequest(PROTOCOL, async (from, body) => {
    heard(from, body)
    return own()
  })
  const tell = (peer: PeerId): void =>
    void network.request(peer, PROTOCOL, { body: own(), deadlineMs: ANSWER_MS }).then(
      answer => heard(peer, answer),
      // It does not serve this, or was lost: then it tells itself when it is back.
      () => undefined,
    )
  network.onPeer(({ peer, state }) => {
    if (state === 'up' && admits(peer)) tell(peer)
  })
  for (const peer of network.connected()) if (admits(peer)) tell(peer)
}

export function epochOutdated(epoch: string, newest: string, peer: PeerId): HoldfastError {
  const details = { code: 'EPOCH_OUTDATED', epoch, newest, peer } as const
  return new HoldfastError(
    `Cannot go on in epoch ${epoch === '' ? '0' : epoch}: ${peer} is of the newer ${newest}, ` +
      'made by `holdfast recover`; apply its plan here too',
    details,
  )
}
