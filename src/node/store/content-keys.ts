import { createHmac } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { concat, fromUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { createUnitKey, unwrapKey, WRAPPED_KEY_BYTES, wrapKey } from '../coder/data-key.ts'
import { NONCE_PREFIX_BYTES, type UnitKey } from '../coder/unit-cipher.ts'

/**
 * Keys of blobs. Each write attempt draws its own; it is stored beside the object as an envelope,
 * under the network's key or the one a caller brings:
 *
 *     | version u8 | whose key u8 | nonce prefix, 7 bytes | wrapped data key, 60 bytes |
 *
 * Envelope and units are bound to the blob: another blob's are of no use in its place.
 */
export interface BlobName {
  readonly content: Uint8Array
  readonly blob: Uint8Array
}

const VERSION = 1
const owners = ['network', 'caller'] as const
type KeyOwner = (typeof owners)[number]

export class ContentKeys {
  readonly #network: Uint8Array
  readonly #secrets: (size: number) => Uint8Array

  /** @param networkKey 32 bytes, of which this and nothing else is derived under its purpose */
  constructor(networkKey: Uint8Array, secrets: (size: number) => Uint8Array) {
    this.#network = createHmac('sha256', networkKey).update('holdfast data keys').digest()
    this.#secrets = secrets
  }

  /** A new key, and its envelope. @param own 32 bytes of the caller's, instead of the network's */
  create(name: BlobName, own?: Uint8Array): { key: UnitKey; envelope: Uint8Array } {
    const bound = boundTo(name)
    const key = createUnitKey(bound, this.#secrets)
    const wrapped = wrapKey(own ?? this.#network, key.key, bound, this.#secrets)
    const head = Uint8Array.of(VERSION, owners.indexOf(own === undefined ? 'network' : 'caller'))
    return { key, envelope: concat([head, key.noncePrefix, wrapped]) }
  }

  /** @throws {HoldfastError} `KEY_NEEDED`, `KEY_WRONG`, `MALFORMED` */
  open(name: BlobName, envelope: Uint8Array, own?: Uint8Array): UnitKey {
    const { owner, noncePrefix, wrapped } = decode(envelope)
    if (owner === 'caller' && own === undefined) throw keyNeeded()
    const wrapping = owner === 'caller' && own !== undefined ? own : this.#network
    const associatedData = boundTo(name)
    return { key: unwrapKey(wrapping, wrapped, associatedData), noncePrefix, associatedData }
  }
}

function decode(envelope: Uint8Array): {
  owner: KeyOwner
  noncePrefix: Uint8Array
  wrapped: Uint8Array
} {
  const reader = new BinaryReader(envelope)
  const version = reader.u8()
  const owner = owners[reader.u8()]
  if (version !== VERSION || owner === undefined) {
    const details = { code: 'MALFORMED', what: 'envelope', offset: 0 } as const
    throw new HoldfastError('Cannot open an envelope: unknown version', details)
  }
  const noncePrefix = reader.fixed(NONCE_PREFIX_BYTES).slice()
  const wrapped = reader.fixed(WRAPPED_KEY_BYTES).slice()
  reader.end()
  return { owner, noncePrefix, wrapped }
}

const boundTo = ({ content, blob }: BlobName): Uint8Array =>
  concat([fromUtf8('holdfast blob 1\0'), content, blob])

const keyNeeded = (): HoldfastError =>
  new HoldfastError('Cannot read: the object is encrypted under a key of its own', {
    code: 'KEY_NEEDED',
  })
