import { Buffer } from 'node:buffer'

import type { BucketChange, ListOptions, Versioning } from '../node/store/store.ts'
import { bodyOf } from './body.ts'
import {
  type Fields,
  naturalIn,
  objectIn,
  onlyFields,
  optionalChoice,
  optionalFlag,
  optionalNatural,
  optionalText,
  queryFields,
} from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, param, type Route } from './route.ts'

const BUCKET = '/api/v1/buckets/:bucket'
const DOCUMENT = `${BUCKET}/documents/:name`
const LIST_LIMIT_MAX = 1000
const DOCUMENT_BYTES_MAX = 65_536
const versionings: readonly Versioning[] = ['off', 'enabled', 'suspended']
const consistencies = ['linearizable', 'stale'] as const

/** Buckets, and what is in them as far as lists tell. */
export const bucketRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/buckets', run: buckets },
  { method: 'PUT', path: BUCKET, run: create },
  { method: 'GET', path: BUCKET, run: describe },
  { method: 'PATCH', path: BUCKET, run: change },
  { method: 'DELETE', path: BUCKET, run: remove },
  { method: 'GET', path: `${BUCKET}/usage`, run: usage },
  { method: 'GET', path: `${BUCKET}/objects`, run: list },
  { method: 'GET', path: `${BUCKET}/versions`, run: versions },
  { method: 'GET', path: `${BUCKET}/uploads`, run: uploads },
  { method: 'GET', path: DOCUMENT, run: readDocument },
  { method: 'PUT', path: DOCUMENT, run: writeDocument },
  { method: 'DELETE', path: DOCUMENT, run: removeDocument },
]

const bucketOf = (call: Call): string => param(call, 'bucket')

/** How old an answer may be: `consistency=stale` in the query. */
export const readOptions = (
  query: Fields,
  { signal }: Call,
): { consistency: (typeof consistencies)[number] | undefined; signal: AbortSignal } => ({
  consistency: optionalChoice(query, 'consistency', consistencies),
  signal,
})

async function buckets(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['consistency'])
  return { status: 200, stream: call.node.buckets(readOptions(query, call)) }
}

async function create(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['versioning', 'hasLock'])
  const info = await call.node.createBucket(bucketOf(call), {
    versioning: optionalChoice(body, 'versioning', versionings),
    hasLock: optionalFlag(body, 'hasLock'),
    signal: call.signal,
  })
  return { status: 201, body: info }
}

async function describe(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['consistency'])
  return ok(await call.node.bucket(bucketOf(call), readOptions(query, call)))
}

async function change(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['versioning', 'hasLock', 'retention'])
  const wanted: BucketChange = {
    versioning: optionalChoice(body, 'versioning', versionings),
    hasLock: optionalFlag(body, 'hasLock'),
    retention: retentionIn(body),
  }
  return ok(await call.node.changeBucket(bucketOf(call), wanted, { signal: call.signal }))
}

/** `retention`: mode and forMs, or `none`. */
function retentionIn(body: Fields): BucketChange['retention'] {
  if (!Object.hasOwn(body, 'retention')) return undefined
  if (body['retention'] === 'none') return 'none'
  const fields = objectIn(body, 'retention')
  onlyFields(fields, ['mode', 'forMs'])
  const mode = optionalChoice(fields, 'mode', ['governance', 'compliance'])
  if (mode === undefined) throw new HttpError(400, 'retention has a mode')
  return { mode, forMs: naturalIn(fields, 'forMs') }
}

async function remove(call: Call): Promise<Answer> {
  await call.node.deleteBucket(bucketOf(call), { signal: call.signal })
  return ok({ deleted: bucketOf(call) })
}

async function usage(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['consistency'])
  return ok(await call.node.usage(bucketOf(call), readOptions(query, call)))
}

const listFields = ['prefix', 'delimiter', 'after', 'limit', 'consistency']

function listOptions(query: Fields, call: Call): ListOptions {
  const limit = optionalNatural(query, 'limit')
  if (limit !== undefined && (limit < 1 || limit > LIST_LIMIT_MAX))
    throw new HttpError(400, `limit is from 1 to ${LIST_LIMIT_MAX}`)
  return {
    ...readOptions(query, call),
    prefix: optionalText(query, 'prefix'),
    delimiter: optionalText(query, 'delimiter'),
    after: optionalText(query, 'after'),
    limit,
  }
}

async function list(call: Call): Promise<Answer> {
  const query = queryFields(call.query, listFields)
  return ok(await call.node.listPage(bucketOf(call), listOptions(query, call)))
}

async function versions(call: Call): Promise<Answer> {
  const query = queryFields(call.query, [...listFields, 'afterVersion'])
  const options = {
    ...listOptions(query, call),
    afterVersion: optionalText(query, 'afterVersion'),
  }
  return ok(await call.node.listVersions(bucketOf(call), options))
}

/** Where a list of uploads goes on is bytes; in JSON and queries, base64url. */
async function uploads(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['after', 'limit', 'consistency'])
  const { limit, consistency } = listOptions(query, call)
  const after = optionalText(query, 'after')
  const page = await call.node.uploads(bucketOf(call), {
    consistency,
    signal: call.signal,
    ...(limit !== undefined && { limit }),
    ...(after !== undefined && { after: new Uint8Array(Buffer.from(after, 'base64url')) }),
  })
  const next = page.next === undefined ? undefined : Buffer.from(page.next).toString('base64url')
  return ok({ uploads: page.uploads, next })
}

async function readDocument(call: Call): Promise<Answer | undefined> {
  const query = queryFields(call.query, ['consistency'])
  const name = param(call, 'name')
  const document = await call.node.document(bucketOf(call), name, readOptions(query, call))
  if (document === undefined) throw new HttpError(404, `The bucket has no document ${name}`)
  call.response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': document.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  call.response.end(document)
  return undefined
}

async function writeDocument(call: Call): Promise<Answer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bodyOf(call)) {
    size += chunk.length
    if (size > DOCUMENT_BYTES_MAX)
      throw new HttpError(413, `A document has at most ${DOCUMENT_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return setDocument(call, new Uint8Array(Buffer.concat(chunks)))
}

async function removeDocument(call: Call): Promise<Answer> {
  return setDocument(call, undefined)
}

async function setDocument(call: Call, document: Uint8Array | undefined): Promise<Answer> {
  const { node, signal } = call
  const name = param(call, 'name')
  await node.setDocument(bucketOf(call), name, document, { signal })
  return ok({ document: name, sizeBytes: document?.length ?? 0 })
}
