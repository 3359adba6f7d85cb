import { createHash } from 'node:crypto'

import type { ConnectionEncrypter } from '@libp2p/interface'
import type { tls } from '@libp2p/tls'
import type { createLibp2p } from 'libp2p'

import type { NetworkOptions } from './network-options.ts'

/**
 * Parts of libp2p that most peers never use, loaded only by those that do. They would be a third of
 * all modules a peer consists of, and of the time it takes to start.
 */
type Libp2pOptions = NonNullable<Parameters<typeof createLibp2p>[0]>
type Discovery = NonNullable<Libp2pOptions['peerDiscovery']>
type Transports = NonNullable<Libp2pOptions['transports']>
type Services = NonNullable<Libp2pOptions['services']>

const MDNS_INTERVAL_MS = 5_000

/** Looking for peers on the local network, if that is wanted. */
export async function localDiscovery({
  mdns: isWanted,
  networkId,
}: NetworkOptions): Promise<Discovery> {
  if (isWanted !== true) return []
  const { mdns } = await import('@libp2p/mdns')
  const tag = createHash('sha256').update(networkId).digest('hex').slice(0, 16)
  return [mdns({ interval: MDNS_INTERVAL_MS, serviceTag: `_holdfast-${tag}._tcp.local` })]
}

/** Reaching others over relays, if any are named. */
export async function relayTransport({ nat = {} }: NetworkOptions): Promise<Transports> {
  if (nat.relay === undefined) return []
  const { circuitRelayTransport } = await import('@libp2p/circuit-relay-v2')
  return [circuitRelayTransport()]
}

/** The ways through address translation that are wanted. */
export async function natServices({ nat = {} }: NetworkOptions): Promise<Services> {
  const services: Services = {}
  if (nat.relayServer === true)
    services['relay'] = (await import('@libp2p/circuit-relay-v2')).circuitRelayServer()
  if (nat.dcutr === true) services['dcutr'] = (await import('@libp2p/dcutr')).dcutr()
  // Port forwarding is announced only once somebody has said that it works.
  if (nat.autonat === true || nat.upnp === true)
    services['autonat'] = (await import('@libp2p/autonat-v2')).autoNATv2()
  if (nat.upnp === true) services['upnp'] = (await import('@libp2p/upnp-nat')).uPnPNAT()
  return services
}

type Tls = typeof tls
type Components = Parameters<ReturnType<Tls>>[0]

/** TLS, for peers that prefer it: ours prefer Noise, so as a rule nobody ever asks. */
export const tlsOnDemand =
  () =>
  (components: Components): ConnectionEncrypter => {
    const load = async (): Promise<ConnectionEncrypter> => {
      const { tls: makeTls } = await import('@libp2p/tls')
      return makeTls()(components)
    }
    let loaded: Promise<ConnectionEncrypter> | undefined
    const encrypter = (): Promise<ConnectionEncrypter> => (loaded ??= load())
    return {
      protocol: '/tls/1.0.0',
      secureInbound: async (connection, options) =>
        (await encrypter()).secureInbound(connection, options),
      secureOutbound: async (connection, options) =>
        (await encrypter()).secureOutbound(connection, options),
    }
  }
