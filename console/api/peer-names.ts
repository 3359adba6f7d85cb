import { useMemo } from 'preact/hooks'

import type { PeerRow } from '../../src/gateway/console/views/peers.ts'
import { shortId } from '../logic/format.ts'
import { useLive } from './resource.ts'

/** What people call a peer, by its id; the end of the id while that is not known. */
export function usePeerNames(): (peer: string) => string {
  const { value } = useLive<readonly PeerRow[]>('peers')
  const names = useMemo(() => new Map(value?.map(({ peer, name }) => [peer, name])), [value])
  return peer => names.get(peer) || shortId(peer)
}
