import type { IncomingMessage, ServerResponse } from 'node:http'

import type { LifecycleRule } from '../../node/store/expiry.ts'
import type { Store } from '../../node/store/store.ts'
import type { AccessKey } from '../keys/access-key.ts'
import type { Signing } from './authenticate.ts'
import type { BucketFacts } from './bucket-facts.ts'
import { S3Error } from './s3-error.ts'
import type { Target } from './target.ts'
import type { Markup } from './xml-writer.ts'

/** What a request reaches its operation with: who asks for what, and all that is needed to answer. */
export interface S3Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly store: Store
  readonly facts: BucketFacts
  readonly target: Target
  /** Undefined for somebody who does not say who it is. */
  readonly key: AccessKey | undefined
  /** How the body is signed. */
  readonly proof: { readonly payload: string; readonly signing: Signing } | undefined
  readonly region: string
  /** Whether versions were ever kept in the bucket: then the one called `null` is spoken of. */
  readonly knowsVersions: boolean
  /** When the objects of the bucket end by themselves. */
  readonly lifecycle: readonly LifecycleRule[]
  readonly requestId: string
  readonly nowMs: number
  /** Aborts when the client has gone, or has been answered. */
  readonly signal: AbortSignal
  /** Asks a client that waits for it to send the body. */
  readonly invite: () => void
  /** Whether who asks may do something further, as well as what the operation needs. */
  readonly demand: (action: string, bucket: string, key?: string) => Promise<void>
}

export interface S3Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly xml?: Markup | undefined
  readonly text?: string | undefined
}

/** Everything belongs to one account: the network. */
export const OWNER = 'holdfast'

/** Of an operation on a bucket. */
export function bucketOf({ target }: S3Call): string {
  if (target.bucket !== undefined) return target.bucket
  throw new S3Error('InvalidURI', 'The request names no bucket')
}

/** Of an operation on an object. */
export function placeOf(call: S3Call): { readonly bucket: string; readonly key: string } {
  const { key } = call.target
  if (key === undefined) throw new S3Error('InvalidURI', 'The request names no key')
  return { bucket: bucketOf(call), key }
}

/** The only value of a header. */
export const headerOf = ({ request }: S3Call, name: string): string | undefined =>
  request.headers[name]?.toString()

export const ok = (xml: Markup): S3Answer => ({ status: 200, xml })
export const NO_CONTENT: S3Answer = { status: 204 }
