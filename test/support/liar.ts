import type { Environment, Network, Random } from '../../src/base/environment.ts'
import { CALL, encodeOutcome, PUT, READ } from '../../src/node/fragments/fragment-messages.ts'

/** How a peer deceives the others, as long as it does. */
export interface Lie {
  /** `flips`: bits in what it is asked for. `drops`: says that it has stored what it has not. */
  kind: 'none' | 'flips' | 'drops'
}

/** The environment of a peer whose answers to others may be lies. */
export function lying(environment: Environment, lie: Lie, random: Random): Environment {
  const { network } = environment
  const onRequest: Network['onRequest'] = (protocol, handler, limits) =>
    network.onRequest(
      protocol,
      async (from, body, signal) => {
        if (lie.kind === 'drops' && protocol === PUT) return encodeOutcome('stored')
        const answer = await handler(from, body, signal)
        const isData = protocol === READ || (protocol === CALL && answer.length > 8)
        return lie.kind === 'flips' && isData ? flipped(answer, random) : answer
      },
      limits,
    )
  return { ...environment, network: withRequests(network, onRequest) }
}

const withRequests = (network: Network, onRequest: Network['onRequest']): Network => ({
  self: network.self,
  sendDatagram: (...message) => network.sendDatagram(...message),
  onDatagram: (...handler) => network.onDatagram(...handler),
  request: (...request) => network.request(...request),
  onRequest,
  openStream: (...stream) => network.openStream(...stream),
  onStream: (...handler) => network.onStream(...handler),
  connected: () => network.connected(),
  onPeer: listener => network.onPeer(listener),
})

function flipped(answer: Uint8Array, random: Random): Uint8Array {
  const copy = answer.slice()
  const at = copy.length - 1 - random.below(Math.min(32, copy.length))
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
  return copy
}
