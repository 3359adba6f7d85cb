import type { PeerView } from '../index.ts'
import { printable } from './table.ts'

const ID_END = 6

/** What people know a peer by: its name where nobody else has it, else the end of its id too. */
export function peerLabels(peers: readonly PeerView[]): (peer: string) => string {
  const names = new Map(peers.map(({ peer, name }) => [peer, printable(name)]))
  const counts = new Map<string, number>()
  for (const name of names.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return peer => {
    const name = names.get(peer) ?? ''
    if (name !== '' && counts.get(name) === 1) return name
    return `${name === '' ? '' : `${name}~`}${peer.slice(-ID_END)}`
  }
}
