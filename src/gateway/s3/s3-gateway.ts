/**
 * The S3 side of a gateway. One request: what it is about, who asks, whether they may, the operation,
 * an answer; whatever goes wrong is an answer too, in XML, with an id that is also in the log.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Log } from '../../node/log.ts'
import type { Store } from '../../node/store/store.ts'
import { drain } from '../body.ts'
import type { AccessKey } from '../keys/access-key.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import type { Exchange } from '../request-watch.ts'
import { authenticate } from './authenticate.ts'
import { abilityFor, authorize } from './authorize.ts'
import { BucketFacts } from './bucket-facts.ts'
import { reservedNames } from './buckets.ts'
import { errorAnswer } from './error-answer.ts'
import { actionOf, operationFor } from './operations.ts'
import { postObject } from './post-object.ts'
import { crossOriginHeaders, preflight } from './preflight.ts'
import { OWNER, type S3Answer, type S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'
import { SigningKeys } from './signature.ts'
import { hostedBucket, splitUrl, type Target, targetOf } from './target.ts'
import { translateFailure } from './translate-failure.ts'
import { showWebsite } from './website.ts'
import { documentOf } from './xml-writer.ts'

export interface S3Options {
  readonly store: Store
  readonly keys: Pick<KeyRing, 'find'>
  readonly log: Log
  /** @default us-east-1 */
  readonly region?: string | undefined
  /** Names below which a bucket is a host. @default localhost */
  readonly domains?: readonly string[] | undefined
  /** Names below which a bucket is a website. @default web.localhost */
  readonly websiteDomains?: readonly string[] | undefined
  /** Milliseconds since 1970. */
  readonly nowMs: () => number
}

/** A request on its way here. */
export interface S3Request {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly exchange: Exchange
  readonly signal: AbortSignal
  readonly invite: () => void
  /** Whether the client sends its body without being asked, or was asked. */
  readonly isInvited: () => boolean
}

export const REGION = 'us-east-1'
const DOMAINS = ['localhost']
const WEBSITE_DOMAINS = ['web.localhost']

export class S3Gateway {
  readonly #options: S3Options
  readonly #facts: BucketFacts
  readonly #signingKeys = new SigningKeys()

  constructor(options: S3Options) {
    this.#options = options
    this.#facts = new BucketFacts(options.store, options.nowMs)
  }

  /** Whether a request is for S3, rather than for what else is served at the same port. */
  isMine(request: IncomingMessage): boolean {
    const { url = '/', headers } = request
    const { path, query } = splitUrl(url)
    if (this.#isWebsite(request)) return true
    if (headers.authorization?.startsWith('AWS') === true) return true
    if (/(^|&)(X-Amz-(Algorithm|Signature)|AWSAccessKeyId)=/.test(query)) return true
    const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
    if (this.#domains.some(domain => host.endsWith(`.${domain}`))) return true
    const [, root = ''] = path.split('/')
    if (root === '') return headers.accept?.includes('text/html') !== true
    return !reservedNames.includes(root)
  }

  /** Answers a request, whatever becomes of it. */
  async serve(asked: S3Request): Promise<void> {
    const { request, response, exchange } = asked
    const { requestId } = exchange
    response.setHeader('x-amz-request-id', requestId)
    response.setHeader('server', 'Holdfast')
    try {
      if (this.#isWebsite(request)) return await this.#showWebsite(asked, requestId)
      const target = this.#targetOf(request)
      // Set before anything can fail: a page is to see errors as well.
      const shared = await this.#crossOrigin(request, target)
      for (const [name, value] of Object.entries(shared)) response.setHeader(name, value)
      const answer = await this.#answer(asked, target, requestId)
      if (answer !== undefined) await this.#send(asked, answer)
    } catch (error) {
      await this.#fail(asked, requestId, error)
    }
  }

  /** Errors of a website are pages; only what nobody foresaw is told as S3 tells it. */
  async #showWebsite(asked: S3Request, requestId: string): Promise<void> {
    const { url = '/', headers } = asked.request
    const target = targetOf(url, headers.host ?? '', this.#websiteDomains)
    const answer = await showWebsite(this.#callOf(asked, { target, requestId }))
    if (answer !== undefined) await this.#send(asked, answer)
  }

  #isWebsite({ headers }: IncomingMessage): boolean {
    return hostedBucket(headers.host ?? '', this.#websiteDomains) !== undefined
  }

  get #websiteDomains(): readonly string[] {
    return this.#options.websiteDomains ?? WEBSITE_DOMAINS
  }

  get #domains(): readonly string[] {
    return this.#options.domains ?? DOMAINS
  }

  #targetOf({ url = '/', headers }: IncomingMessage): Target {
    return targetOf(url, headers.host ?? '', this.#domains)
  }

  async #crossOrigin(request: IncomingMessage, target: Target): Promise<Record<string, string>> {
    if (request.method === 'OPTIONS') return {}
    return crossOriginHeaders({ facts: this.#facts, request, target })
  }

  async #answer(
    asked: S3Request,
    target: Target,
    requestId: string,
  ): Promise<S3Answer | undefined> {
    const { request } = asked
    const facts = this.#facts
    if (request.method === 'OPTIONS') return preflight({ facts, request, target })
    const isForm =
      request.method === 'POST' &&
      /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')
    if (isForm && target.bucket !== undefined && target.key === undefined)
      return postObject(await this.#withFacts(this.#callOf(asked, { target, requestId })), {
        ...this.#options,
        region: this.#region,
        signingKeys: this.#signingKeys,
        authorize: (key, place) =>
          authorize(
            { key, request, query: target.query, facts },
            { action: 's3:PutObject', ability: 'write', ...place },
          ),
      })
    const operation = operationFor(
      request.method ?? '',
      target,
      request.headers['x-amz-copy-source'] !== undefined,
    )
    const known = await this.#authenticate(request, target)
    const call = this.#callOf(asked, { target, requestId, ...known })
    checkOwner(request)
    if (!operation.asksItself)
      await authorize(
        { key: call.key, request, query: target.query, facts },
        {
          action: actionOf(operation, target),
          ability: operation.ability,
          bucket: target.bucket,
          key: target.key,
        },
      )
    return operation.run(await this.#withFacts(call))
  }

  get #region(): string {
    return this.#options.region ?? REGION
  }

  async #authenticate(
    request: IncomingMessage,
    target: Target,
  ): Promise<Pick<S3Call, 'key' | 'proof'>> {
    const { keys, nowMs } = this.#options
    const proof = await authenticate<AccessKey>({
      request,
      target,
      region: this.#region,
      nowMs: nowMs(),
      signingKeys: this.#signingKeys,
      find: id => keys.find(id),
    })
    return { key: proof?.key, proof }
  }

  #callOf(
    { request, response, signal, invite }: S3Request,
    {
      target,
      requestId,
      key,
      proof,
    }: Partial<Pick<S3Call, 'key' | 'proof'>> & Pick<S3Call, 'target' | 'requestId'>,
  ): S3Call {
    const facts = this.#facts
    const { store, nowMs } = this.#options
    return {
      request,
      response,
      signal,
      invite,
      store,
      facts,
      target,
      key,
      proof,
      requestId,
      region: this.#region,
      knowsVersions: false,
      lifecycle: [],
      nowMs: nowMs(),
      demand: (action, bucket, object) =>
        authorize(
          { key, request, query: target.query, facts },
          { action, ability: abilityFor(action), bucket, key: object },
        ),
    }
  }

  /** What else must be known of a bucket to speak of its objects. */
  async #withFacts(call: S3Call): Promise<S3Call> {
    const { bucket, key } = call.target
    const isAboutObjects = key !== undefined || call.request.method === 'POST'
    if (bucket === undefined || !isAboutObjects) return call
    const [knowsVersions, lifecycle = []] = await Promise.all([
      call.facts.knowsVersions(bucket),
      call.facts.get(bucket, 'lifecycle'),
    ])
    return { ...call, knowsVersions, lifecycle }
  }

  async #send(
    { request, response, isInvited }: S3Request,
    { status, headers = {}, xml, text }: S3Answer,
  ): Promise<void> {
    const body = xml === undefined ? text : documentOf(xml)
    const isBare = status === 204 || status === 304 || request.method === 'HEAD'
    // What was not read of the body must not be taken for the next request.
    const closing = request.complete || isEmpty(request) ? {} : { connection: 'close' }
    response.writeHead(status, {
      ...(xml !== undefined && { 'content-type': 'application/xml' }),
      ...(isBare ? {} : { 'content-length': String(Buffer.byteLength(body ?? '')) }),
      ...headers,
      ...closing,
    })
    if (body !== undefined && !isBare) response.write(body)
    if ('connection' in closing && isInvited()) await drain(request)
    response.end()
  }

  async #fail(asked: S3Request, requestId: string, error: unknown): Promise<void> {
    const { request, response, exchange } = asked
    if (response.destroyed || response.writableFinished) return
    const failure = translateFailure(error, /[?&]versionId=/.test(request.url ?? ''))
    exchange.code = failure.code
    const fields = {
      method: request.method,
      path: splitUrl(request.url ?? '').path,
      code: failure.code,
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      requestId,
    }
    if (failure.status === 500) this.#options.log.error('s3 request failed', fields)
    if (failure.status === 503) this.#options.log.warn('s3 request put off', fields)
    if (response.headersSent) {
      this.#options.log.warn('s3 answer broken off', fields)
      response.destroy()
      return
    }
    await this.#send(asked, errorAnswer(failure, request, requestId))
  }
}

const isEmpty = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0

/** There is one account; who expects another one is in the wrong place. */
function checkOwner({ headers }: IncomingMessage): void {
  for (const name of ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner']) {
    const expected = headers[name]
    if (expected !== undefined && expected !== OWNER)
      throw new S3Error('AccessDenied', 'Access Denied: the bucket has another owner')
  }
}
