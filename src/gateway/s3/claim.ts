/** Who a request says it comes from, and how it would prove that: read, not yet believed. */
import type { IncomingMessage } from 'node:http'

import { S3Error } from './s3-error.ts'
import { ALGORITHM, EMPTY_SHA256, type Scope } from './signature.ts'
import type { Query } from './target.ts'

export interface Claim {
  readonly type: 'header' | 'query'
  readonly keyId: string
  readonly scope: Scope
  /** As it was sent: `20261120T203200Z`. */
  readonly moment: string
  readonly momentMs: number
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** The hash of the body, or a word for how it is signed otherwise. */
  readonly payload: string
  /** How long a presigned request is good for. */
  readonly expiresMs: number | undefined
}

const EXPIRES_SECONDS_MAX = 604_800
const SIGNED_HEADERS_MAX = 64
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'

/**
 * The claim of a request; undefined if it makes none.
 * @throws {S3Error} for one that cannot be understood
 */
export function claimOf(request: IncomingMessage, query: Query): Claim | undefined {
  const { authorization } = request.headers
  const isPresigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')
  if (authorization !== undefined && isPresigned) throw twice()
  if (authorization !== undefined) return headerClaim(request, authorization)
  if (isPresigned) return queryClaim(query, request)
  if (query.has('AWSAccessKeyId') && query.has('Signature')) throw outdated()
  return undefined
}

function headerClaim(request: IncomingMessage, authorization: string): Claim {
  if (authorization.startsWith('AWS ')) throw outdated()
  if (!authorization.startsWith(`${ALGORITHM} `)) throw headerMalformed('an unknown algorithm')
  const fields = new Map(
    authorization
      .slice(ALGORITHM.length)
      .split(',')
      .map(field => {
        const [name = '', ...value] = field.trim().split('=')
        return [name, value.join('=')] as const
      }),
  )
  const credential = fields.get('Credential')
  const signature = fields.get('Signature')
  const signedHeaders = fields.get('SignedHeaders')
  if (credential === undefined || signature === undefined || signedHeaders === undefined)
    throw headerMalformed('Credential, SignedHeaders and Signature are needed')
  const { keyId, scope } = credentialIn(credential, headerMalformed)
  const moment = request.headers['x-amz-date']?.toString() ?? fromDate(request.headers.date)
  const payload = request.headers['x-amz-content-sha256']?.toString()
  if (payload === undefined)
    throw new S3Error('MissingSecurityHeader', 'Your request was missing x-amz-content-sha256')
  return {
    type: 'header',
    keyId,
    scope,
    moment,
    momentMs: checkedMoment(moment, scope, headerMalformed),
    signedHeaders: namesIn(signedHeaders, headerMalformed),
    signature: checkedSignature(signature, headerMalformed),
    payload: payload === '' ? EMPTY_SHA256 : payload,
    expiresMs: undefined,
  }
}

function queryClaim(query: Query, request: IncomingMessage): Claim {
  const demand = (name: string): string => {
    const value = query.get(name)
    if (value === undefined || value === '') throw queryMalformed(`${name} is missing`)
    return value
  }
  if (demand('X-Amz-Algorithm') !== ALGORITHM)
    throw queryMalformed(`X-Amz-Algorithm only supports "${ALGORITHM}"`)
  const { keyId, scope } = credentialIn(demand('X-Amz-Credential'), queryMalformed)
  const moment = demand('X-Amz-Date')
  const expires = demand('X-Amz-Expires')
  if (!/^\d{1,9}$/.test(expires)) throw queryMalformed('X-Amz-Expires should be a number')
  if (Number(expires) > EXPIRES_SECONDS_MAX)
    throw queryMalformed('X-Amz-Expires must be less than a week (in seconds)')
  const payload =
    query.get('X-Amz-Content-Sha256') ?? request.headers['x-amz-content-sha256']?.toString()
  return {
    type: 'query',
    keyId,
    scope,
    moment,
    momentMs: checkedMoment(moment, scope, queryMalformed),
    signedHeaders: namesIn(demand('X-Amz-SignedHeaders'), queryMalformed),
    signature: checkedSignature(demand('X-Amz-Signature'), queryMalformed),
    payload: payload ?? UNSIGNED_PAYLOAD,
    expiresMs: Number(expires) * 1000,
  }
}

type Malformed = (why: string) => S3Error

/** `key/date/region/service/aws4_request`, from the right: a key's name may hold a slash. */
export function credentialIn(
  credential: string,
  malformed: Malformed,
): { readonly keyId: string; readonly scope: Scope } {
  const [, keyId = '', date = '', region = '', service = ''] =
    /^(.{1,128})\/(\d{8})\/([\w-]{1,64})\/(\w{1,16})\/aws4_request$/.exec(credential) ?? []
  if (keyId === '') throw malformed('the Credential is mal-formed')
  if (service !== 's3') throw malformed(`incorrect service "${service}". This endpoint is "s3"`)
  return { keyId, scope: { date, region, service } }
}

/** The moment in milliseconds, which is one of the scope's day. */
export function checkedMoment(moment: string, { date }: Scope, malformed: Malformed): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(moment) ?? []
  const [year, month, day, hour, minute, second] = parts
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(ms)) throw malformed('the date is missing, or not in ISO 8601 basic format')
  if (!moment.startsWith(date)) throw malformed('the date is not that of the Credential')
  return ms
}

function namesIn(text: string, malformed: Malformed): readonly string[] {
  const names = text.split(';')
  const isSorted = names.every((name, index) => index === 0 || (names[index - 1] ?? '') < name)
  if (
    !isSorted ||
    names.length > SIGNED_HEADERS_MAX ||
    names.some(name => !/^[a-z0-9-]+$/.test(name))
  )
    throw malformed('the SignedHeaders are mal-formed')
  return names
}

function checkedSignature(signature: string, malformed: Malformed): string {
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed('the Signature is mal-formed')
  return signature
}

/** The Date header in the form of `x-amz-date`. */
function fromDate(header: string | undefined): string {
  const ms = Date.parse(header ?? '')
  if (Number.isNaN(ms))
    throw new S3Error(
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    )
  return new Date(ms).toISOString().replaceAll(/[:-]|\.\d+/g, '')
}

const headerMalformed = (why: string): S3Error =>
  new S3Error('AuthorizationHeaderMalformed', `The authorization header is malformed; ${why}`)

const queryMalformed = (why: string): S3Error =>
  new S3Error('AuthorizationQueryParametersError', why)

const twice = (): S3Error =>
  new S3Error('InvalidArgument', 'Only one auth mechanism allowed: a header or the query')

const outdated = (): S3Error =>
  new S3Error(
    'InvalidRequest',
    'The authorization mechanism you have provided is not supported: use Signature Version 4 (signature_version = s3v4)',
  )
