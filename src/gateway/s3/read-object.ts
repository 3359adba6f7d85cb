/** GET and HEAD of an object: conditions, ranges, parts. */
import { pipeline } from 'node:stream/promises'

import { codeOf } from '../../base/errors.ts'
import type { GetOptions, ObjectInfo, ObjectReading } from '../../node/store/store.ts'
import { type ByteRange, parseRange } from '../byte-range.ts'
import { judgeRead, rangeHolds } from '../conditions.ts'
import { type CustomerKey, customerKey, demandKey } from './encryption.ts'
import { objectHeaders, validators, versionHeader } from './object-answer.ts'
import { headerOf, placeOf, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument, S3Error } from './s3-error.ts'

/** How often a read begins anew because the object was replaced between look-up and read. */
const ATTEMPTS_MAX = 3
const PARTS_PAGE = 1000
const PARTS_MAX = 10_000

interface Wanted {
  readonly options: GetOptions
  readonly key: CustomerKey | undefined
  readonly part: number | undefined
  readonly range: ByteRange | undefined
}

/** Some bytes of an object, the end not included. */
interface Span {
  readonly from: number
  readonly to: number
  /** Of how many parts it is one. */
  readonly parts?: number | undefined
}

export async function getObject(call: S3Call): Promise<undefined> {
  const wanted = wantedOf(call)
  const { reading, span } = await openReading(call, wanted)
  demandKey(reading, wanted.key)
  const head = judged(call, reading) ?? objectHead(call, reading, { span, key: wanted.key })
  call.response.writeHead(head.status, head.headers)
  if (head.status !== 304) await pipeline(reading.body, call.response, { signal: call.signal })
  else call.response.end()
}

export async function headObject(call: S3Call): Promise<S3Answer> {
  const wanted = wantedOf(call)
  const info = await call.store.head(placeOf(call), wanted.options)
  demandKey(info, wanted.key)
  const verdict = judged(call, info)
  if (verdict !== undefined) return verdict
  const span = await spanOf(call, info, wanted)
  return objectHead(call, info, { span, key: wanted.key })
}

function wantedOf(call: S3Call): Wanted {
  const { query } = call.target
  const key = customerKey(call)
  const range = parseRange(call.request.headers.range)
  const part = partIn(query.get('partNumber'))
  if (part !== undefined && call.request.headers.range !== undefined)
    throw new S3Error(
      'InvalidRequest',
      'Cannot specify both Range header and partNumber query parameter',
    )
  const version = query.get('versionId')
  if (version === '')
    throw invalidArgument('versionId', '', 'Version id cannot be the empty string')
  return { options: { version, encryptionKey: key?.key, signal: call.signal }, key, part, range }
}

function partIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const part = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (part >= 1 && part <= PARTS_MAX) return part
  throw invalidArgument(
    'partNumber',
    text,
    `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`,
  )
}

/** What stands in the way of the bytes; undefined if nothing does. @throws {S3Error} `PreconditionFailed` */
function judged(call: S3Call, info: ObjectInfo): S3Answer | undefined {
  const verdict = judgeRead(call.request.headers, info)
  if (verdict === 'failed')
    throw new S3Error(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
    )
  if (verdict === 'go on') return undefined
  return { status: 304, headers: { ...validators(info), ...versionHeader(call, info.version) } }
}

function objectHead(
  call: S3Call,
  info: ObjectInfo,
  { span, key }: { span: Span | undefined; key: CustomerKey | undefined },
): S3Answer {
  const { from, to, parts } = span ?? { from: 0, to: info.sizeBytes }
  return {
    status: span === undefined ? 200 : 206,
    headers: {
      ...objectHeaders(call, info, key),
      'content-length': String(to - from),
      ...(span !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${info.sizeBytes}` }),
      ...(parts !== undefined && { 'x-amz-mp-parts-count': String(parts) }),
    },
  }
}

/** The bytes a request asks for. Where that depends on the object it is looked at first. */
async function openReading(
  call: S3Call,
  wanted: Wanted,
): Promise<{ readonly reading: ObjectReading; readonly span: Span | undefined }> {
  const { store } = call
  const place = placeOf(call)
  const { options, range, part } = wanted
  if (range === undefined && part === undefined)
    return { reading: await store.get(place, options), span: undefined }
  if (range?.type === 'from' && headerOf(call, 'if-range') === undefined) {
    const reading = await store.get(place, { ...options, from: range.from, to: range.to })
    if (range.from >= reading.sizeBytes) throw unsatisfiable(call, reading.sizeBytes)
    return { reading, span: { from: reading.from, to: reading.to } }
  }
  for (let attempt = 1; ; attempt++) {
    const info = await store.head(place, options)
    demandKey(info, wanted.key)
    const span = await spanOf(call, info, wanted)
    const bounds = span !== undefined && span.to > span.from ? { from: span.from, to: span.to } : {}
    try {
      return {
        reading: await store.get(place, { ...options, ...bounds, ifMatch: info.etag }),
        span,
      }
    } catch (error) {
      if (codeOf(error) !== 'PRECONDITION_FAILED' || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

/** Undefined for all of it. @throws {S3Error} `InvalidRange`, `InvalidPartNumber` */
async function spanOf(
  call: S3Call,
  info: ObjectInfo,
  { range, part }: Wanted,
): Promise<Span | undefined> {
  if (part !== undefined) return partSpan(call, info, part)
  if (range === undefined || !rangeHolds(headerOf(call, 'if-range'), info)) return undefined
  const { sizeBytes } = info
  const from = range.type === 'from' ? range.from : Math.max(0, sizeBytes - range.count)
  if (from >= sizeBytes || (range.type === 'last' && range.count === 0))
    throw unsatisfiable(call, sizeBytes)
  const to = range.type === 'from' ? (range.to ?? sizeBytes) : sizeBytes
  return { from, to: Math.min(to, sizeBytes) }
}

const unsatisfiable = (call: S3Call, sizeBytes: number): S3Error =>
  new S3Error('InvalidRange', 'The requested range is not satisfiable', {
    fields: { RangeRequested: headerOf(call, 'range') ?? '', ActualObjectSize: String(sizeBytes) },
    headers: { 'content-range': `bytes */${sizeBytes}` },
  })

async function partSpan(
  { store, signal }: S3Call,
  info: ObjectInfo,
  wanted: number,
): Promise<Span | undefined> {
  if (info.parts === 0 && wanted === 1)
    return info.sizeBytes === 0 ? undefined : { from: 0, to: info.sizeBytes }
  if (wanted > info.parts)
    throw new S3Error('InvalidPartNumber', 'The requested partnumber is not satisfiable', {
      fields: {
        PartNumberRequested: String(wanted),
        ActualPartCount: String(Math.max(1, info.parts)),
      },
    })
  let [from, count, after] = [0, 0, 0]
  for (;;) {
    const page = await store.partsOf(info, {
      version: info.version,
      after,
      limit: PARTS_PAGE,
      signal,
    })
    for (const { part, sizeBytes } of page) {
      // Parts are counted from one here, whatever numbers they were uploaded under.
      if (++count === wanted) return { from, to: from + sizeBytes, parts: info.parts }
      from += sizeBytes
      after = part
    }
    if (page.length === 0) throw new S3Error('InvalidPartNumber', 'The part is not there any more')
  }
}
