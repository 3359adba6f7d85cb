/**
 * An access key: a name that may be known, and a secret that signs. Signatures are checked by making
 * them again, so a secret must be kept, not just its hash: it lies in the replicated map encrypted
 * under a key of the network that only full members have, bound to its own name.
 *
 *     keys/<id>    JSON; `secret` is base64 of nonce (12) ‖ AES-256-GCM ‖ tag (16)
 */
import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

import { HoldfastError } from '../../base/errors.ts'
import { type Right, rightsIn } from './rights.ts'

export interface AccessKey {
  readonly id: string
  readonly name: string
  readonly createdMs: number
  readonly rights: readonly Right[]
  readonly secret: string
}

/** What may be shown of a key, ever. */
export type AccessKeyView = Omit<AccessKey, 'secret'>

export const KEYS_PREFIX = 'keys/'
const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const ID_CHARS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const ID_RANDOM_CHARS = 18
/** Forty characters, as many as clients expect. */
const SECRET_BYTES = 30

/** A name nobody else draws. */
export const drawId = (): string =>
  `HF${[...randomBytes(ID_RANDOM_CHARS)].map(byte => ID_CHARS[byte % ID_CHARS.length]).join('')}`

export const drawSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url')

export const isKeyId = (id: string): boolean => /^[\w.-]{3,128}$/.test(id)

export const viewOf = ({ id, name, createdMs, rights }: AccessKey): AccessKeyView => ({
  id,
  name,
  createdMs,
  rights,
})

/** As it lies in the map. */
export function encodeAccessKey(key: AccessKey, wrapping: Uint8Array): Uint8Array {
  const { secret, ...view } = key
  const sealed = Buffer.from(seal(secret, key.id, wrapping)).toString('base64')
  return Buffer.from(JSON.stringify({ version: 1, ...view, secret: sealed }))
}

/** @throws {HoldfastError} `MALFORMED`, `KEY_WRONG` */
export function decodeAccessKey(bytes: Uint8Array, wrapping: Uint8Array): AccessKey {
  const record = recordIn(bytes)
  const { id, name, createdMs, secret } = record
  if (record['version'] !== 1 || typeof id !== 'string' || typeof name !== 'string')
    throw malformed()
  if (typeof createdMs !== 'number' || typeof secret !== 'string') throw malformed()
  const rights = rightsIn(record['rights'])
  return { id, name, createdMs, rights, secret: unseal(secret, id, wrapping) }
}

/** The same without its secret, for whoever only looks. */
export function decodeView(bytes: Uint8Array): AccessKeyView {
  const { id, name, createdMs, rights } = recordIn(bytes)
  if (typeof id !== 'string' || typeof name !== 'string' || typeof createdMs !== 'number')
    throw malformed()
  return { id, name, createdMs, rights: rightsIn(rights) }
}

function recordIn(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // No JSON is no record either.
  }
  throw malformed()
}

function seal(secret: string, id: string, wrapping: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, wrapping, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(id))
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()])
}

function unseal(sealed: string, id: string, wrapping: Uint8Array): string {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw malformed()
  try {
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const decipher = createDecipheriv(ALGORITHM, wrapping, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(id))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const secret = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([secret, decipher.final()]).toString('utf8')
  } catch (cause) {
    const details = { code: 'KEY_WRONG' } as const
    throw new HoldfastError(`Cannot read access key ${id}: another key sealed it`, details, {
      cause,
    })
  }
}

const malformed = (): HoldfastError =>
  new HoldfastError('Cannot read an access key: its record is damaged', {
    code: 'MALFORMED',
    what: 'access key',
    offset: 0,
  })
