import { ok, type Call, type Route } from './route.ts'
import { CA_PURPOSE, NetworkCa } from './tls/network-ca.ts'

/** What clients have to trust so that they know the gateways of this network, as PEM. */
export const authorityRoute: Route = {
  method: 'GET',
  path: '/api/v1/authority',
  run: async ({ node }: Call) => {
    const { pem } = new NetworkCa(node.deriveKey(CA_PURPOSE), node.status().network)
    return ok({ certificate: pem })
  },
}
