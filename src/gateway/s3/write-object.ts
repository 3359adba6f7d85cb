/** PUT of an object, and DELETE. */
import type { ObjectPlace, PutOptions, Written } from '../../node/store/store.ts'
import { type CustomerKey, customerKey, encryptionHeaders, keyHeaders } from './encryption.ts'
import { bypassesGovernance } from './lock-headers.ts'
import { checksumsTold, expirationHeader, versionHeader } from './object-answer.ts'
import { settingsIn, writeConditions } from './object-settings.ts'
import { openBody } from './request-body.ts'
import { placeOf, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument } from './s3-error.ts'

export async function putObject(call: S3Call): Promise<S3Answer> {
  const place = placeOf(call)
  const key = customerKey(call)
  const settings = settingsIn(call)
  const conditions = writeConditions(call)
  const body = await openBody(call, 'crc64nvme')
  await mayBegin(call, place)
  let checksums: Readonly<Record<string, string>> = {}
  const options: PutOptions = {
    ...conditions,
    ...settings,
    headers: { ...settings.headers, ...keyHeaders(key) },
    sizeBytes: body.sizeBytes,
    encryptionKey: key?.key,
    settle({ md5 }) {
      checksums = body.conclude(md5)
      return { checksums }
    },
    signal: call.signal,
  }
  const written = await call.store.put(place, body.source, options)
  return {
    status: 200,
    headers: {
      ...writtenHeaders(written, key, checksums),
      ...versionHeader(call, written.version),
      ...expirationHeader(call, { ...place, ...written, tags: settings.tags ?? {} }),
    },
  }
}

const writtenHeaders = (
  { etag }: Pick<Written, 'etag'>,
  key: CustomerKey | undefined,
  checksums: Readonly<Record<string, string>>,
): Record<string, string> => ({
  etag: `"${etag}"`,
  ...encryptionHeaders(key),
  ...checksumsTold(checksums, undefined),
})

/** Who waits to be asked for the bytes learns first what stands against them. */
async function mayBegin(
  { store, request, signal }: S3Call,
  { bucket }: ObjectPlace,
): Promise<void> {
  if (request.headers.expect !== undefined) await store.bucket(bucket, { signal })
}

export async function deleteObject(call: S3Call): Promise<S3Answer> {
  const place = placeOf(call)
  const version = versionIn(call)
  const { ifMatch } = writeConditions(call)
  const deleted = await call.store.delete(place, {
    version,
    ifMatch,
    bypassesGovernance: await bypassesGovernance(call, place.bucket, place.key),
    signal: call.signal,
  })
  return {
    status: 204,
    headers: {
      ...versionHeader(call, deleted.version),
      ...(deleted.isMarker && { 'x-amz-delete-marker': 'true' }),
    },
  }
}

/** The version a request names. */
export function versionIn({ target: { query } }: S3Call): string | undefined {
  const version = query.get('versionId')
  if (version === '')
    throw invalidArgument('versionId', '', 'Version id cannot be the empty string')
  return version
}
