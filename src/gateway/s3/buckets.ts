/** Buckets: made, found, listed, removed, and kept in versions. */
import { codeOf } from '../../base/errors.ts'
import type { BucketInfo, Versioning } from '../../node/store/store.ts'
import { mayEnter } from '../keys/rights.ts'
import { ownerElement } from './acl.ts'
import { limitIn } from './lists.ts'
import { checkAcl } from './object-settings.ts'
import { readDocument, readOptionalDocument } from './read-document.ts'
import { bucketOf, headerOf, NO_CONTENT, ok, OWNER, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument, notImplemented, S3Error } from './s3-error.ts'
import { childOf, choiceOf, demandRoot, optionalText } from './xml-fields.ts'
import { readXml } from './xml-reader.ts'
import { element, optionalElement, rootElement } from './xml-writer.ts'

/** Roots of other things that this port serves. */
export const reservedNames: readonly string[] = ['api', 'console', 'healthz', 'metrics', 'readyz']
const BUCKETS_MAX = 10_000
const UPLOADS_PAGE = 1000

export async function listBuckets(call: S3Call): Promise<S3Answer> {
  const { query } = call.target
  const limit = query.has('max-buckets')
    ? limitIn(query.get('max-buckets'), 'max-buckets')
    : BUCKETS_MAX
  const prefix = query.get('prefix') ?? ''
  const after = query.get('continuation-token') ?? ''
  const shown: BucketInfo[] = []
  let isMore = false
  for await (const bucket of call.store.buckets({ signal: call.signal })) {
    if (!bucket.name.startsWith(prefix) || bucket.name <= after) continue
    if (call.key === undefined || !mayEnter(call.key.rights, bucket.name)) continue
    isMore = shown.length >= limit
    if (isMore) break
    shown.push(bucket)
  }
  return ok(
    rootElement(
      'ListAllMyBucketsResult',
      ownerElement(),
      element(
        'Buckets',
        shown.map(({ name, created }) =>
          element(
            'Bucket',
            element('Name', name),
            element('CreationDate', created.toISOString()),
            query.has('max-buckets') ? element('BucketRegion', call.region) : undefined,
          ),
        ),
      ),
      optionalElement('ContinuationToken', isMore ? shown.at(-1)?.name : undefined),
      optionalElement('Prefix', query.get('prefix')),
    ),
  )
}

export async function createBucket(call: S3Call): Promise<S3Answer> {
  const bucket = bucketOf(call)
  checkName(bucket)
  checkAcl(call)
  checkLocation(await readOptionalDocument(call), call.region)
  const ownership = headerOf(call, 'x-amz-object-ownership')
  if (ownership === 'ObjectWriter') throw notImplemented('x-amz-object-ownership: ObjectWriter')
  const hasLock = headerOf(call, 'x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true'
  const versioning = hasLock ? 'enabled' : 'off'
  try {
    const options = { owner: OWNER, hasLock, versioning, signal: call.signal } as const
    await call.store.createBucket(bucket, options)
  } catch (error) {
    // One's own bucket is as it was asked to be: that is how S3's first region has it.
    if (codeOf(error) !== 'BUCKET_EXISTS' || (hasLock && !(await isLocked(call, bucket))))
      throw error
  }
  return { status: 200, headers: { location: `/${bucket}` } }
}

const isLocked = async ({ store, signal }: S3Call, bucket: string): Promise<boolean> =>
  (await store.bucket(bucket, { signal })).hasLock

/** @throws {S3Error} `InvalidBucketName` */
function checkName(name: string): void {
  const isName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !/\.\.|\.-|-\./.test(name)
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(name)
  if (isName && !isAddress && !reservedNames.includes(name)) return
  throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', {
    fields: { BucketName: name },
  })
}

function checkLocation(text: string, region: string): void {
  if (text === '') return
  const root = demandRoot(readXml(text), 'CreateBucketConfiguration')
  const wanted = optionalText(root, 'LocationConstraint') ?? ''
  if (childOf(root, 'Bucket') !== undefined) throw notImplemented('directory buckets')
  if (wanted !== '' && wanted !== region)
    throw new S3Error(
      'InvalidLocationConstraint',
      'The specified location-constraint is not valid',
      {
        fields: { LocationConstraint: wanted },
      },
    )
}

export async function headBucket(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return { status: 200, headers: { 'x-amz-bucket-region': call.region } }
}

export async function deleteBucket(call: S3Call): Promise<S3Answer> {
  const bucket = bucketOf(call)
  try {
    await call.store.deleteBucket(bucket, { signal: call.signal })
  } catch (error) {
    if (codeOf(error) !== 'BUCKET_NOT_EMPTY') throw error
    await abortUploads(call, bucket, error)
    await call.store.deleteBucket(bucket, { signal: call.signal })
  }
  call.facts.forget(bucket)
  return NO_CONTENT
}

/** Uploads that nobody completed do not keep a bucket, as long as nothing else does. */
async function abortUploads(
  { store, signal }: S3Call,
  bucket: string,
  refusal: unknown,
): Promise<void> {
  const { versions } = await store.listVersions(bucket, { limit: 1, signal })
  if (versions.length > 0) throw refusal
  for (let after: Uint8Array | undefined; ;) {
    const page = await store.uploads(bucket, {
      limit: UPLOADS_PAGE,
      signal,
      ...(after && { after }),
    })
    for (const upload of page.uploads) await store.abortUpload(upload, { signal })
    after = page.next
    if (after === undefined) return
  }
}

export async function getBucketLocation(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return ok(rootElement('LocationConstraint', call.region === 'us-east-1' ? '' : call.region))
}

export async function getBucketVersioning(call: S3Call): Promise<S3Answer> {
  const { versioning } = await call.store.bucket(bucketOf(call), { signal: call.signal })
  const status = { off: undefined, enabled: 'Enabled', suspended: 'Suspended' }[versioning]
  return ok(rootElement('VersioningConfiguration', optionalElement('Status', status)))
}

export async function putBucketVersioning(call: S3Call): Promise<S3Answer> {
  const root = demandRoot(readXml(await readDocument(call)), 'VersioningConfiguration')
  if (optionalText(root, 'MfaDelete') === 'Enabled') throw notImplemented('MfaDelete')
  if (childOf(root, 'Status') === undefined)
    throw new S3Error(
      'IllegalVersioningConfigurationException',
      'The Versioning element must be specified',
    )
  const status = choiceOf(root, 'Status', ['Enabled', 'Suspended'])
  const versioning: Versioning = status === 'Enabled' ? 'enabled' : 'suspended'
  const bucket = bucketOf(call)
  const { hasLock } = await call.store.bucket(bucket, { signal: call.signal })
  if (hasLock && versioning === 'suspended')
    throw new S3Error(
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    )
  await call.store.changeBucket(bucket, { versioning }, { signal: call.signal })
  call.facts.forget(bucket)
  return { status: 200 }
}

const DAY_MS = 86_400_000
const YEAR_DAYS = 365
const DAYS_MAX = 36_500

export async function getObjectLockConfiguration(call: S3Call): Promise<S3Answer> {
  const { hasLock, retention } = await call.store.bucket(bucketOf(call), { signal: call.signal })
  if (!hasLock)
    throw new S3Error(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
    )
  const rule =
    retention &&
    element(
      'Rule',
      element(
        'DefaultRetention',
        element('Mode', retention.mode.toUpperCase()),
        element('Days', Math.round(retention.forMs / DAY_MS)),
      ),
    )
  return ok(rootElement('ObjectLockConfiguration', element('ObjectLockEnabled', 'Enabled'), rule))
}

export async function putObjectLockConfiguration(call: S3Call): Promise<S3Answer> {
  const root = demandRoot(readXml(await readDocument(call)), 'ObjectLockConfiguration')
  choiceOf(root, 'ObjectLockEnabled', ['Enabled'])
  const rule = childOf(root, 'Rule')
  const wanted = rule && childOf(rule, 'DefaultRetention')
  const bucket = bucketOf(call)
  const { versioning } = await call.store.bucket(bucket, { signal: call.signal })
  if (versioning !== 'enabled')
    throw new S3Error(
      'InvalidBucketState',
      "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    )
  const retention =
    wanted === undefined
      ? ('none' as const)
      : {
          mode:
            choiceOf(wanted, 'Mode', ['GOVERNANCE', 'COMPLIANCE'] as const) === 'GOVERNANCE'
              ? ('governance' as const)
              : ('compliance' as const),
          forMs: daysIn(optionalText(wanted, 'Days'), optionalText(wanted, 'Years')) * DAY_MS,
        }
  await call.store.changeBucket(bucket, { hasLock: true, retention }, { signal: call.signal })
  return { status: 200 }
}

function daysIn(days: string | undefined, years: string | undefined): number {
  const text = days ?? years ?? ''
  const count = /^\d{1,5}$/.test(text) ? Number(text) * (days === undefined ? YEAR_DAYS : 1) : 0
  if ((days === undefined) !== (years === undefined) && count >= 1 && count <= DAYS_MAX)
    return count
  throw invalidArgument(
    'Days',
    text,
    'Default retention period must be a positive integer value of days or years',
  )
}
