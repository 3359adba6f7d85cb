/**
 * Everything this gateway can do, by method, by what is addressed, and by the part of it that the
 * query names. A query that nobody here knows is refused: `PUT /bucket/key?new-thing` must not be
 * taken for an object.
 */
import type { Ability } from '../keys/rights.ts'
import { getBucketAcl, putBucketAcl, putObjectAcl } from './acl.ts'
import * as documents from './bucket-documents.ts'
import * as buckets from './buckets.ts'
import { completeMultipartUpload } from './complete-upload.ts'
import { copyObject } from './copy-object.ts'
import { deleteObjects } from './delete-objects.ts'
import { listMultipartUploads } from './list-uploads.ts'
import { listObjects, listObjectsV2, listObjectVersions } from './lists.ts'
import * as extras from './object-extras.ts'
import { getObject, headObject } from './read-object.ts'
import type { S3Answer, S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import type { Target } from './target.ts'
import * as parts from './upload-parts.ts'
import { deleteObject, putObject } from './write-object.ts'

export interface Operation {
  /** As policies call it. */
  readonly action: string
  readonly ability: Ability
  /** It asks itself, for each object that it is about. */
  readonly asksItself: boolean
  readonly run: (call: S3Call) => Promise<S3Answer | undefined>
}

/** Policies have other words for the same done to a version that is named. */
const versioned: ReadonlyMap<string, string> = new Map([
  ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ['s3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging'],
  ['s3:GetObject', 's3:GetObjectVersion'],
  ['s3:GetObjectAcl', 's3:GetObjectVersionAcl'],
  ['s3:GetObjectAttributes', 's3:GetObjectVersionAttributes'],
  ['s3:GetObjectTagging', 's3:GetObjectVersionTagging'],
  ['s3:PutObjectTagging', 's3:PutObjectVersionTagging'],
])

export const actionOf = ({ action }: Operation, { query }: Target): string =>
  query.has('versionId') ? (versioned.get(action) ?? action) : action

type Row = readonly [request: string, action: string, ability: Ability, run: Operation['run']]

/** A document of a bucket, which its administrator reads and writes. */
const documented = (
  query: string,
  noun: string,
  { get, put, remove }: documents.Document,
  // S3 has a word of its own for taking away only some of them.
  removal: 'Delete' | 'Put' = 'Put',
): readonly Row[] => [
  [`GET bucket ${query}`, `Get${noun}`, 'admin', get],
  [`PUT bucket ${query}`, `Put${noun}`, 'admin', put],
  [`DELETE bucket ${query}`, `${removal}${noun}`, 'admin', remove],
]

const noReplication = documents.neverConfigured(
  'ReplicationConfigurationNotFoundError',
  'The replication configuration was not found',
)
const noLogging = documents.nothingConfigured('BucketLoggingStatus')
const noNotification = documents.nothingConfigured('NotificationConfiguration')
const noAcceleration = documents.nothingConfigured('AccelerateConfiguration')
const lock = 'BucketObjectLockConfiguration'
const encryption = 'EncryptionConfiguration'
const ownership = 'BucketOwnershipControls'

/** Method, what is addressed, and the part of it; what policies call it; who may; what does it. */
const rows: readonly Row[] = [
  ['GET service', 'ListAllMyBuckets', 'list', buckets.listBuckets],

  ['PUT bucket', 'CreateBucket', 'admin', buckets.createBucket],
  ['HEAD bucket', 'ListBucket', 'list', buckets.headBucket],
  ['DELETE bucket', 'DeleteBucket', 'admin', buckets.deleteBucket],
  ['GET bucket', 'ListBucket', 'list', listObjects],
  ['GET bucket list-type', 'ListBucket', 'list', listObjectsV2],
  ['GET bucket versions', 'ListBucketVersions', 'list', listObjectVersions],
  ['GET bucket uploads', 'ListBucketMultipartUploads', 'list', listMultipartUploads],
  ['GET bucket location', 'GetBucketLocation', 'list', buckets.getBucketLocation],
  ['GET bucket versioning', 'GetBucketVersioning', 'list', buckets.getBucketVersioning],
  ['PUT bucket versioning', 'PutBucketVersioning', 'admin', buckets.putBucketVersioning],
  ['POST bucket delete', 'DeleteObject', 'write', deleteObjects],
  ['GET bucket acl', 'GetBucketAcl', 'list', getBucketAcl],
  ['PUT bucket acl', 'PutBucketAcl', 'admin', putBucketAcl],
  ['GET bucket object-lock', `Get${lock}`, 'list', buckets.getObjectLockConfiguration],
  ['PUT bucket object-lock', `Put${lock}`, 'admin', buckets.putObjectLockConfiguration],
  ...documented('cors', 'BucketCORS', documents.bucketCors),
  ...documented('lifecycle', 'LifecycleConfiguration', documents.bucketLifecycle),
  ...documented('policy', 'BucketPolicy', documents.bucketPolicy, 'Delete'),
  ...documented('tagging', 'BucketTagging', documents.bucketTagging),
  ...documented('website', 'BucketWebsite', documents.bucketWebsite, 'Delete'),
  ...documented('publicAccessBlock', 'BucketPublicAccessBlock', documents.publicAccessBlock),
  ['GET bucket encryption', `Get${encryption}`, 'list', documents.bucketEncryption.get],
  ['PUT bucket encryption', `Put${encryption}`, 'admin', documents.bucketEncryption.put],
  ['DELETE bucket encryption', `Put${encryption}`, 'admin', documents.bucketEncryption.remove],
  ['GET bucket policyStatus', 'GetBucketPolicyStatus', 'admin', documents.getBucketPolicyStatus],
  ['GET bucket ownershipControls', `Get${ownership}`, 'admin', documents.getOwnershipControls],
  ['PUT bucket ownershipControls', `Put${ownership}`, 'admin', documents.putOwnershipControls],
  ['GET bucket logging', 'GetBucketLogging', 'admin', noLogging],
  ['GET bucket notification', 'GetBucketNotification', 'admin', noNotification],
  ['GET bucket accelerate', 'GetAccelerateConfiguration', 'admin', noAcceleration],
  ['GET bucket requestPayment', 'GetBucketRequestPayment', 'list', documents.getRequestPayment],
  ['GET bucket replication', 'GetReplicationConfiguration', 'admin', noReplication],

  ['GET object', 'GetObject', 'read', getObject],
  ['HEAD object', 'GetObject', 'read', headObject],
  ['PUT object', 'PutObject', 'write', putObject],
  ['PUT object copy', 'PutObject', 'write', copyObject],
  ['DELETE object', 'DeleteObject', 'write', deleteObject],
  ['GET object acl', 'GetObjectAcl', 'read', extras.getObjectAcl],
  ['PUT object acl', 'PutObjectAcl', 'write', putObjectAcl],
  ['GET object tagging', 'GetObjectTagging', 'read', extras.getObjectTagging],
  ['PUT object tagging', 'PutObjectTagging', 'write', extras.putObjectTagging],
  ['DELETE object tagging', 'DeleteObjectTagging', 'write', extras.deleteObjectTagging],
  ['GET object retention', 'GetObjectRetention', 'read', extras.getObjectRetention],
  ['PUT object retention', 'PutObjectRetention', 'write', extras.putObjectRetention],
  ['GET object legal-hold', 'GetObjectLegalHold', 'read', extras.getObjectLegalHold],
  ['PUT object legal-hold', 'PutObjectLegalHold', 'write', extras.putObjectLegalHold],
  ['GET object attributes', 'GetObjectAttributes', 'read', extras.getObjectAttributes],
  ['POST object uploads', 'PutObject', 'write', parts.createMultipartUpload],
  ['PUT object uploadId', 'PutObject', 'write', parts.uploadPart],
  ['PUT object uploadId copy', 'PutObject', 'write', parts.uploadPartCopy],
  ['GET object uploadId', 'ListMultipartUploadParts', 'list', parts.listParts],
  ['POST object uploadId', 'PutObject', 'write', completeMultipartUpload],
  ['DELETE object uploadId', 'AbortMultipartUpload', 'write', parts.abortMultipartUpload],
]

/** They ask for each object that they are about whether they may. */
const askingThemselves: ReadonlySet<Operation['run']> = new Set([deleteObjects])

const operations: ReadonlyMap<string, Operation> = new Map(
  rows.map(([request, action, ability, run]) => [
    request,
    { action: `s3:${action}`, ability, run, asksItself: askingThemselves.has(run) },
  ]),
)

/** What of a bucket or object a query may name: S3's words for it, ours and those we do not have. */
const known = new Set([...operations.keys()].map(name => name.split(' ')[2] ?? ''))
/** Parameters that say how, not what. */
const ordinary = new Set([
  'AWSAccessKeyId',
  'Expires',
  'Signature',
  'bucket-region',
  'continuation-token',
  'delimiter',
  'encoding-type',
  'fetch-owner',
  'key-marker',
  'marker',
  'max-buckets',
  'max-keys',
  'max-parts',
  'max-uploads',
  'part-number-marker',
  'partNumber',
  'prefix',
  'start-after',
  'upload-id-marker',
  'version-id-marker',
  'versionId',
])

/** @throws {S3Error} `NotImplemented`, `MethodNotAllowed` */
export function operationFor(
  method: string,
  { bucket, key, query }: Target,
  isCopy: boolean,
): Operation {
  const scope = bucket === undefined ? 'service' : key === undefined ? 'bucket' : 'object'
  const named = query.pairs.map(({ name }) => name).filter(name => !isOrdinary(name))
  const foreign = named.find(name => !known.has(name))
  if (foreign !== undefined) throw notImplemented(`?${foreign}`)
  if (new Set(named).size > 1)
    throw new S3Error('InvalidArgument', 'The query names several things')
  const part = [named[0], isCopy && method === 'PUT' && scope === 'object' ? 'copy' : undefined]
  const found = operations.get(
    [method, scope, ...part.filter(each => each !== undefined)].join(' '),
  )
  if (found !== undefined) return found
  if (part[0] === undefined || part[0] === 'list-type') throw notAllowed(method)
  throw notImplemented(`${method} ?${part[0]}`)
}

const isOrdinary = (name: string): boolean =>
  ordinary.has(name) || /^x-/i.test(name) || name.startsWith('response-')

const notAllowed = (method: string): S3Error =>
  new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.', {
    fields: { Method: method },
  })
