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
  readonly asksItself?: true
  readonly run: (call: S3Call) => Promise<S3Answer | undefined>
}

const operation = (action: string, ability: Ability, run: Operation['run']): Operation => ({
  action: `s3:${action}`,
  ability,
  run,
})

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

/** Method, what is addressed, and the part of it. */
const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['GET service', operation('ListAllMyBuckets', 'list', buckets.listBuckets)],

  ['PUT bucket', operation('CreateBucket', 'admin', buckets.createBucket)],
  ['HEAD bucket', operation('ListBucket', 'list', buckets.headBucket)],
  ['DELETE bucket', operation('DeleteBucket', 'admin', buckets.deleteBucket)],
  ['GET bucket', operation('ListBucket', 'list', listObjects)],
  ['GET bucket list-type', operation('ListBucket', 'list', listObjectsV2)],
  ['GET bucket versions', operation('ListBucketVersions', 'list', listObjectVersions)],
  ['GET bucket uploads', operation('ListBucketMultipartUploads', 'list', listMultipartUploads)],
  ['GET bucket location', operation('GetBucketLocation', 'list', buckets.getBucketLocation)],
  ['GET bucket versioning', operation('GetBucketVersioning', 'list', buckets.getBucketVersioning)],
  ['PUT bucket versioning', operation('PutBucketVersioning', 'admin', buckets.putBucketVersioning)],
  [
    'POST bucket delete',
    { ...operation('DeleteObject', 'write', deleteObjects), asksItself: true },
  ],
  ['GET bucket acl', operation('GetBucketAcl', 'list', getBucketAcl)],
  ['PUT bucket acl', operation('PutBucketAcl', 'admin', putBucketAcl)],
  [
    'GET bucket object-lock',
    operation('GetBucketObjectLockConfiguration', 'list', buckets.getObjectLockConfiguration),
  ],
  [
    'PUT bucket object-lock',
    operation('PutBucketObjectLockConfiguration', 'admin', buckets.putObjectLockConfiguration),
  ],
  ['GET bucket cors', operation('GetBucketCORS', 'admin', documents.getBucketCors)],
  ['PUT bucket cors', operation('PutBucketCORS', 'admin', documents.putBucketCors)],
  ['DELETE bucket cors', operation('PutBucketCORS', 'admin', documents.deleteBucketCors)],
  [
    'GET bucket lifecycle',
    operation('GetLifecycleConfiguration', 'admin', documents.getBucketLifecycle),
  ],
  [
    'PUT bucket lifecycle',
    operation('PutLifecycleConfiguration', 'admin', documents.putBucketLifecycle),
  ],
  [
    'DELETE bucket lifecycle',
    operation('PutLifecycleConfiguration', 'admin', documents.deleteBucketLifecycle),
  ],
  ['GET bucket policy', operation('GetBucketPolicy', 'admin', documents.getBucketPolicy)],
  ['PUT bucket policy', operation('PutBucketPolicy', 'admin', documents.putBucketPolicy)],
  ['DELETE bucket policy', operation('DeleteBucketPolicy', 'admin', documents.deleteBucketPolicy)],
  [
    'GET bucket policyStatus',
    operation('GetBucketPolicyStatus', 'admin', documents.getBucketPolicyStatus),
  ],
  ['GET bucket tagging', operation('GetBucketTagging', 'admin', documents.getBucketTagging)],
  ['PUT bucket tagging', operation('PutBucketTagging', 'admin', documents.putBucketTagging)],
  ['DELETE bucket tagging', operation('PutBucketTagging', 'admin', documents.deleteBucketTagging)],
  ['GET bucket website', operation('GetBucketWebsite', 'admin', documents.getBucketWebsite)],
  ['PUT bucket website', operation('PutBucketWebsite', 'admin', documents.putBucketWebsite)],
  [
    'DELETE bucket website',
    operation('DeleteBucketWebsite', 'admin', documents.deleteBucketWebsite),
  ],
  [
    'GET bucket publicAccessBlock',
    operation('GetBucketPublicAccessBlock', 'admin', documents.getPublicAccessBlock),
  ],
  [
    'PUT bucket publicAccessBlock',
    operation('PutBucketPublicAccessBlock', 'admin', documents.putPublicAccessBlock),
  ],
  [
    'DELETE bucket publicAccessBlock',
    operation('PutBucketPublicAccessBlock', 'admin', documents.deletePublicAccessBlock),
  ],
  [
    'GET bucket encryption',
    operation('GetEncryptionConfiguration', 'list', documents.getBucketEncryption),
  ],
  [
    'PUT bucket encryption',
    operation('PutEncryptionConfiguration', 'admin', documents.putBucketEncryption),
  ],
  [
    'DELETE bucket encryption',
    operation('PutEncryptionConfiguration', 'admin', documents.deleteBucketEncryption),
  ],
  [
    'GET bucket ownershipControls',
    operation('GetBucketOwnershipControls', 'admin', documents.getOwnershipControls),
  ],
  [
    'PUT bucket ownershipControls',
    operation('PutBucketOwnershipControls', 'admin', documents.putOwnershipControls),
  ],
  [
    'GET bucket logging',
    operation('GetBucketLogging', 'admin', documents.nothingConfigured('BucketLoggingStatus')),
  ],
  [
    'GET bucket notification',
    operation(
      'GetBucketNotification',
      'admin',
      documents.nothingConfigured('NotificationConfiguration'),
    ),
  ],
  [
    'GET bucket accelerate',
    operation(
      'GetAccelerateConfiguration',
      'admin',
      documents.nothingConfigured('AccelerateConfiguration'),
    ),
  ],
  [
    'GET bucket requestPayment',
    operation('GetBucketRequestPayment', 'list', documents.getRequestPayment),
  ],
  [
    'GET bucket replication',
    operation(
      'GetReplicationConfiguration',
      'admin',
      documents.neverConfigured(
        'ReplicationConfigurationNotFoundError',
        'The replication configuration was not found',
      ),
    ),
  ],

  ['GET object', operation('GetObject', 'read', getObject)],
  ['HEAD object', operation('GetObject', 'read', headObject)],
  ['PUT object', operation('PutObject', 'write', putObject)],
  ['PUT object copy', operation('PutObject', 'write', copyObject)],
  ['DELETE object', operation('DeleteObject', 'write', deleteObject)],
  ['GET object acl', operation('GetObjectAcl', 'read', extras.getObjectAcl)],
  ['PUT object acl', operation('PutObjectAcl', 'write', putObjectAcl)],
  ['GET object tagging', operation('GetObjectTagging', 'read', extras.getObjectTagging)],
  ['PUT object tagging', operation('PutObjectTagging', 'write', extras.putObjectTagging)],
  ['DELETE object tagging', operation('DeleteObjectTagging', 'write', extras.deleteObjectTagging)],
  ['GET object retention', operation('GetObjectRetention', 'read', extras.getObjectRetention)],
  ['PUT object retention', operation('PutObjectRetention', 'write', extras.putObjectRetention)],
  ['GET object legal-hold', operation('GetObjectLegalHold', 'read', extras.getObjectLegalHold)],
  ['PUT object legal-hold', operation('PutObjectLegalHold', 'write', extras.putObjectLegalHold)],
  ['GET object attributes', operation('GetObjectAttributes', 'read', extras.getObjectAttributes)],
  ['POST object uploads', operation('PutObject', 'write', parts.createMultipartUpload)],
  ['PUT object uploadId', operation('PutObject', 'write', parts.uploadPart)],
  ['PUT object uploadId copy', operation('PutObject', 'write', parts.uploadPartCopy)],
  ['GET object uploadId', operation('ListMultipartUploadParts', 'list', parts.listParts)],
  ['POST object uploadId', operation('PutObject', 'write', completeMultipartUpload)],
  [
    'DELETE object uploadId',
    operation('AbortMultipartUpload', 'write', parts.abortMultipartUpload),
  ],
])

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
