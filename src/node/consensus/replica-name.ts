import { toHex } from '../../base/bytes.ts'
import type { PeerId, Random } from '../../base/environment.ts'
import type { ReplicaId } from '../../consensus/entry.ts'

const INCARNATION_BYTES = 8

/**
 * A new replica on this peer. Drawn anew whenever its log begins anew, so that a store which lost
 * what it had promised never speaks under the name of the one that promised (bug class 6).
 */
export const newReplicaId = (peer: PeerId, random: Random): ReplicaId =>
  `${peer}/${toHex(random.bytes(INCARNATION_BYTES))}`

/** The peer on which a replica is. */
export const peerOf = (replica: ReplicaId): PeerId => replica.slice(0, replica.lastIndexOf('/'))
