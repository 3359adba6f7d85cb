import { corsHeaders } from './cors-rules.ts'
import { bucketOf, type S3Answer, type S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'

/** OPTIONS: a browser asks for a page whether it may ask. Never signed. */
export async function preflight(
  call: Pick<S3Call, 'facts' | 'request' | 'target'>,
): Promise<S3Answer> {
  const { headers } = call.request
  const origin = headers.origin
  const method = headers['access-control-request-method']
  if (origin === undefined || method === undefined)
    throw new S3Error('InvalidRequest', 'Insufficient information. Origin request header needed.')
  const rules = await call.facts.get(bucketOf(call as S3Call), 'cors')
  const wanted = (headers['access-control-request-headers'] ?? '').split(',')
  const question = { origin, method, headers: wanted.map(each => each.trim()).filter(Boolean) }
  const allowed = corsHeaders(rules ?? [], question)
  if (allowed !== undefined) return { status: 200, headers: allowed }
  throw new S3Error(
    'AccessDenied',
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
  )
}

/** What a page gets to see of an answer, be it an error. */
export async function crossOriginHeaders({
  facts,
  request,
  target,
}: Pick<S3Call, 'facts' | 'request' | 'target'>): Promise<Readonly<Record<string, string>>> {
  const { origin } = request.headers
  if (origin === undefined || target.bucket === undefined) return {}
  const rules = await facts.get(target.bucket, 'cors')
  return corsHeaders(rules ?? [], { origin, method: request.method ?? '' }) ?? {}
}
