/**
 * What a request is about: bucket, key and query, out of the raw path and the Host header. A URL
 * parser folds `..`, `//` and `\`, which are legal in keys, and what it folds is no longer what was
 * signed. Here the path is split first and each piece decoded once; keys are any UTF-8 without
 * control characters, for XML could not name those.
 */
import { Buffer } from 'node:buffer'

import { S3Error } from './s3-error.ts'

const KEY_BYTES_MAX = 1024
const QUERY_PAIRS_MAX = 100

export interface Target {
  readonly bucket: string | undefined
  readonly key: string | undefined
  readonly query: Query
  /** Of the whole path, as bytes and encoded anew: what is signed. */
  readonly canonicalPath: string
}

/** The pairs of a query, decoded and as bytes encoded anew. */
export class Query {
  readonly pairs: readonly QueryPair[]
  readonly #values: ReadonlyMap<string, string>

  constructor(pairs: readonly QueryPair[]) {
    this.pairs = pairs
    // The first of a name counts.
    this.#values = new Map(pairs.map(({ name, value }) => [name, value] as const).toReversed())
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  get(name: string): string | undefined {
    return this.#values.get(name)
  }

  /** Whether there are two of the same name. */
  get hasTwins(): boolean {
    return this.#values.size < this.pairs.length
  }
}

export interface QueryPair {
  readonly name: string
  readonly value: string
  readonly encodedName: string
  readonly encodedValue: string
}

/**
 * @param domains names under which buckets are hosts, such as `s3.example.org`
 * @throws {S3Error} `InvalidURI`, `KeyTooLongError`
 */
export function targetOf(url: string, host: string, domains: readonly string[]): Target {
  const { path, query } = splitUrl(url)
  const segments = path.split('/').slice(1)
  const canonicalPath = `/${segments.map(segment => encode(bytesIn(segment))).join('/')}`
  const hosted = hostedBucket(host, domains)
  const [first = '', ...rest] = hosted === undefined ? segments : [hosted, ...segments]
  const bucket = first === '' ? undefined : textIn(first)
  const key = rest.join('/')
  if (bucket === undefined && key !== '') throw invalid('The path has no bucket')
  return {
    bucket,
    key: key === '' ? undefined : checkKey(textIn(key)),
    query: queryIn(query),
    canonicalPath,
  }
}

/** Path and query of a request line; a proxy's absolute form loses its host. */
export function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const local = /^https?:\/\/[^/?]*/i.exec(url)?.[0] ?? ''
  const rest = url.slice(local.length)
  const at = rest.indexOf('?')
  const path = at < 0 ? rest : rest.slice(0, at)
  return { path: path === '' ? '/' : path, query: at < 0 ? '' : rest.slice(at + 1) }
}

/** The bucket in a host name: what stands before one of our domains. */
export function hostedBucket(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const domain = domains.find(each => name.endsWith(`.${each}`))
  return domain === undefined ? undefined : name.slice(0, -domain.length - 1)
}

function queryIn(query: string): Query {
  const pairs = query.split('&').filter(pair => pair !== '')
  if (pairs.length > QUERY_PAIRS_MAX) throw invalid('The query has too many parameters')
  return new Query(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      const name = at < 0 ? pair : pair.slice(0, at)
      const value = at < 0 ? '' : pair.slice(at + 1)
      return {
        name: textIn(name),
        value: textIn(value),
        encodedName: encode(bytesIn(name)),
        encodedValue: encode(bytesIn(value)),
      }
    }),
  )
}

/** @throws {S3Error} `KeyTooLongError`, `InvalidURI` */
export function checkKey(key: string): string {
  const size = Buffer.byteLength(key)
  if (size > KEY_BYTES_MAX)
    throw new S3Error('KeyTooLongError', 'Your key is too long', {
      fields: { Size: String(size), MaxSizeAllowed: String(KEY_BYTES_MAX) },
    })
  if (/\p{Cc}|\uFFFE|\uFFFF/u.test(key)) throw invalid('The key holds control characters')
  return key
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {S3Error} `InvalidURI` for what is no UTF-8 */
function textIn(encoded: string): string {
  try {
    return utf8.decode(bytesIn(encoded))
  } catch (error) {
    if (error instanceof S3Error) throw error
    throw invalid('The URI is not UTF-8')
  }
}

/** Percent-decoded once. Node shows the bytes of a request line as Latin-1. */
function bytesIn(encoded: string): Uint8Array {
  if (!encoded.includes('%')) return Buffer.from(encoded, 'latin1')
  if (/%(?![\dA-Fa-f]{2})/.test(encoded)) throw invalid('The URI is not percent-encoded')
  const decoded = encoded.replaceAll(/%([\dA-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  )
  return Buffer.from(decoded, 'latin1')
}

const encodedBytes = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  const hexadecimal = byte.toString(16).toUpperCase().padStart(2, '0')
  return /[\w.~-]/.test(character) ? character : `%${hexadecimal}`
})

/** As RFC 3986 has it: everything but letters, digits and `-._~`. */
function encode(bytes: Uint8Array): string {
  let encoded = ''
  for (const byte of bytes) encoded += encodedBytes[byte]
  return encoded
}

/** A text as it stands in the path of a URL. */
export const encodeUri = (text: string): string => encode(Buffer.from(text, 'utf8'))

const invalid = (why: string): S3Error => new S3Error('InvalidURI', why)
