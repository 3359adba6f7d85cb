import { createHash } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, equals } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { decodeFragmentId, encodeFragmentId, type FragmentId } from '../../erasure/fragment-id.ts'
import { DIGEST_BYTES, type HashAlgorithm } from '../../erasure/hash.ts'
import { SEGMENT_BYTES, segmentLayout, segmentScheme } from '../../erasure/layout.ts'
import { checkScheme, type Scheme } from '../../erasure/scheme.ts'
import { sealedBytes, segmentSizes, TAG_BYTES } from '../../erasure/sealing.ts'
import { WRAPPED_KEY_BYTES } from '../coder/data-key.ts'
import type { StoredSegment } from '../coder/decode-stream.ts'
import { NONCE_PREFIX_BYTES } from '../coder/unit-cipher.ts'

/**
 * A fragment of an object as a file of its own, `NAME.2-of-6.hf`. Any k of an object's files are
 * enough to restore it; each says all there is to know about the whole, and can be told from a
 * damaged, a foreign or a renamed one. Integers are little-endian.
 *
 *     header     36   magic (8) ‖ object id (16, random) ‖ index u32 ‖ k u32 ‖ m u32
 *     segment 0       cells of this fragment ‖ their leaves, 32 bytes each (erasure/leaves.ts)
 *     segment 1       …
 *     manifest        the same bytes in all files of the object, see `Manifest`
 *     footer     44   size of the manifest u32 ‖ sha2-256 of header and manifest (32) ‖ magic (8)
 *
 * Every bit is accounted for: header, manifest and footer by the digest, leaves by the roots in the
 * manifest, cells by their leaves. What a program does not know while it writes comes last, so that
 * a file is written from front to back. A segment of at most 64 KiB is kept as m + 1 copies, by the
 * first m + 1 files; the others skip it.
 */
export interface FragmentHeader extends Scheme {
  /** 16 bytes. */
  readonly objectId: Uint8Array
  readonly index: number
}

/**
 *     version u8 = 1 ‖ k u32 ‖ m u32 ‖ size of the object u64 ‖ object id (16)
 *     ‖ encryption u8: 0 none; 1 AES-256-GCM, then nonce prefix (7) ‖ wrapped key (60)
 *     ‖ hash tag u8 ‖ for each segment the roots of its fragments, 32 bytes each
 */
export interface Manifest extends Scheme {
  readonly plainBytes: number
  readonly objectId: Uint8Array
  /** Undefined if the object is not encrypted. */
  readonly encryption: { noncePrefix: Uint8Array; wrappedKey: Uint8Array } | undefined
  readonly segments: readonly StoredSegment[]
}

export const HEADER_BYTES = 36
export const FOOTER_BYTES = 44
export const OBJECT_ID_BYTES = 16
/** 6 TB of object with 4 + 2 fragments. */
export const MANIFEST_BYTES_MAX = 67_108_864

/** Not text, and spoilt by whatever changes the ends of lines, as in PNG. */
const MAGIC = Uint8Array.of(0x89, 0x48, 0x46, 0x31, 0x0d, 0x0a, 0x1a, 0x0a)
const VERSION = 1
const NOT_ENCRYPTED = 0
const AES_256_GCM = 1
const TAG_AT = 2

export const fragmentFileName = (name: string, index: number, count: number): string =>
  `${name}.${index}-of-${count}.hf`

/** What the name of a file says about its content, if it has not been renamed. */
export function indexInName(fileName: string): number | undefined {
  const [, index] = /\.(\d{1,3})-of-\d{1,3}\.hf$/.exec(fileName) ?? []
  return index === undefined ? undefined : Number(index)
}

/** What a unit of an encrypted object, and its wrapped key, are bound to. */
export const associatedDataOf = (objectId: Uint8Array): Uint8Array =>
  concat([Uint8Array.of(AES_256_GCM), objectId])

export function encodeHeader({ objectId, index, k, m }: FragmentHeader): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(HEADER_BYTES, HEADER_BYTES)
  writer.fixed(MAGIC)
  writer.fixed(objectId)
  for (const number of [index, k, m]) writer.u32(number)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED` if this is no header */
export function decodeHeader(bytes: Uint8Array): FragmentHeader {
  const reader = new BinaryReader(bytes)
  if (!equals(reader.fixed(MAGIC.length), MAGIC)) throw malformed('header', 0)
  const objectId = reader.fixed(OBJECT_ID_BYTES).slice()
  const [index, k, m] = [reader.u32(), reader.u32(), reader.u32()]
  reader.end()
  return { objectId, index, k, m }
}

export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const { k, m, plainBytes, objectId, encryption, segments } = manifest
  const writer = new BinaryWriter(MANIFEST_BYTES_MAX)
  writer.u8(VERSION)
  writer.u32(k)
  writer.u32(m)
  writer.u64(plainBytes)
  writer.fixed(objectId)
  writer.u8(encryption === undefined ? NOT_ENCRYPTED : AES_256_GCM)
  if (encryption !== undefined) {
    writer.fixed(encryption.noncePrefix)
    writer.fixed(encryption.wrappedKey)
  }
  const first = segments[0]?.fragments[0]
  writer.u8(first === undefined ? 0 : (encodeFragmentId(first)[TAG_AT] as number))
  for (const { fragments } of segments) for (const { digest } of fragments) writer.fixed(digest)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `INVALID_SCHEME`, `HASH_UNKNOWN` */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== VERSION) throw malformed('manifest version', 0)
  const scheme = { k: reader.u32(), m: reader.u32() }
  checkScheme(scheme)
  const plainBytes = reader.u64()
  const objectId = reader.fixed(OBJECT_ID_BYTES).slice()
  const encryption = decodeEncryption(reader)
  const tag = reader.u8()
  const tagBytes = encryption === undefined ? 0 : TAG_BYTES
  const digestsAt = reader.offset
  // Checked before anything is allocated by a size that nobody vouches for.
  if ((plainBytes / SEGMENT_BYTES) * DIGEST_BYTES > reader.remaining)
    throw malformed('manifest', digestsAt)
  const algorithm = plainBytes === 0 ? 'blake3' : algorithmOf(tag)
  const segments = segmentSizes(plainBytes, tagBytes).map(lengthBytes => {
    const { k, m } = segmentScheme(scheme, lengthBytes)
    const fragments = Array.from({ length: k + m }, () => ({
      algorithm,
      digest: reader.fixed(DIGEST_BYTES).slice(),
    }))
    return { k, fragments }
  })
  reader.end()
  return { ...scheme, plainBytes, objectId, encryption, segments }
}

/** The last bytes of a file: `manifest`, and the footer over it and the header. */
export function encodeEnd(header: Uint8Array, manifest: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(manifest.length + FOOTER_BYTES, manifest.length + FOOTER_BYTES)
  writer.fixed(manifest)
  writer.u32(manifest.length)
  writer.fixed(checkOf(header, manifest))
  writer.fixed(MAGIC)
  return writer.finish()
}

export interface FragmentFooter {
  readonly manifestBytes: number
  readonly check: Uint8Array
}

/** @throws {HoldfastError} `MALFORMED` if this is no footer: the file was cut or goes on */
export function decodeFooter(bytes: Uint8Array): FragmentFooter {
  const reader = new BinaryReader(bytes)
  const manifestBytes = reader.u32()
  const check = reader.fixed(DIGEST_BYTES)
  if (!equals(reader.fixed(MAGIC.length), MAGIC)) throw malformed('footer', 0)
  reader.end()
  if (manifestBytes > MANIFEST_BYTES_MAX) throw malformed('footer', 0)
  return { manifestBytes, check }
}

/** What the footer has to say of this header and manifest. */
export const checkOf = (header: Uint8Array, manifest: Uint8Array): Uint8Array =>
  createHash('sha256').update(header).update(manifest).digest()

/** Where a segment's cells and leaves lie in the file of one of its fragments. */
export interface SegmentPlace {
  readonly cellsAt: number
  readonly leavesAt: number
  readonly leavesBytes: number
}

export function segmentPlace(
  manifest: Pick<Manifest, 'plainBytes' | 'encryption' | 'k' | 'm'>,
  segment: number,
): SegmentPlace {
  const full = segmentLayout(manifest.k, SEGMENT_BYTES)
  const cellsAt = HEADER_BYTES + segment * (full.fragmentBytes + full.stripes * DIGEST_BYTES)
  const tagBytes = manifest.encryption === undefined ? 0 : TAG_BYTES
  const rest = sealedBytes(manifest.plainBytes, tagBytes) - segment * SEGMENT_BYTES
  const lengthBytes = Math.min(SEGMENT_BYTES, rest)
  const { k } = segmentScheme(manifest, lengthBytes)
  const layout = segmentLayout(k, lengthBytes)
  const leavesAt = cellsAt + layout.fragmentBytes
  return { cellsAt, leavesAt, leavesBytes: layout.stripes * DIGEST_BYTES }
}

/** Where the manifest starts in a file, which tells whether bytes are missing or too many. */
export function manifestPlace(manifest: Manifest, index: number): number {
  const { segments } = manifest
  const last = segments.findLastIndex(({ fragments }) => index < fragments.length)
  if (last < 0) return HEADER_BYTES
  const { leavesAt, leavesBytes } = segmentPlace(manifest, last)
  return leavesAt + leavesBytes
}

function decodeEncryption(reader: BinaryReader): Manifest['encryption'] {
  const offset = reader.offset
  const kind = reader.u8()
  if (kind === NOT_ENCRYPTED) return undefined
  if (kind !== AES_256_GCM) throw malformed('encryption', offset)
  return {
    noncePrefix: reader.fixed(NONCE_PREFIX_BYTES).slice(),
    wrappedKey: reader.fixed(WRAPPED_KEY_BYTES).slice(),
  }
}

/** Reads the tag as part of the id it is taken from. */
function algorithmOf(tag: number): HashAlgorithm {
  const id: FragmentId = { algorithm: 'blake3', digest: new Uint8Array(DIGEST_BYTES) }
  const bytes = encodeFragmentId(id)
  bytes[TAG_AT] = tag
  return decodeFragmentId(bytes).algorithm
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode a fragment file: no ${what}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
