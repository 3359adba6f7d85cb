/** The few values of DER that a certificate is made of (X.690). */
export type Der = Uint8Array

export const sequence = (...parts: readonly Der[]): Der => tagged(0x30, ...parts)
export const setOf = (...parts: readonly Der[]): Der => tagged(0x31, ...parts)
export const octets = (...parts: readonly Der[]): Der => tagged(0x04, ...parts)
export const text = (value: string): Der => tagged(0x0c, Buffer.from(value, 'utf8'))
export const truth: Der = Uint8Array.of(0x01, 0x01, 0xff)
/** Whole bytes; none of the bits of the last one is left out unless it is said how many. */
export const bits = (bytes: Der, unused = 0): Der => tagged(0x03, Uint8Array.of(unused), bytes)
/** What a context calls by a number: with parts inside, or bare bytes. */
export const explicit = (number: number, ...parts: readonly Der[]): Der =>
  tagged(0xa0 + number, ...parts)
export const implicit = (number: number, bytes: Der): Der => tagged(0x80 + number, bytes)

/** A number from its bytes, most significant first: never negative, in its shortest form. */
export function integer(bytes: Der): Der {
  const first = bytes.findIndex(byte => byte !== 0)
  const short = first < 0 ? Uint8Array.of(0) : bytes.subarray(first)
  return (short[0] as number) >= 0x80 ? tagged(0x02, Uint8Array.of(0), short) : tagged(0x02, short)
}

/** As `1.2.840.10045.2.1`. */
export function objectId(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280). */
export function time(atMs: number): Der {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  const isNear = Number(digits.slice(0, 4)) < 2050
  return tagged(isNear ? 0x17 : 0x18, Buffer.from(isNear ? digits.slice(2) : digits, 'ascii'))
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80)
  return bytes
}

function tagged(tag: number, ...parts: readonly Der[]): Der {
  const body = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(tag), lengthOf(body.length), body])
}

function lengthOf(size: number): Der {
  if (size < 0x80) return Uint8Array.of(size)
  const bytes: number[] = []
  for (let rest = size; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return Uint8Array.from([0x80 + bytes.length, ...bytes])
}
