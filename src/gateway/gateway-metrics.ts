import { counter, gauge, histogram, LATENCY, type Metric } from '../base/metric.ts'

/** Which part of the gateway a request is for. */
const faces = ['s3', 'api', 'console', 'health'] as const
export type Face = (typeof faces)[number]

const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'other'] as const
/** Of statuses their first digit; `broken`: the connection ended before the answer did. */
const statuses = ['1xx', '2xx', '3xx', '4xx', '5xx', 'broken'] as const

export const requestSeconds: Metric<'histogram', 'face' | 'method' | 'status'> = histogram(
  'holdfast_http_request_seconds',
  'From the headers of a request to the last byte of its answer',
  LATENCY,
  { face: faces, method: methods, status: statuses },
)
export const firstByteSeconds: Metric<'histogram', 'face'> = histogram(
  'holdfast_http_first_byte_seconds',
  'From the headers of a request to those of its answer',
  LATENCY,
  { face: faces },
)
export const requestErrors: Metric<'counter', 'face' | 'code'> = counter(
  'holdfast_http_errors_total',
  'Answers that told of an error, by its code',
  { face: faces, code: 192 },
)
export const requestsInFlight: Metric<'gauge', never> = gauge(
  'holdfast_http_requests_in_flight',
  'Requests that are not answered yet',
)
export const wireBytes: Metric<'counter', 'direction'> = counter(
  'holdfast_http_bytes_total',
  'Bytes on the connections of the gateway, encrypted or not',
  { direction: ['received', 'sent'] },
)
export const connections: Metric<'gauge', never> = gauge(
  'holdfast_http_connections',
  'Connections to the gateway',
)
export const connectionsRefused: Metric<'counter', 'reason'> = counter(
  'holdfast_http_connections_refused_total',
  'Connections that gave way because there are too many, or whose handshake failed',
  { reason: ['too many', 'handshake'] },
)
export const connectionsCut: Metric<'counter', 'reason'> = counter(
  'holdfast_http_connections_cut_total',
  'Connections that were cut because their client was too slow or spoke no HTTP',
  { reason: ['slow headers', 'slow body', 'not http'] },
)
export const accessLogDropped: Metric<'counter', never> = counter(
  'holdfast_access_log_dropped_total',
  'Lines of the access log that were left out because the disk was full or too slow',
)

export const gatewayMetrics: readonly Metric[] = [
  requestSeconds,
  firstByteSeconds,
  requestErrors,
  requestsInFlight,
  wireBytes,
  connections,
  connectionsRefused,
  connectionsCut,
  accessLogDropped,
]
