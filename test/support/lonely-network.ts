import type { Network } from '../../src/base/environment.ts'
import { HoldfastError } from '../../src/base/errors.ts'

/** A network with nobody else in it. */
export const lonelyNetwork: Network = {
  self: 'alone',
  sendDatagram: () => undefined,
  onDatagram: () => undefined,
  request: peer => Promise.reject(unreachable(peer)),
  onRequest: () => undefined,
  openStream: peer => Promise.reject(unreachable(peer)),
  onStream: () => undefined,
  connected: () => [],
  onPeer: () => undefined,
}

const unreachable = (peer: string): HoldfastError =>
  new HoldfastError(`Cannot reach ${peer}`, { code: 'PEER_UNREACHABLE', peer })
