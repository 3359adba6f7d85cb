import type { IncomingMessage } from 'node:http'

import type { S3Answer } from './s3-call.ts'
import type { S3Error } from './s3-error.ts'
import { splitUrl } from './target.ts'
import { element, type Markup } from './xml-writer.ts'

/** An error as it is sent: without a body where there can be none. */
export function errorAnswer(error: S3Error, request: IncomingMessage, requestId: string): S3Answer {
  const { status, headers } = error
  const retry = status === 503 ? { 'retry-after': '1' } : {}
  const hasBody = request.method !== 'HEAD' && status !== 304
  const xml = hasBody ? errorElement(error, resourceOf(request), requestId) : undefined
  return { status, headers: { ...retry, ...headers }, xml }
}

const errorElement = (
  { code, message, fields }: S3Error,
  resource: string,
  requestId: string,
): Markup =>
  element(
    'Error',
    element('Code', code),
    element('Message', message),
    Object.entries(fields).map(([name, value]) => element(name, value)),
    element('Resource', resource),
    element('RequestId', requestId),
    element('HostId', 'holdfast'),
  )

/** As far as it can be read. */
function resourceOf({ url = '/' }: IncomingMessage): string {
  const { path } = splitUrl(url)
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
