import {
  FRAME_HEADER_BYTES,
  frameBytes,
  type FrameHeader,
  hasHole,
  isCutShort,
  isUnwritten,
  readBody,
  readHeader,
  SECTOR_BYTES,
} from './wal-frame.ts'
import { SEGMENT_HEADER_BYTES } from './wal-segment.ts'

/** What a segment holds, in order. */
export type Finding =
  /** A frame whose header is sound; its body may not be. */
  | { readonly kind: 'frame'; readonly frame: FoundFrame }
  /** A place where a frame should stand and none can be recognised. */
  | { readonly kind: 'break'; readonly gap: Break }

export interface FoundFrame {
  readonly segment: number
  readonly position: number
  readonly endPosition: number
  readonly header: FrameHeader
  /** Undefined if it cannot be read; then `gap` says more. */
  readonly body: Uint8Array | undefined
  readonly gap: Break | undefined
}

export interface Break {
  readonly segment: number
  readonly position: number
  /** Of the frame that stands there, if that much is sound. */
  readonly header: FrameHeader | undefined
  /**
   * `blank`: nothing was written there since the segment began. `torn`: a write began and did not
   * get through. `rotten`: what was written there whole is not what it was.
   */
  readonly state: 'blank' | 'torn' | 'rotten'
  /** Whether more of this segment's own lies behind the frame with that header. */
  readonly isFollowed: boolean
}

/**
 * Reads the frames of a segment. After a break it goes on with the next frame whose header is sound
 * and whose sequence number can be right, if there is one.
 *
 * @param expected the sequence number that comes next; undefined if nothing is known
 */
export function* scanSegment(
  bytes: Uint8Array,
  { number, salt }: { number: number; salt: number },
  expected: number | undefined,
): Generator<Finding, void> {
  let next = expected
  let position = SEGMENT_HEADER_BYTES
  while (position < bytes.length) {
    const header = readHeader(bytes.subarray(position), salt)
    if (header !== undefined && header.sequence >= (next ?? 0)) {
      const frame = frameAt(bytes, { number, salt }, position, header)
      yield { kind: 'frame', frame }
      next = header.sequence + 1
      position = frame.body === undefined ? position + SECTOR_BYTES : frame.endPosition
      if (frame.body !== undefined) continue
    } else {
      yield { kind: 'break', gap: breakAt(bytes, { number, salt }, position) }
      position += SECTOR_BYTES
    }
    const later = findLater(bytes, salt, position, next)
    if (later === undefined) return
    position = later
  }
}

function frameAt(
  bytes: Uint8Array,
  { number, salt }: { number: number; salt: number },
  position: number,
  header: FrameHeader,
): FoundFrame {
  const endPosition = position + frameBytes(header.bodyBytes)
  const place = { segment: number, position, endPosition, header }
  const whole = bytes.subarray(position, endPosition)
  const isTorn = hasHole(whole, salt) || whole.length < endPosition - position
  const body = readBody(whole, salt, header)
  if (body !== undefined) return { ...place, body, gap: undefined }
  // A frame that was begun behind this one proves that this one was whole.
  const isFollowed = isWrittenBehind(bytes, salt, endPosition)
  const state = isTorn && !isFollowed ? 'torn' : 'rotten'
  return { ...place, body, gap: { segment: number, position, header, state, isFollowed } }
}

function breakAt(
  bytes: Uint8Array,
  { number, salt }: { number: number; salt: number },
  position: number,
): Break {
  const sector = bytes.subarray(position, position + SECTOR_BYTES)
  const state = isUnwritten(sector, salt) ? 'blank' : isCutShort(sector, salt) ? 'torn' : 'rotten'
  return { segment: number, position, header: undefined, state, isFollowed: false }
}

/** Whether anything of this segment's own lies at or after `position`. */
function isWrittenBehind(bytes: Uint8Array, salt: number, position: number): boolean {
  for (let at = position; at + SECTOR_BYTES <= bytes.length; at += SECTOR_BYTES) {
    if (!isUnwritten(bytes.subarray(at, at + SECTOR_BYTES), salt)) return true
  }
  return false
}

/** Where the next sound header stands. Frames fill sectors, so their numbers cannot run ahead. */
function findLater(
  bytes: Uint8Array,
  salt: number,
  from: number,
  next: number | undefined,
): number | undefined {
  for (let at = from; at < bytes.length; at += SECTOR_BYTES) {
    const header = readHeader(bytes.subarray(at, at + FRAME_HEADER_BYTES), salt)
    if (header === undefined) continue
    const ahead = header.sequence - (next ?? header.sequence)
    if (ahead >= 0 && ahead <= (at - from) / SECTOR_BYTES + 1) return at
  }
  return undefined
}
