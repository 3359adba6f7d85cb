/** The bytes a client sends, out of whatever they are wrapped in, and checked against what it said. */
import { createHash } from 'node:crypto'

import type { Signing } from './authenticate.ts'
import type { ChecksumAlgorithm } from './checksum.ts'
import { decodeChunks } from './chunked-body.ts'
import { UNSIGNED_PAYLOAD } from './claim.ts'
import { declaredIn, Inspection } from './integrity.ts'
import type { S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'

export interface RequestBody {
  readonly sizeBytes: number | undefined
  /** To be read once, to the end. */
  readonly source: AsyncIterable<Uint8Array>
  /** See `Inspection.conclude`. */
  readonly conclude: (md5: string) => Readonly<Record<string, string>>
}

const STREAMING = 'STREAMING-'
/** How chunks may come: whether signed, and whether a trailer follows. */
const streams: ReadonlyMap<string, { readonly isSigned: boolean; readonly hasTrailer: boolean }> =
  new Map([
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { isSigned: true, hasTrailer: false }],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { isSigned: true, hasTrailer: true }],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { isSigned: false, hasTrailer: true }],
  ])

/**
 * The body of a request; the client is asked for it when it is first read.
 * @param fallback a checksum to compute if the client gives none
 * @throws {S3Error} `InvalidDigest`, `InvalidArgument`, `MissingContentLength`, …
 */
export async function openBody(call: S3Call, fallback?: ChecksumAlgorithm): Promise<RequestBody> {
  const { headers } = call.request
  const { signing } = call.proof ?? {}
  // Somebody unknown may wrap a body too.
  const payload = call.proof?.payload ?? headers['x-amz-content-sha256']?.toString()
  const declared = declaredIn(headers, payload)
  const stream = streamOf(payload)
  if (declared.sizeBytes === undefined)
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header')
  const inspection = await Inspection.start(declared, fallback)
  const raw = rawBody(call)
  const plain =
    stream === undefined
      ? raw
      : decodeChunks(raw, {
          signing: stream.isSigned ? demandSigning(signing) : undefined,
          hasTrailer: stream.hasTrailer,
          onTrailer: trailer => inspection.onTrailer(trailer),
        })
  return {
    sizeBytes: declared.sizeBytes,
    source: inspection.watch(plain),
    conclude: md5 => inspection.conclude(md5),
  }
}

function streamOf(payload: string | undefined) {
  const stream = streams.get(payload ?? '')
  if (stream !== undefined || payload === undefined || payload === UNSIGNED_PAYLOAD) return stream
  if (payload.startsWith(STREAMING)) throw notImplemented(payload)
  if (/^[\da-fA-F]{64}$/.test(payload)) return undefined
  throw new S3Error(
    'InvalidArgument',
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- form, or a valid sha256 value',
  )
}

function demandSigning(signing: Signing | undefined): Signing {
  if (signing !== undefined) return signing
  throw new S3Error('InvalidRequest', 'Signed chunks need a signed request')
}

/** As it comes from the socket, at the pace it is consumed. */
async function* rawBody({ request, invite }: S3Call): AsyncGenerator<Uint8Array> {
  invite()
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new S3Error('IncompleteBody', 'The connection ended before the body', { cause })
  }
}

/**
 * A small body as a whole.
 * @throws {S3Error} `MaxMessageLengthExceeded`, and as `openBody`
 */
export async function readBody(call: S3Call, bytesMax: number): Promise<Uint8Array> {
  const body = await openBody(call)
  const md5 = createHash('md5')
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body.source) {
    size += piece.length
    if (size > bytesMax)
      throw new S3Error('MaxMessageLengthExceeded', 'Your request was too big', {
        fields: { MaxMessageLengthBytes: String(bytesMax) },
      })
    md5.update(piece)
    pieces.push(piece)
  }
  body.conclude(md5.digest('hex'))
  return Buffer.concat(pieces)
}

/** What of `content-encoding` is about the object, not about the way here. */
export function storedEncoding(header: string | undefined): string | undefined {
  const codings = (header ?? '').split(',').map(coding => coding.trim())
  const kept = codings.filter(coding => coding !== '' && coding !== 'aws-chunked')
  return kept.length === 0 ? undefined : kept.join(',')
}
