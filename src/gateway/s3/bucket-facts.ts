import { Buffer } from 'node:buffer'

import { codeOf } from '../../base/errors.ts'
import type { LifecycleRule } from '../../node/store/expiry.ts'
import type { Store } from '../../node/store/store.ts'
import { Remembered } from '../remembered.ts'
import type { CorsRule } from './cors-rules.ts'
import { type Policy, readPolicy } from './policy.ts'
import type { Website } from './website-rules.ts'

/** Documents that are kept with a bucket, by the name they have in the store. */
export interface BucketDocuments {
  readonly policy: Policy
  readonly cors: readonly CorsRule[]
  readonly 'public-access': PublicAccess
  readonly lifecycle: readonly LifecycleRule[]
  readonly website: Website
}

export interface PublicAccess {
  readonly blockPublicAcls: boolean
  readonly ignorePublicAcls: boolean
  readonly blockPublicPolicy: boolean
  readonly restrictPublicBuckets: boolean
}

type DocumentName = keyof BucketDocuments
const documentNames: readonly DocumentName[] = [
  'policy',
  'cors',
  'public-access',
  'lifecycle',
  'website',
]
/** Beside the names of documents, none of which is called so. */
const VERSIONING = 'versioning'
/** A change made at another gateway counts here after so long at most. */
const FRESH_MS = 3_000

/** What stands written of a bucket and is looked at with every request. */
export class BucketFacts {
  readonly #known: Remembered<unknown>

  constructor(store: Pick<Store, 'bucket' | 'document'>, nowMs: () => number) {
    this.#known = new Remembered({
      ask: async slot => {
        const [bucket = '', name = ''] = slot.split('/')
        if (name === VERSIONING) return knowsVersions(store, bucket)
        const bytes = await documentOf(store, bucket, name)
        return bytes && read(name as DocumentName, Buffer.from(bytes).toString('utf8'), bucket)
      },
      isPassing: error => codeOf(error) !== undefined,
      freshMs: FRESH_MS,
      nowMs,
    })
  }

  /** Undefined if there is none, or no bucket: that is said by whoever looks into it. */
  async get<Name extends DocumentName>(
    bucket: string,
    name: Name,
  ): Promise<BucketDocuments[Name] | undefined> {
    return (await this.#known.get(`${bucket}/${name}`)) as BucketDocuments[Name] | undefined
  }

  /** Whether versions were ever kept in it. */
  async knowsVersions(bucket: string): Promise<boolean> {
    return (await this.#known.get(`${bucket}/${VERSIONING}`)) === true
  }

  /** Something was changed here. */
  forget(bucket: string): void {
    for (const name of [...documentNames, VERSIONING]) this.#known.forget(`${bucket}/${name}`)
  }
}

async function knowsVersions(store: Pick<Store, 'bucket'>, bucket: string): Promise<boolean> {
  try {
    return (await store.bucket(bucket)).versioning !== 'off'
  } catch (error) {
    if (isNoBucket(error)) return false
    throw error
  }
}

/** There is none of this name, or none could be called so. */
const isNoBucket = (error: unknown): boolean =>
  codeOf(error) === 'NO_SUCH_BUCKET' || codeOf(error) === 'INVALID_COMMAND'

async function documentOf(
  store: Pick<Store, 'document'>,
  bucket: string,
  name: string,
): Promise<Uint8Array | undefined> {
  try {
    return await store.document(bucket, name)
  } catch (error) {
    if (isNoBucket(error)) return undefined
    throw error
  }
}

const read = (name: DocumentName, text: string, bucket: string): unknown =>
  name === 'policy' ? readPolicy(text, bucket) : JSON.parse(text)
