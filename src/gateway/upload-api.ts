import type { UploadName } from '../node/store/store.ts'
import { bodyOf } from './body.ts'
import { readOptions } from './bucket-api.ts'
import {
  type Fields,
  isObject,
  naturalIn,
  objectIn,
  onlyFields,
  optionalNatural,
  optionalText,
  optionalTexts,
  queryFields,
  textIn,
} from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { placeIn, placeOf, writeConditions } from './object-api.ts'
import { bodyOptions } from './object-bytes.ts'
import { type Answer, type Call, ok, type Route } from './route.ts'

/**
 * An object in parts, which may come in any order, several at a time, and again: what was uploaded
 * stays when client or peer go away.
 *
 *     POST   …/uploads/<bucket>/<key>                   begins one → upload
 *     PUT    …/uploads/<bucket>/<key>?upload=U&part=N   the bytes of a part → etag
 *     GET    …/uploads/<bucket>/<key>?upload=U          what it is to be, and its parts
 *     POST   …/uploads/<bucket>/<key>?upload=U          completes it: parts in order
 *     DELETE …/uploads/<bucket>/<key>?upload=U          gives it up
 *     POST   …/part-copies                              a part from another object
 */
const UPLOAD = '/api/v1/uploads/:bucket/*key'
const PART_MAX = 10_000
/** The names of as many parts as there can be. */
const COMPLETION_BYTES_MAX = 1_048_576

export const uploadRoutes: readonly Route[] = [
  { method: 'POST', path: UPLOAD, run: beginOrComplete },
  { method: 'PUT', path: UPLOAD, run: putPart },
  { method: 'GET', path: UPLOAD, run: listParts },
  { method: 'DELETE', path: UPLOAD, run: abort },
  { method: 'POST', path: '/api/v1/part-copies', run: copyPart },
]

const nameOf = (call: Call, query: Fields): UploadName => ({
  ...placeOf(call),
  upload: textIn(query, 'upload'),
})

async function beginOrComplete(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['upload'])
  return optionalText(query, 'upload') === undefined
    ? begin(call)
    : complete(call, nameOf(call, query))
}

async function begin(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['headers', 'tags'])
  const options = {
    headers: optionalTexts(body, 'headers'),
    tags: optionalTexts(body, 'tags'),
    signal: call.signal,
  }
  return { status: 201, body: await call.node.createUpload(placeOf(call), options) }
}

async function complete(call: Call, name: UploadName): Promise<Answer> {
  const body = await jsonBody(call, COMPLETION_BYTES_MAX)
  onlyFields(body, ['parts'])
  const options = { ...writeConditions(call), signal: call.signal }
  return ok(await call.node.completeUpload(name, partsIn(body), options))
}

function partsIn(body: Fields): readonly { readonly part: number; readonly etag: string }[] {
  const parts = body['parts']
  if (!Array.isArray(parts) || !parts.every(isObject))
    throw new HttpError(400, 'parts is a list of objects with part and etag')
  return parts.map(each => ({ part: naturalIn(each, 'part'), etag: textIn(each, 'etag') }))
}

async function putPart(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['upload', 'part'])
  const options = { ...bodyOptions(call), signal: call.signal }
  return ok(await call.node.putPart(nameOf(call, query), partIn(query), bodyOf(call), options))
}

function partIn(fields: Fields): number {
  const part = naturalIn(fields, 'part')
  if (part >= 1 && part <= PART_MAX) return part
  throw new HttpError(400, `part is from 1 to ${PART_MAX}`)
}

async function listParts(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['upload', 'after', 'limit', 'consistency'])
  const after = optionalNatural(query, 'after')
  const limit = optionalNatural(query, 'limit')
  const options = {
    ...readOptions(query, call),
    ...(after !== undefined && { after }),
    ...(limit !== undefined && { limit: Math.min(Math.max(limit, 1), PART_MAX) }),
  }
  const name = nameOf(call, query)
  const upload = await call.node.upload(name, readOptions(query, call))
  return ok({ upload, parts: await call.node.parts(name, options) })
}

async function abort(call: Call): Promise<Answer> {
  const name = nameOf(call, queryFields(call.query, ['upload']))
  await call.node.abortUpload(name, { signal: call.signal })
  return ok({ aborted: name.upload })
}

/** `upload`: bucket, key, upload; `part`; `from`: bucket, key, version; bytes `first` to `end`. */
async function copyPart(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['upload', 'part', 'from', 'first', 'end'])
  const upload = objectIn(body, 'upload')
  const from = objectIn(body, 'from')
  onlyFields(upload, ['bucket', 'key', 'upload'])
  onlyFields(from, ['bucket', 'key', 'version'])
  const first = optionalNatural(body, 'first')
  const end = optionalNatural(body, 'end')
  const made = await call.node.copyPart(
    { ...placeIn(upload), upload: textIn(upload, 'upload') },
    partIn(body),
    { ...placeIn(from), version: optionalText(from, 'version') },
    {
      ...(first !== undefined && { from: first }),
      ...(end !== undefined && { to: end }),
      signal: call.signal,
    },
  )
  return { status: 201, body: made }
}
