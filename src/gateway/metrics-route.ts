import { formatMetrics } from '../base/metrics.ts'
import type { Call, Route } from './route.ts'

/** What Prometheus asks for. */
const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The numbers of the peer, its gateway and its process. */
export const metricsRoute: Route = { method: 'GET', path: '/metrics', run: tell }

async function tell({ node, metrics, response }: Call): Promise<undefined> {
  const text = formatMetrics([...node.metrics(), ...metrics.families()])
  response.writeHead(200, {
    'content-type': TEXT_TYPE,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
  return undefined
}
