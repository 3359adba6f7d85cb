/**
 * Believes or refuses a claim. The signature must be right for the method, path, query and headers
 * that came, by a key that exists, at a time that is not long ago; and what matters must be signed:
 * the host, and every `x-amz-` header, for somebody on the way could have added one.
 */
import type { IncomingMessage } from 'node:http'

import { type Claim, claimOf } from './claim.ts'
import { S3Error } from './s3-error.ts'
import { isSame, scopeText, sign, type SigningKeys, stringToSign } from './signature.ts'
import type { Target } from './target.ts'

/** How wrong a client's clock may be. */
const SKEW_MS = 900_000

/** What of an access key is needed to believe it. */
export interface KnownKey {
  readonly id: string
  readonly secret: string
}

/** What the chunks of a signed stream go on from. */
export interface Signing {
  readonly key: Uint8Array
  readonly scope: string
  readonly moment: string
  readonly signature: string
}

export interface Authenticated<Key extends KnownKey> {
  readonly key: Key
  readonly payload: string
  readonly signing: Signing
}

export interface AuthenticateOptions<Key extends KnownKey> {
  readonly request: IncomingMessage
  readonly target: Target
  readonly region: string
  readonly nowMs: number
  readonly signingKeys: SigningKeys
  /** Undefined if there is no such key. */
  readonly find: (keyId: string) => Promise<Key | undefined>
}

/**
 * Who it is; undefined for a request without a claim.
 * @throws {S3Error} `SignatureDoesNotMatch`, `InvalidAccessKeyId`, `RequestTimeTooSkewed`, …
 */
export async function authenticate<Key extends KnownKey>(
  options: AuthenticateOptions<Key>,
): Promise<Authenticated<Key> | undefined> {
  const { request, target, nowMs, signingKeys } = options
  const claim = claimOf(request, target.query)
  if (claim === undefined) return undefined
  checkRegion(claim, options.region)
  checkTime(claim, nowMs)
  const key = await options.find(claim.keyId)
  if (key === undefined) throw unknownKey(claim.keyId)
  const signingKey = signingKeys.get(key.id, key.secret, claim.scope)
  const text = signedText(request, target, claim)
  const expected = sign(signingKey, text)
  if (!isSame(claim.signature, expected)) throw doesNotMatch(claim, text)
  checkSigned(request, claim)
  const { moment, payload, signature } = claim
  return {
    key,
    payload,
    signing: { key: signingKey, scope: scopeText(claim.scope), moment, signature },
  }
}

function signedText(request: IncomingMessage, target: Target, claim: Claim): string {
  const values = rawHeaders(request)
  const headers = claim.signedHeaders.map(
    name => [name, (values.get(name) ?? []).map(value => value.trim()).join(',')] as const,
  )
  const canonical = {
    method: request.method ?? '',
    path: target.canonicalPath,
    query: target.query,
    headers,
    payload: claim.payload,
  }
  return stringToSign(canonical, claim.moment, claim.scope)
}

/** As they came, for Node drops some that came twice. */
function rawHeaders({ rawHeaders: raw }: IncomingMessage): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>()
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    const list = values.get(name) ?? []
    list.push(raw[index + 1] ?? '')
    values.set(name, list)
  }
  return values
}

function checkRegion({ scope, type }: Claim, region: string): void {
  if (scope.region === region) return
  const code =
    type === 'header' ? 'AuthorizationHeaderMalformed' : 'AuthorizationQueryParametersError'
  throw new S3Error(code, `the region '${scope.region}' is wrong; expecting '${region}'`, {
    fields: { Region: region },
    headers: { 'x-amz-bucket-region': region },
  })
}

function checkTime({ momentMs, expiresMs, moment }: Claim, nowMs: number): void {
  const now = new Date(nowMs).toISOString()
  const isTooEarly = momentMs > nowMs + SKEW_MS
  if (expiresMs === undefined) {
    if (!isTooEarly && momentMs >= nowMs - SKEW_MS) return
    throw new S3Error(
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large',
      {
        fields: { RequestTime: moment, ServerTime: now, MaxAllowedSkewMilliseconds: `${SKEW_MS}` },
      },
    )
  }
  if (isTooEarly) throw new S3Error('AccessDenied', 'Request is not valid yet')
  if (momentMs + expiresMs >= nowMs) return
  const expires = new Date(momentMs + expiresMs).toISOString()
  throw new S3Error('AccessDenied', 'Request has expired', {
    fields: { 'X-Amz-Expires': String(expiresMs / 1000), Expires: expires, ServerTime: now },
  })
}

/** The host, and all that is S3's own. */
function checkSigned({ headers }: IncomingMessage, { signedHeaders }: Claim): void {
  const missing = [
    'host',
    ...Object.keys(headers).filter(name => name.startsWith('x-amz-')),
  ].filter(name => !signedHeaders.includes(name))
  if (missing.length === 0) return
  throw new S3Error(
    'AccessDenied',
    'There were headers present in the request which were not signed',
    {
      fields: { HeadersNotSigned: missing.join(', ') },
    },
  )
}

const unknownKey = (id: string): S3Error =>
  new S3Error(
    'InvalidAccessKeyId',
    'The AWS Access Key Id you provided does not exist in our records',
    {
      fields: { AWSAccessKeyId: id },
    },
  )

const doesNotMatch = ({ keyId, signature }: Claim, text: string): S3Error =>
  new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    { fields: { AWSAccessKeyId: keyId, StringToSign: text, SignatureProvided: signature } },
  )
