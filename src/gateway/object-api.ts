import type { CopyOptions, ObjectPlace, Retention, WriteConditions } from '../node/store/store.ts'
import { readOptions } from './bucket-api.ts'
import { unquote } from './conditions.ts'
import { matrixOf } from './console/matrix.ts'
import {
  type Fields,
  naturalIn,
  objectIn,
  onlyFields,
  optionalChoice,
  optionalFlag,
  optionalNatural,
  optionalText,
  optionalTexts,
  queryFields,
  textIn,
} from './fields.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, param, type Route } from './route.ts'

const SEGMENTS_MAX = 1000
/** Of 10 GiB, in one piece. */
const MATRIX_SEGMENTS = 640

/** What can be said of objects and done with them without their bytes. */
export const objectRoutes: readonly Route[] = [
  { method: 'GET', path: '/api/v1/stat/:bucket/*key', run: stat },
  { method: 'GET', path: '/api/v1/placement/:bucket/*key', run: placement },
  { method: 'GET', path: '/api/v1/matrix/:bucket/*key', run: matrix },
  { method: 'POST', path: '/api/v1/verify/:bucket/*key', run: verify },
  { method: 'GET', path: '/api/v1/parts/:bucket/*key', run: partsOf },
  { method: 'DELETE', path: '/api/v1/objects/:bucket/*key', run: remove },
  { method: 'PUT', path: '/api/v1/tags/:bucket/*key', run: setTags },
  { method: 'PUT', path: '/api/v1/locks/:bucket/*key', run: setLock },
  { method: 'POST', path: '/api/v1/copies', run: copy },
]

/** The object that the path names. */
export const placeOf = (call: Call): ObjectPlace => ({
  bucket: param(call, 'bucket'),
  key: param(call, 'key'),
})

async function stat(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['version', 'consistency'])
  const version = optionalText(query, 'version')
  return ok(await call.node.head(placeOf(call), { ...readOptions(query, call), version }))
}

async function placement(call: Call): Promise<Answer> {
  return ok(await call.node.placement(placeOf(call), pageAsked(call)))
}

async function matrix(call: Call): Promise<Answer> {
  const asked = pageAsked(call)
  const limit = asked.limit ?? MATRIX_SEGMENTS
  const found = await call.node.placement(placeOf(call), { ...asked, limit })
  return ok(matrixOf(found, call.node.peers()))
}

/** `segment`: which of the object; every holder is asked to prove that it has its fragment. */
async function verify(call: Call): Promise<Answer> {
  const { version } = queryFields(call.query, ['version'])
  const body = await jsonBody(call)
  onlyFields(body, ['segment'])
  const segment = naturalIn(body, 'segment')
  const options = { version: version as string | undefined, signal: call.signal }
  return ok({ segment, fragments: await call.node.verify(placeOf(call), segment, options) })
}

/** A page of an object's segments. */
function pageAsked(call: Call): PlacementAsked {
  const query = queryFields(call.query, ['version', 'after', 'limit', 'consistency'])
  const limit = optionalNatural(query, 'limit')
  if (limit !== undefined && (limit < 1 || limit > SEGMENTS_MAX))
    throw new HttpError(400, `limit is from 1 to ${SEGMENTS_MAX}`)
  return {
    ...readOptions(query, call),
    version: optionalText(query, 'version'),
    after: optionalNatural(query, 'after'),
    limit,
  }
}

type PlacementAsked = NonNullable<Parameters<Call['node']['placement']>[1]>

async function partsOf(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['version', 'after', 'limit', 'consistency'])
  const options = {
    ...readOptions(query, call),
    version: optionalText(query, 'version'),
    after: optionalNatural(query, 'after'),
    limit: optionalNatural(query, 'limit'),
  }
  return ok({ parts: await call.node.partsOf(placeOf(call), options) })
}

async function setTags(call: Call): Promise<Answer> {
  const version = optionalText(queryFields(call.query, ['version']), 'version')
  const body = await jsonBody(call)
  onlyFields(body, ['tags'])
  const tags = optionalTexts(body, 'tags') ?? {}
  return ok(await call.node.setTags(placeOf(call), tags, { version, signal: call.signal }))
}

/** `retention`: mode and until, or `none`; `hasLegalHold`. What is not named stays. */
async function setLock(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['version', 'bypassesGovernance'])
  const body = await jsonBody(call)
  onlyFields(body, ['retention', 'hasLegalHold'])
  const lock = {
    retention: retentionIn(body),
    hasLegalHold: optionalFlag(body, 'hasLegalHold'),
  }
  await call.node.setLock(placeOf(call), lock, {
    version: optionalText(query, 'version'),
    bypassesGovernance: optionalFlag(query, 'bypassesGovernance'),
    signal: call.signal,
  })
  return ok({ locked: placeOf(call) })
}

function retentionIn(body: Fields): Retention | 'none' | undefined {
  if (!Object.hasOwn(body, 'retention')) return undefined
  if (body['retention'] === 'none') return 'none'
  const fields = objectIn(body, 'retention')
  onlyFields(fields, ['mode', 'until'])
  const mode = optionalChoice(fields, 'mode', ['governance', 'compliance'])
  const until = new Date(textIn(fields, 'until'))
  if (mode !== undefined && !Number.isNaN(until.getTime())) return { mode, until }
  throw new HttpError(400, 'retention has a mode, and until as a time of ISO 8601')
}

async function remove(call: Call): Promise<Answer> {
  const query = queryFields(call.query, ['version', 'bypassesGovernance'])
  const options = {
    ...writeConditions(call),
    version: optionalText(query, 'version'),
    bypassesGovernance: optionalFlag(query, 'bypassesGovernance'),
    signal: call.signal,
  }
  return ok(await call.node.delete(placeOf(call), options))
}

/** If-Match and If-None-Match of a write. One ETag each, for that is what a command can hold. */
export function writeConditions({ request: { headers } }: Call): WriteConditions {
  const given = [headers['if-match'], headers['if-none-match']]
  if (given.some(each => each?.includes(',') === true))
    throw new HttpError(400, 'A write has one ETag in If-Match or If-None-Match')
  const [ifMatch, ifNoneMatch] = given.map(each => (each === undefined ? each : unquote(each)))
  return { ifMatch, ifNoneMatch }
}

/**
 * `POST /api/v1/copies`: `from` and `to`, each bucket and key; of `from` also version, ifMatch,
 * ifNoneMatch; ifMatch and ifNoneMatch of what is there already; headers and tags instead of the
 * source's.
 */
async function copy(call: Call): Promise<Answer> {
  const body = await jsonBody(call)
  onlyFields(body, ['from', 'to', 'ifMatch', 'ifNoneMatch', 'headers', 'tags'])
  const source = objectIn(body, 'from')
  onlyFields(source, ['bucket', 'key', 'version', 'ifMatch', 'ifNoneMatch'])
  const target = objectIn(body, 'to')
  onlyFields(target, ['bucket', 'key'])
  const options: CopyOptions = {
    ...conditionsIn(body),
    source: conditionsIn(source),
    version: optionalText(source, 'version'),
    headers: optionalTexts(body, 'headers'),
    tags: optionalTexts(body, 'tags'),
    signal: call.signal,
  }
  return { status: 201, body: await call.node.copy(placeIn(source), placeIn(target), options) }
}

export const placeIn = (fields: Fields): ObjectPlace => ({
  bucket: textIn(fields, 'bucket'),
  key: textIn(fields, 'key'),
})

const conditionsIn = (fields: Fields): WriteConditions => ({
  ifMatch: optionalText(fields, 'ifMatch'),
  ifNoneMatch: optionalText(fields, 'ifNoneMatch'),
})
