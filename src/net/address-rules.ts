import { BlockList, isIP } from 'node:net'

import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

import type { PeerId } from '../base/environment.ts'
import { ADDRESS_BYTES_MAX } from './limits.ts'

/**
 * Hosts at which no peer lives: an address from another peer must not make this one talk to the
 * services of its own machine room. Link-local ones include the metadata services of clouds.
 */
const forbidden = new BlockList()
forbidden.addSubnet('0.0.0.0', 8)
forbidden.addSubnet('169.254.0.0', 16)
forbidden.addSubnet('224.0.0.0', 3)
forbidden.addAddress('100.100.100.200')
forbidden.addAddress('::', 'ipv6')
forbidden.addSubnet('fe80::', 10, 'ipv6')
forbidden.addSubnet('ff00::', 8, 'ipv6')
forbidden.addAddress('fd00:ec2::254', 'ipv6')

/** May a peer be dialled here? Asked for what was announced and again for what a name resolved to. */
export function mayDial(address: Multiaddr, allowedHosts: readonly string[]): boolean {
  const host = hostOf(address)
  if (host === undefined || allowedHosts.includes(host)) return true
  const family = isIP(host)
  return family === 0 || !forbidden.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** The IP or name in an address; undefined where there is none, as behind a relay. */
export function hostOf(address: Multiaddr): string | undefined {
  const first = address.getComponents().find(({ name }) => name !== 'ip6zone')
  return first?.value
}

/** Reads an address somebody announced; undefined for what is none, or too long. */
export function parseAddress(text: string): Multiaddr | undefined {
  if (text.length > ADDRESS_BYTES_MAX) return undefined
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}

/** The address with the peer it leads to. */
export function withPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  return peerOf(address) === undefined ? address.encapsulate(`/p2p/${peer}`) : address
}

/** Who is to be found at an address, if it says so. Behind a relay, the last one named. */
export function peerOf(address: Multiaddr): PeerId | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value
}
