import { Buffer } from 'node:buffer'

import { readBody } from './request-body.ts'
import type { S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'

/** Ten thousand parts with a checksum each. */
const DOCUMENT_BYTES_MAX = 4_194_304

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The text in a request's body.
 * @throws {S3Error} `MalformedXML` if it is no UTF-8, `MissingRequestBodyError` if there is none
 */
export async function readDocument(call: S3Call): Promise<string> {
  const text = await readOptionalDocument(call)
  if (text === '') throw new S3Error('MissingRequestBodyError', 'Request Body is empty')
  return text
}

/** The same of a request that may do without; empty then. */
export async function readOptionalDocument(call: S3Call): Promise<string> {
  const { headers } = call.request
  const isEmpty =
    headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
  if (isEmpty) return ''
  const bytes = await readBody(call, DOCUMENT_BYTES_MAX)
  try {
    return utf8.decode(bytes)
  } catch {
    throw new S3Error('MalformedXML', 'The body is not UTF-8')
  }
}

export const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'utf8')
