import { concat } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { BLOB_ID_BYTES, CONTENT_ID_BYTES } from '../../catalog/tables.ts'

/**
 * Under which name a peer holds a fragment: that of its segment, and which generation of it.
 *
 *     | content, 16 bytes | blob, 8 bytes | segment u32be | generation u8 |
 *
 * Where the content stands the sealed header says (`origin-seal.ts`); with both, the peer's
 * collector can ask the catalog whether the fragment is listed.
 */
export interface SegmentReference {
  readonly content: Uint8Array
  readonly blob: Uint8Array
  readonly segment: number
  readonly generation: number
}

const IDS_BYTES: number = CONTENT_ID_BYTES + BLOB_ID_BYTES
const REFERENCE_BYTES = IDS_BYTES + 5

export function encodeReference(reference: SegmentReference): Uint8Array {
  const { content, blob, segment, generation } = reference
  const tail = new Uint8Array(5)
  new DataView(tail.buffer).setUint32(0, segment)
  tail[4] = generation
  return concat([content, blob, tail])
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeReference(bytes: Uint8Array): SegmentReference {
  if (bytes.length !== REFERENCE_BYTES) {
    const details = { code: 'MALFORMED', what: 'segment reference', offset: bytes.length } as const
    throw new HoldfastError('Cannot decode the reference of a fragment: wrong length', details)
  }
  return {
    content: bytes.slice(0, CONTENT_ID_BYTES),
    blob: bytes.slice(CONTENT_ID_BYTES, IDS_BYTES),
    segment: new DataView(bytes.buffer, bytes.byteOffset + IDS_BYTES).getUint32(0),
    generation: bytes[REFERENCE_BYTES - 1] as number,
  }
}
