/**
 * What a request says its body is, by headers or by a trailer, and whether it was. Bytes are
 * counted and hashed as they pass; nothing is committed before everything said has come true.
 */
import { Buffer } from 'node:buffer'
import { createHash, type Hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

import {
  algorithmNamed,
  type ChecksumAlgorithm,
  checksumAlgorithms,
  isDigest,
  type RunningChecksum,
  startChecksum,
} from './checksum.ts'
import { S3Error } from './s3-error.ts'

const PREFIX = 'x-amz-checksum-'

export interface Declared {
  readonly md5: string | undefined
  /** Hexadecimal, of a body that is signed as a whole. */
  readonly sha256: string | undefined
  readonly sizeBytes: number | undefined
  readonly checksum: DeclaredChecksum | undefined
}

interface DeclaredChecksum {
  readonly algorithm: ChecksumAlgorithm
  /** Undefined if it comes in the trailer, or is wanted and not given. */
  readonly digest: string | undefined
  readonly isTrailing: boolean
}

/**
 * What headers say.
 * @param payload the word in `x-amz-content-sha256`
 * @throws {S3Error} `InvalidDigest`, `InvalidRequest`, `InvalidArgument`
 */
export function declaredIn(headers: IncomingHttpHeaders, payload: string | undefined): Declared {
  return {
    md5: md5In(headers['content-md5']),
    sha256: sha256In(payload),
    sizeBytes: sizeIn(headers),
    checksum: checksumIn(headers),
  }
}

function md5In(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const bytes = Buffer.from(header.toString(), 'base64')
  if (bytes.length === 16 && bytes.toString('base64') === header) return bytes.toString('hex')
  throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid')
}

function sha256In(payload: string | undefined): string | undefined {
  if (payload === undefined || !/^[\da-fA-F]{64}$/.test(payload)) return undefined
  return payload.toLowerCase()
}

/** Of the bytes themselves, without the framing of chunks. */
function sizeIn(headers: IncomingHttpHeaders): number | undefined {
  const text = headers['x-amz-decoded-content-length']?.toString() ?? headers['content-length']
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text))
    throw new S3Error('InvalidArgument', 'The length of the content is no number')
  return Number(text)
}

function checksumIn(headers: IncomingHttpHeaders): DeclaredChecksum | undefined {
  const given = checksumAlgorithms.flatMap(algorithm => {
    const digest = headers[`${PREFIX}${algorithm}`]?.toString()
    return digest === undefined ? [] : [{ algorithm, digest, isTrailing: false }]
  })
  const trailing = trailingIn(headers['x-amz-trailer']?.toString())
  const all = [...given, ...trailing]
  if (all.length > 1)
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header')
  const [found] = all
  if (found?.digest !== undefined && !isDigest(found.algorithm, found.digest))
    throw malformedValue(found.algorithm)
  return found ?? wantedIn(headers)
}

function trailingIn(trailer: string | undefined): readonly DeclaredChecksum[] {
  const names = (trailer ?? '').split(',').map(name => name.trim().toLowerCase())
  return names
    .filter(name => name.startsWith(PREFIX))
    .map(name => {
      const algorithm = algorithmNamed(name.slice(PREFIX.length))
      if (algorithm !== undefined) return { algorithm, digest: undefined, isTrailing: true }
      throw new S3Error(
        'InvalidRequest',
        'The value specified in the x-amz-trailer header is not supported',
      )
    })
}

/** An algorithm named without a value: it is computed here. */
function wantedIn(headers: IncomingHttpHeaders): DeclaredChecksum | undefined {
  const name = headers['x-amz-sdk-checksum-algorithm']?.toString()
  if (name === undefined) return undefined
  const algorithm = algorithmNamed(name)
  if (algorithm === undefined)
    throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported')
  return { algorithm, digest: undefined, isTrailing: false }
}

const malformedValue = (algorithm: ChecksumAlgorithm): S3Error =>
  new S3Error('InvalidRequest', `Value for ${PREFIX}${algorithm} header is invalid`)

/** Looks at the bytes of one body. */
export class Inspection {
  readonly #declared: Declared
  readonly #sha256: Hash | undefined
  readonly #checksum: RunningChecksum | undefined
  #sizeBytes = 0
  #trailer: ReadonlyMap<string, string> = new Map()

  static async start(declared: Declared, fallback?: ChecksumAlgorithm): Promise<Inspection> {
    const algorithm = declared.checksum?.algorithm ?? fallback
    const running = algorithm === undefined ? undefined : await startChecksum(algorithm)
    const checksum =
      declared.checksum ??
      (algorithm && { algorithm, digest: undefined, isTrailing: false as const })
    return new Inspection({ ...declared, checksum }, running)
  }

  private constructor(declared: Declared, checksum: RunningChecksum | undefined) {
    this.#declared = declared
    this.#checksum = checksum
    this.#sha256 = declared.sha256 === undefined ? undefined : createHash('sha256')
  }

  /** Passes bytes on, and ends with an error if they are fewer or more than was said. */
  async *watch(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { sizeBytes = Number.POSITIVE_INFINITY } = this.#declared
    for await (const bytes of source) {
      this.#sizeBytes += bytes.length
      if (this.#sizeBytes > sizeBytes) throw incomplete()
      this.#sha256?.update(bytes)
      this.#checksum?.update(bytes)
      yield bytes
    }
    if (this.#declared.sizeBytes !== undefined && this.#sizeBytes < sizeBytes) throw incomplete()
  }

  onTrailer(trailer: ReadonlyMap<string, string>): void {
    this.#trailer = trailer
  }

  /**
   * To be called once all bytes have passed: the checksum to be stored, by its algorithm.
   * @param md5 of the bytes, hexadecimal
   * @throws {S3Error} `BadDigest`, `XAmzContentSHA256Mismatch`, `InvalidRequest`
   */
  conclude(md5: string): Readonly<Record<string, string>> {
    const { md5: expected, sha256, checksum } = this.#declared
    if (expected !== undefined && expected !== md5) throw badDigest('Content-MD5')
    if (this.#sha256 !== undefined && this.#sha256.digest('hex') !== sha256)
      throw new S3Error(
        'XAmzContentSHA256Mismatch',
        "The provided 'x-amz-content-sha256' header does not match what was computed",
      )
    if (checksum === undefined || this.#checksum === undefined) return {}
    const { algorithm } = checksum
    const digest = this.#checksum.digest()
    const said = checksum.isTrailing ? this.#trailing(algorithm) : checksum.digest
    if (said !== undefined && said !== digest) throw badDigest(algorithm.toUpperCase())
    return { [algorithm]: digest }
  }

  #trailing(algorithm: ChecksumAlgorithm): string {
    const digest = this.#trailer.get(`${PREFIX}${algorithm}`)
    if (digest === undefined)
      throw new S3Error('InvalidRequest', `The trailer lacks ${PREFIX}${algorithm}`)
    if (!isDigest(algorithm, digest)) throw malformedValue(algorithm)
    return digest
  }
}

const badDigest = (what: string): S3Error =>
  new S3Error('BadDigest', `The ${what} you specified did not match the calculated checksum`)

const incomplete = (): S3Error =>
  new S3Error(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length',
  )
