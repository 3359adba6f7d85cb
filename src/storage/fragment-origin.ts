import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import { NETWORK_ID_BYTES } from './fragment-record.ts'

/**
 * Where a fragment belongs. Every fragment carries this, so that a catalog whose voters are all lost
 * can be rebuilt from the fragments alone. The store never reads it: it is encrypted with the
 * network key, nonce and tag included, into at most `SEALED_BYTES_MAX` bytes.
 *
 *     | version u8 | network, 32 bytes | bucket | key | version | objectBytes | objectSegments |
 *     | segment | segmentBytes | k u8 | m u8 | index u8 | envelope |
 *
 * Numbers are varints, strings and byte strings stand behind their length.
 */
export interface FragmentOrigin {
  readonly networkId: Uint8Array
  readonly bucket: string
  readonly key: string
  /** Which version of the object. */
  readonly version: string
  readonly objectBytes: number
  readonly objectSegments: number
  /** Which segment of the object. */
  readonly segment: number
  readonly segmentBytes: number
  readonly k: number
  readonly m: number
  /** Which fragment of the segment. */
  readonly index: number
  /** The object's data key, encrypted by its owner. */
  readonly envelope: Uint8Array
}

const VERSION = 1
const BUCKET_BYTES_MAX = 63
const KEY_BYTES_MAX = 1_024
const VERSION_BYTES_MAX = 64
const ENVELOPE_BYTES_MAX = 512
/** Leaves room for nonce and tag. */
const ORIGIN_BYTES_MAX = 2_000

/** @throws {HoldfastError} `TOO_LARGE` */
export function encodeOrigin(origin: FragmentOrigin): Uint8Array {
  const writer = new BinaryWriter(ORIGIN_BYTES_MAX)
  writer.u8(VERSION)
  writer.fixed(origin.networkId)
  writer.string(origin.bucket)
  writer.string(origin.key)
  writer.string(origin.version)
  writer.varint(origin.objectBytes)
  writer.varint(origin.objectSegments)
  writer.varint(origin.segment)
  writer.varint(origin.segmentBytes)
  writer.u8(origin.k)
  writer.u8(origin.m)
  writer.u8(origin.index)
  writer.bytes(origin.envelope)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeOrigin(bytes: Uint8Array): FragmentOrigin {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== VERSION) {
    const details = { code: 'MALFORMED', what: 'fragment origin', offset: 0 } as const
    throw new HoldfastError('Cannot decode a fragment origin: unknown version', details)
  }
  const origin = {
    networkId: reader.fixed(NETWORK_ID_BYTES).slice(),
    bucket: reader.string(BUCKET_BYTES_MAX),
    key: reader.string(KEY_BYTES_MAX),
    version: reader.string(VERSION_BYTES_MAX),
    objectBytes: reader.varint(),
    objectSegments: reader.varint(),
    segment: reader.varint(),
    segmentBytes: reader.varint(),
    k: reader.u8(),
    m: reader.u8(),
    index: reader.u8(),
    envelope: reader.bytes(ENVELOPE_BYTES_MAX).slice(),
  }
  reader.end()
  return origin
}
