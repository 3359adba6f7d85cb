import { codeOf, type Failure, type HoldfastError } from '../../base/errors.ts'
import { type S3Code, S3Error, type S3ErrorMore } from './s3-error.ts'

type Code = Failure['code']

/** What is answered for a failure of the store, where the code alone decides. */
const answers: Partial<Record<Code, readonly [S3Code, string]>> = {
  BUCKET_EXISTS: ['BucketAlreadyExists', 'The bucket exists already'],
  BUCKET_FROZEN: ['OperationAborted', 'The bucket is being deleted'],
  BUCKET_NOT_EMPTY: ['BucketNotEmpty', 'The bucket you tried to delete is not empty'],
  BUSY: ['SlowDown', 'Please reduce your request rate'],
  DISK_FULL: ['ServiceUnavailable', 'There is no room left'],
  INVALID_PART: ['InvalidPart', 'A part was not found, or is not the one that was uploaded'],
  KEY_NEEDED: ['InvalidRequest', 'The object is encrypted: the key must be given'],
  KEY_WRONG: ['AccessDenied', 'The object is encrypted under another key'],
  NO_SUCH_BUCKET: ['NoSuchBucket', 'The specified bucket does not exist'],
  NO_SUCH_KEY: ['NoSuchKey', 'The specified key does not exist'],
  NO_SUCH_UPLOAD: ['NoSuchUpload', 'The upload does not exist: it was completed or aborted'],
  NO_SUCH_VERSION: ['NoSuchVersion', 'The specified version does not exist'],
  OBJECT_LOCKED: ['AccessDenied', 'Access Denied because object protected by object lock'],
  PART_TOO_SMALL: ['EntityTooSmall', 'A part is smaller than parts must be'],
  PRECONDITION_FAILED: ['PreconditionFailed', 'A condition you gave does not hold'],
  RANGE_UNSATISFIABLE: ['InvalidRange', 'The requested range is not satisfiable'],
  STORE_READONLY: ['ServiceUnavailable', 'There is no room left'],
  TOO_LARGE: ['EntityTooLarge', 'What you sent is larger than it may be'],
}

/** Failures after which the same request may succeed. */
const passing: readonly Code[] = [
  'CLOCK_NOT_READY',
  'CLOSED',
  'GROUP_UNKNOWN',
  'NOT_LEADER',
  'NO_QUORUM',
  'OUTCOME_UNKNOWN',
  'PEER_UNREACHABLE',
  'RANGE_FROZEN',
  'STALE_REVISION',
  'THREAD_LOST',
  'TIMEOUT',
  'TOO_FEW_FRAGMENTS',
  'TOO_FEW_PEERS',
  'WRITE_EXPIRED',
]

/**
 * An error as S3 tells it; what nobody expected is not told, for it may say too much.
 * @param namesVersion whether the request names one: a delete marker is there, then, and no object
 */
export function translateFailure(error: unknown, namesVersion = false): S3Error {
  if (error instanceof S3Error) return error
  const code = codeOf(error)
  if (code === undefined)
    return new S3Error('InternalError', 'We encountered an internal error', { cause: error })
  const { details, message } = error as HoldfastError
  if (details.code === 'NO_SUCH_KEY' && details.marker !== undefined && namesVersion)
    return markerMeant(details, error)
  const [s3, text] = answers[code] ?? otherwise(details, message)
  return new S3Error(s3, text, { ...moreOf(details), cause: error })
}

const markerMeant = (details: Failure, cause: unknown): S3Error =>
  new S3Error(
    'MethodNotAllowed',
    'The specified method is not allowed against this resource: it is a delete marker',
    { ...moreOf(details), cause },
  )

function otherwise(details: Failure, message: string): readonly [S3Code, string] {
  if (passing.includes(details.code))
    return ['ServiceUnavailable', 'The request cannot be handled right now: try again']
  if (details.code !== 'INVALID_COMMAND')
    return ['InternalError', 'We encountered an internal error']
  if (details.what === 'bucket name') return ['InvalidBucketName', 'The bucket name is not valid']
  if (details.what === 'bucket with object lock')
    return ['InvalidRequest', 'Bucket is missing Object Lock Configuration']
  if (details.what.startsWith('versioning') || details.what.includes('stays on'))
    return ['InvalidBucketState', `The bucket needs ${details.what}`]
  return ['InvalidRequest', message]
}

type Mores = {
  readonly [Known in Code]?: (details: Extract<Failure, { readonly code: Known }>) => S3ErrorMore
}

/** What else is told, by code. */
const mores: Mores = {
  NO_SUCH_BUCKET: ({ bucket }) => ({ fields: { BucketName: bucket } }),
  NO_SUCH_KEY: ({ key, marker }) => ({
    fields: { Key: key },
    ...(marker !== undefined && {
      headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker },
    }),
  }),
  NO_SUCH_VERSION: ({ key, version }) => ({ fields: { Key: key, VersionId: version } }),
  PART_TOO_SMALL: ({ part, sizeBytes, least }) => ({
    fields: {
      ProposedSize: String(sizeBytes),
      MinSizeAllowed: String(least),
      PartNumber: String(part),
    },
  }),
  PRECONDITION_FAILED: ({ condition }) => ({ fields: { Condition: conditionName(condition) } }),
  RANGE_UNSATISFIABLE: ({ sizeBytes }) => ({
    fields: { ActualObjectSize: String(sizeBytes) },
    headers: { 'content-range': `bytes */${sizeBytes}` },
  }),
}

const moreOf = (details: Failure): S3ErrorMore => {
  const more = mores[details.code] as ((known: Failure) => S3ErrorMore) | undefined
  return more?.(details) ?? {}
}

/** `ifNoneMatch` as the header is called. */
const conditionName = (condition: string): string =>
  condition.replaceAll(/^i|[A-Z]/g, letter => (letter === 'i' ? 'I' : `-${letter}`))
