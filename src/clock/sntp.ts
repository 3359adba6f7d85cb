import { assert } from '../base/assert.ts'

/**
 * The 48 bytes of NTP version 4 (RFC 5905), as far as a client needs them:
 *
 *      0  leap (2 bits) | version (3) | mode (3)      1  stratum    2  poll    3  precision
 *      4  root delay, 16.16 s       8  root dispersion, 16.16 s    12  reference id
 *     16  reference time   24  origin (T1, echoed)   32  received (T2)   40  transmitted (T3)
 *
 * Instead of its time a client sends 8 random bytes as T1. The server echoes them; so a reply is
 * matched, a forged one is unlikely, and nobody learns what time the client believes it is.
 */
const SNTP_BYTES = 48
export const COOKIE_BYTES = 8

/** A usable answer. Times are milliseconds since 1970. */
export interface SntpAnswer {
  readonly receivedMs: number
  readonly sentMs: number
  /** How far the server may itself be off. */
  readonly boundMs: number
}

/** Why an answer is of no use: `rate` asks us to come less often. */
export type SntpRefusal = 'malformed' | 'unsynchronised' | 'too far' | 'rate' | 'denied'

const VERSION = 4
const MODE_CLIENT = 3
const MODE_SERVER = 4
const LEAP_UNKNOWN = 3
const STRATUM_MAX = 15
/** Above this the server is not worth asking (MAXDIST of RFC 5905). */
const ROOT_DISTANCE_MAX_MS = 1_000
/** From 1900, where NTP begins, to 1970. */
const EPOCH_SECONDS = 2_208_988_800
const ERA_SECONDS = 2 ** 32

export function encodeSntpRequest(cookie: Uint8Array): Uint8Array<ArrayBuffer> {
  assert(cookie.length === COOKIE_BYTES, 'a cookie has eight bytes')
  const bytes = new Uint8Array(SNTP_BYTES)
  bytes[0] = (VERSION << 3) | MODE_CLIENT
  bytes.set(cookie, 40)
  return bytes
}

/** The cookie of the request that an answer belongs to; undefined if it is none. */
export function cookieOf(bytes: Uint8Array): Uint8Array | undefined {
  const isAnswer = bytes.length >= SNTP_BYTES && ((bytes[0] as number) & 7) === MODE_SERVER
  return isAnswer ? bytes.subarray(24, 32) : undefined
}

/** Reads an answer. `nearMs` is about now: seconds wrap in 2036, and it tells the era. */
export function decodeSntpAnswer(bytes: Uint8Array, nearMs: number): SntpAnswer | SntpRefusal {
  if (cookieOf(bytes) === undefined) return 'malformed'
  const view = new DataView(bytes.buffer, bytes.byteOffset, SNTP_BYTES)
  const leap = view.getUint8(0) >> 6
  const stratum = view.getUint8(1)
  if (stratum === 0) return refusalOf(view)
  const isTimeless = view.getUint32(40) === 0 && view.getUint32(44) === 0
  if (stratum > STRATUM_MAX || leap === LEAP_UNKNOWN || isTimeless) return 'unsynchronised'
  const boundMs = (view.getUint32(4) / 2 + view.getUint32(8)) / 65.536
  if (boundMs > ROOT_DISTANCE_MAX_MS) return 'too far'
  const receivedMs = timeAt(view, 32, nearMs)
  const sentMs = timeAt(view, 40, nearMs)
  return sentMs < receivedMs ? 'malformed' : { receivedMs, sentMs, boundMs }
}

/** Stratum 0 carries four letters where the reference id stands. */
function refusalOf(view: DataView): SntpRefusal {
  const code = String.fromCharCode(...[12, 13, 14, 15].map(at => view.getUint8(at)))
  if (code === 'RATE') return 'rate'
  return code === 'DENY' || code === 'RSTR' ? 'denied' : 'unsynchronised'
}

/** Fixed-point seconds since 1900, in the era that is nearest. */
function timeAt(view: DataView, offset: number, nearMs: number): number {
  const seconds = view.getUint32(offset) - EPOCH_SECONDS
  const era = Math.round((nearMs / 1000 - seconds) / ERA_SECONDS)
  return (seconds + era * ERA_SECONDS) * 1000 + view.getUint32(offset + 4) / 4_294_967.296
}
