/**
 * What stands written of a bucket: CORS rules, lifecycle, policy, tags, website, encryption, public
 * access, ownership. Each is read from XML into what it means, kept as JSON, and written as XML.
 */
import { Buffer } from 'node:buffer'

import type { LifecycleRule } from '../../node/store/expiry.ts'
import type { PublicAccess } from './bucket-facts.ts'
import type { CorsRule } from './cors-rules.ts'
import { lifecycleElement, lifecycleIn } from './lifecycle-rules.ts'
import { isPublic, readPolicy } from './policy.ts'
import { bytesOf, readDocument } from './read-document.ts'
import { bucketOf, NO_CONTENT, ok, type S3Answer, type S3Call } from './s3-call.ts'
import { notImplemented, type S3Code, S3Error } from './s3-error.ts'
import { BUCKET_TAGS_MAX, taggingElement, type Tags, tagsInXml } from './tags.ts'
import { type Website, websiteElement, websiteIn } from './website-rules.ts'
import {
  childOf,
  childrenOf,
  choiceOf,
  demandRoot,
  naturalOf,
  onlyChildren,
  optionalFlag,
  optionalText,
  wrong,
} from './xml-fields.ts'
import { readXml, type XmlElement } from './xml-reader.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

type Run = (call: S3Call) => Promise<S3Answer>

interface Kind<Value> {
  /** In the store. */
  readonly name: string
  readonly absent: readonly [S3Code, string]
  readonly read: (text: string) => Value
  readonly write: (value: Value) => Markup
}

const cors: Kind<readonly CorsRule[]> = {
  name: 'cors',
  absent: ['NoSuchCORSConfiguration', 'The CORS configuration does not exist'],
  read(text) {
    const root = demandRoot(readXml(text), 'CORSConfiguration')
    const rules = childrenOf(root, 'CORSRule').map(corsRuleIn)
    if (rules.length === 0 || rules.length > 100) throw wrong('there are from 1 to 100 rules')
    return rules
  },
  write: rules =>
    rootElement(
      'CORSConfiguration',
      rules.map(({ id, origins, methods, headers, exposed, maxAgeSeconds }) =>
        element(
          'CORSRule',
          optionalElement('ID', id),
          origins.map(each => element('AllowedOrigin', each)),
          methods.map(each => element('AllowedMethod', each)),
          headers.map(each => element('AllowedHeader', each)),
          exposed.map(each => element('ExposeHeader', each)),
          optionalElement('MaxAgeSeconds', maxAgeSeconds),
        ),
      ),
    ),
}

const corsMethods = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD']

function corsRuleIn(rule: XmlElement): CorsRule {
  const texts = (name: string): readonly string[] => childrenOf(rule, name).map(({ text }) => text)
  const [origins, methods] = [texts('AllowedOrigin'), texts('AllowedMethod')]
  const foreign = methods.find(method => !corsMethods.includes(method))
  if (foreign !== undefined)
    throw new S3Error(
      'InvalidRequest',
      `Found unsupported HTTP method in CORS config. Unsupported method is ${foreign}`,
    )
  if (origins.length === 0 || methods.length === 0) throw wrong('a rule needs origins and methods')
  if ([...origins, ...texts('AllowedHeader')].some(each => each.split('*').length > 2))
    throw new S3Error(
      'InvalidRequest',
      'An AllowedOrigin or AllowedHeader can not have more than one wildcard.',
    )
  return {
    id: optionalText(rule, 'ID'),
    origins,
    methods,
    headers: texts('AllowedHeader'),
    exposed: texts('ExposeHeader'),
    maxAgeSeconds: childOf(rule, 'MaxAgeSeconds') && naturalOf(rule, 'MaxAgeSeconds'),
  }
}

const lifecycle: Kind<readonly LifecycleRule[]> = {
  name: 'lifecycle',
  absent: ['NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist'],
  read: lifecycleIn,
  write: lifecycleElement,
}

const tagging: Kind<Tags> = {
  name: 'tagging',
  absent: ['NoSuchTagSet', 'The TagSet does not exist'],
  read: text => tagsInXml(text, BUCKET_TAGS_MAX),
  write: taggingElement,
}

const website: Kind<Website> = {
  name: 'website',
  absent: [
    'NoSuchWebsiteConfiguration',
    'The specified bucket does not have a website configuration',
  ],
  read: websiteIn,
  write: websiteElement,
}

const accessFlags = {
  BlockPublicAcls: 'blockPublicAcls',
  IgnorePublicAcls: 'ignorePublicAcls',
  BlockPublicPolicy: 'blockPublicPolicy',
  RestrictPublicBuckets: 'restrictPublicBuckets',
} as const

const publicAccess: Kind<PublicAccess> = {
  name: 'public-access',
  absent: [
    'NoSuchPublicAccessBlockConfiguration',
    'The public access block configuration was not found',
  ],
  read(text) {
    const root = demandRoot(readXml(text), 'PublicAccessBlockConfiguration')
    onlyChildren(root, Object.keys(accessFlags))
    const flags = Object.entries(accessFlags).map(
      ([name, field]) => [field, optionalFlag(root, name) ?? false] as const,
    )
    return Object.fromEntries(flags) as unknown as PublicAccess
  },
  write: access =>
    rootElement(
      'PublicAccessBlockConfiguration',
      Object.entries(accessFlags).map(([name, field]) => element(name, access[field])),
    ),
}

/** What is kept as it was given: told, replaced, taken away. */
export interface Document {
  readonly get: Run
  readonly put: Run
  readonly remove: Run
}

const document = <Value>(kind: Kind<Value>): Document => ({
  get: getter(kind),
  put: putter(kind),
  remove: remover(kind),
})

export const bucketCors: Document = document(cors)
export const bucketLifecycle: Document = document(lifecycle)
export const bucketTagging: Document = document(tagging)
export const bucketWebsite: Document = document(website)
export const publicAccessBlock: Document = document(publicAccess)

function getter<Value>({ name, absent: [code, message], write }: Kind<Value>): Run {
  return async call => {
    const bytes = await kept(call, name)
    if (bytes === undefined) throw new S3Error(code, message)
    return ok(write(JSON.parse(Buffer.from(bytes).toString('utf8')) as Value))
  }
}

function putter<Value>({ name, read }: Kind<Value>): Run {
  return async call => {
    const value = read(await readDocument(call))
    await keep(call, name, bytesOf(JSON.stringify(value)))
    return { status: 200 }
  }
}

function remover<Value>({ name }: Kind<Value>): Run {
  return async call => {
    await keep(call, name, undefined)
    return NO_CONTENT
  }
}

const kept = (call: S3Call, name: string): Promise<Uint8Array | undefined> =>
  call.store.document(bucketOf(call), name, { signal: call.signal })

async function keep(call: S3Call, name: string, bytes: Uint8Array | undefined): Promise<void> {
  const bucket = bucketOf(call)
  await call.store.setDocument(bucket, name, bytes, { signal: call.signal })
  call.facts.forget(bucket)
}

async function getBucketPolicy(call: S3Call): Promise<S3Answer> {
  const bytes = await kept(call, 'policy')
  if (bytes === undefined) throw noPolicy()
  const headers = { 'content-type': 'application/json' }
  return { status: 200, headers, text: Buffer.from(bytes).toString('utf8') }
}

const noPolicy = (): S3Error =>
  new S3Error('NoSuchBucketPolicy', 'The bucket policy does not exist')

const POLICY_BYTES_MAX = 20_480

async function putBucketPolicy(call: S3Call): Promise<S3Answer> {
  const text = await readDocument(call)
  const bucket = bucketOf(call)
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX)
    throw new S3Error('InvalidPolicyDocument', `A policy has at most ${POLICY_BYTES_MAX} bytes`)
  const policy = readPolicy(text, bucket)
  const access = await call.facts.get(bucket, 'public-access')
  if (access?.blockPublicPolicy === true && isPublic(policy))
    throw new S3Error(
      'AccessDenied',
      'Public policies are blocked by the BlockPublicPolicy setting',
    )
  await keep(call, 'policy', bytesOf(text))
  return NO_CONTENT
}

async function deleteBucketPolicy(call: S3Call): Promise<S3Answer> {
  await keep(call, 'policy', undefined)
  return NO_CONTENT
}

export async function getBucketPolicyStatus(call: S3Call): Promise<S3Answer> {
  const bucket = bucketOf(call)
  const bytes = await kept(call, 'policy')
  if (bytes === undefined) throw noPolicy()
  const is = isPublic(readPolicy(Buffer.from(bytes).toString('utf8'), bucket))
  return ok(rootElement('PolicyStatus', element('IsPublic', is)))
}

export const bucketPolicy: Document = {
  get: getBucketPolicy,
  put: putBucketPolicy,
  remove: deleteBucketPolicy,
}

/** Everything is encrypted, always. */
async function getBucketEncryption(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return ok(
    rootElement(
      'ServerSideEncryptionConfiguration',
      element(
        'Rule',
        element('ApplyServerSideEncryptionByDefault', element('SSEAlgorithm', 'AES256')),
        element('BucketKeyEnabled', false),
      ),
    ),
  )
}

async function putBucketEncryption(call: S3Call): Promise<S3Answer> {
  const root = demandRoot(readXml(await readDocument(call)), 'ServerSideEncryptionConfiguration')
  const rule = childOf(root, 'Rule')
  const wanted = rule && childOf(rule, 'ApplyServerSideEncryptionByDefault')
  if (wanted === undefined) throw wrong('ApplyServerSideEncryptionByDefault is missing')
  const algorithm = choiceOf(wanted, 'SSEAlgorithm', ['AES256', 'aws:kms', 'aws:kms:dsse'])
  if (algorithm !== 'AES256') throw notImplemented(algorithm)
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return { status: 200 }
}

async function deleteBucketEncryption(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return NO_CONTENT
}

export const bucketEncryption: Document = {
  get: getBucketEncryption,
  put: putBucketEncryption,
  remove: deleteBucketEncryption,
}

/** There are no access lists that could grant anything, so the owner of the bucket owns its objects. */
export async function getOwnershipControls(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  const rule = element('Rule', element('ObjectOwnership', 'BucketOwnerEnforced'))
  return ok(rootElement('OwnershipControls', rule))
}

export async function putOwnershipControls(call: S3Call): Promise<S3Answer> {
  const root = demandRoot(readXml(await readDocument(call)), 'OwnershipControls')
  const rule = childOf(root, 'Rule')
  if (rule === undefined) throw wrong('Rule is missing')
  const known = ['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter'] as const
  const ownership = choiceOf(rule, 'ObjectOwnership', known)
  if (ownership === 'ObjectWriter') throw notImplemented(`ObjectOwnership ${ownership}`)
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return { status: 200 }
}

/** What buckets here never have: said in an empty document, as S3 does. */
export const nothingConfigured =
  (name: string): Run =>
  async call => {
    await call.store.bucket(bucketOf(call), { signal: call.signal })
    return ok(rootElement(name))
  }

/** The same for what S3 says in an error. */
export const neverConfigured =
  (code: S3Code, message: string): Run =>
  async call => {
    await call.store.bucket(bucketOf(call), { signal: call.signal })
    throw new S3Error(code, message)
  }

export async function getRequestPayment(call: S3Call): Promise<S3Answer> {
  await call.store.bucket(bucketOf(call), { signal: call.signal })
  return ok(rootElement('RequestPaymentConfiguration', element('Payer', 'BucketOwner')))
}
