/**
 * Encryption as S3 speaks of it. Everything is encrypted under the network's keys anyway, so `AES256`
 * is granted always. A customer's own key comes with every request, is never kept, and without it
 * not even a peer reads the object; beside the object stands the MD5 of the key, to tell a wrong one.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'

import type { ObjectInfo, ObjectSettings } from '../../node/store/store.ts'
import { headerOf, type S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'

export const KEY_MD5_HEADER = 'x-amz-server-side-encryption-customer-key-md5'
const SERVER_SIDE = 'x-amz-server-side-encryption'
const CUSTOMER = `${SERVER_SIDE}-customer-`
const COPY_SOURCE = 'x-amz-copy-source-server-side-encryption-customer-'
const KEY_BYTES = 32

export interface CustomerKey {
  readonly key: Uint8Array
  /** Base64. */
  readonly md5: string
}

/** What a write asks for, which must be what it gets. @throws {S3Error} */
export function checkEncryption(call: S3Call): void {
  const wanted = headerOf(call, SERVER_SIDE)
  if (wanted === 'aws:kms' || wanted === 'aws:kms:dsse')
    throw notImplemented(`${SERVER_SIDE}: ${wanted}`)
  if (wanted !== undefined && wanted !== 'AES256')
    throw new S3Error(
      'InvalidEncryptionAlgorithmError',
      'The encryption request that you specified is not valid',
    )
}

/**
 * The customer's key of this request, or of the source of a copy.
 * @throws {S3Error} `InvalidArgument`, `InvalidRequest`
 */
export function customerKey(call: S3Call, prefix: string = CUSTOMER): CustomerKey | undefined {
  const [algorithm, text, md5] = ['algorithm', 'key', 'key-md5'].map(name =>
    headerOf(call, `${prefix}${name}`),
  )
  if (algorithm === undefined && text === undefined && md5 === undefined) return undefined
  if (algorithm !== 'AES256')
    throw new S3Error(
      'InvalidEncryptionAlgorithmError',
      'The algorithm of a customer key is AES256',
    )
  const key = Buffer.from(text ?? '', 'base64')
  if (key.length !== KEY_BYTES || key.toString('base64') !== text)
    throw new S3Error('InvalidArgument', 'The secret key was invalid for the specified algorithm')
  if (createHash('md5').update(key).digest('base64') !== md5)
    throw new S3Error(
      'InvalidArgument',
      'The calculated MD5 hash of the key did not match the hash that was provided',
    )
  return { key, md5 }
}

export const sourceKey = (call: S3Call): CustomerKey | undefined => customerKey(call, COPY_SOURCE)

/** What is kept of the key beside an object. */
export const keyHeaders = (key: CustomerKey | undefined): Record<string, string> =>
  key === undefined ? {} : { [KEY_MD5_HEADER]: key.md5 }

/** Whether the key is that of the object or upload. @throws {S3Error} */
export function demandKey(
  { headers = {} }: Pick<ObjectInfo | ObjectSettings, 'headers'>,
  key: CustomerKey | undefined,
): void {
  const kept = headers[KEY_MD5_HEADER]
  if (kept === key?.md5) return
  if (key === undefined)
    throw new S3Error(
      'InvalidRequest',
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
    )
  if (kept === undefined)
    throw new S3Error(
      'InvalidRequest',
      'The encryption parameters are not applicable to this object.',
    )
  throw new S3Error('AccessDenied', 'The key is not the one that the object is encrypted under')
}

/** How the answer says what an object is encrypted with. */
export const encryptionHeaders = (key: CustomerKey | undefined): Record<string, string> =>
  key === undefined
    ? { [SERVER_SIDE]: 'AES256' }
    : { [`${CUSTOMER}algorithm`]: 'AES256', [KEY_MD5_HEADER]: key.md5 }
