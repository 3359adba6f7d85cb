/**
 * Signature Version 4: an HMAC over the request as both sides see it.
 *
 *     canonical request:  method, path, query, signed headers, their names, payload word
 *     string to sign:     algorithm, moment, scope, SHA-256 of the canonical request
 *     signing key:        HMAC over date, region, service and `aws4_request`, one by one
 *
 * Strings are Latin-1 here, one character a byte, as Node shows headers.
 */
import { createHash, createHmac, hash, timingSafeEqual } from 'node:crypto'

import type { Query } from './target.ts'

export const ALGORITHM = 'AWS4-HMAC-SHA256'
const TERMINATOR = 'aws4_request'
const SIGNING_KEYS_MAX = 1000
export const EMPTY_SHA256: string = createHash('sha256').update('').digest('hex')

/** What a key signs for: one day, one region. */
export interface Scope {
  /** `20261120`. */
  readonly date: string
  readonly region: string
  readonly service: string
}

export interface CanonicalRequest {
  readonly method: string
  readonly path: string
  readonly query: Query
  /** Name, lower case, and value; every signed one, sorted by name. */
  readonly headers: readonly (readonly [string, string])[]
  readonly payload: string
}

export const scopeText = ({ date, region, service }: Scope): string =>
  `${date}/${region}/${service}/${TERMINATOR}`

/** What is signed of a request that was made at `moment`, e.g. `20261120T203200Z`. */
export function stringToSign(request: CanonicalRequest, moment: string, scope: Scope): string {
  const digest = hash('sha256', Buffer.from(canonicalText(request), 'latin1'), 'hex')
  return [ALGORITHM, moment, scopeText(scope), digest].join('\n')
}

function canonicalText({ method, path, query, headers, payload }: CanonicalRequest): string {
  const lines = headers.map(([name, value]) => `${name}:${canonicalValue(value)}\n`).join('')
  const names = headers.map(([name]) => name).join(';')
  return [method, path, canonicalQuery(query), lines, names, payload].join('\n')
}

const canonicalValue = (value: string): string => value.trim().replaceAll(/[ \t]+/g, ' ')

const canonicalQuery = ({ pairs }: Query): string =>
  pairs
    .filter(({ name }) => name !== 'X-Amz-Signature')
    .map(({ encodedName, encodedValue }) => [encodedName, encodedValue] as const)
    .toSorted((a, b) => order(a[0], b[0]) || order(a[1], b[1]))
    .map(pair => pair.join('='))
    .join('&')

/** By bytes; what is encoded is ASCII. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const sign = (key: Uint8Array, text: string): string =>
  createHmac('sha256', key).update(text, 'latin1').digest('hex')

/** Neither time nor length tells how much of it was right. */
export function isSame(signature: string, expected: string): boolean {
  const [a, b] = [signature, expected].map(text => hash('sha256', text, 'buffer'))
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}

/** Signing keys by day, region and secret: four HMACs saved per request. Bounded, the oldest goes. */
export class SigningKeys {
  readonly #keys = new Map<string, Uint8Array>()

  get(keyId: string, secret: string, scope: Scope): Uint8Array {
    const name = `${keyId}/${scopeText(scope)}/${hash('sha256', secret)}`
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const made = signingKey(secret, scope)
    const oldest = this.#keys.keys().next()
    if (this.#keys.size >= SIGNING_KEYS_MAX && oldest.done !== true) this.#keys.delete(oldest.value)
    this.#keys.set(name, made)
    return made
  }
}

const signingKey = (secret: string, { date, region, service }: Scope): Uint8Array =>
  [date, region, service, TERMINATOR].reduce<Uint8Array>(
    (key, text) => createHmac('sha256', key).update(text).digest(),
    Buffer.from(`AWS4${secret}`),
  )
