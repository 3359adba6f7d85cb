import { type Codec, natural, struct } from './codec.ts'

/**
 * A moment of the hybrid logical clock, as the command's log entry carries it: milliseconds since
 * 1970 (48 bits) and a counter (16 bits). As a row's suffix it is 8 bytes that sort like it.
 */
export interface Stamp {
  readonly ms: number
  readonly count: number
}

const COUNT_MAX = 0xffff
const MS_MAX = 2 ** 48 - 1

export const stampCodec: Codec<Stamp> = struct<Stamp>({
  ms: natural(MS_MAX),
  count: natural(COUNT_MAX),
})

export const compareStamps = (a: Stamp, b: Stamp): number => a.ms - b.ms || a.count - b.count

/** `wanted`, or the least stamp above `last` if that is not above it. */
export function after(last: Stamp | undefined, wanted: Stamp): Stamp {
  if (last === undefined || compareStamps(wanted, last) > 0) return wanted
  if (last.count < COUNT_MAX) return { ms: last.ms, count: last.count + 1 }
  return { ms: last.ms + 1, count: 0 }
}

export function stampBytes({ ms, count }: Stamp): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(ms / 0x10000))
  view.setUint16(4, ms % 0x10000)
  view.setUint16(6, count)
  return bytes
}

/** Sorts the newest first. */
export const newestFirst = (stamp: Stamp): Uint8Array => stampBytes(stamp).map(byte => 255 - byte)

/** The name of a version: 16 hexadecimal digits. */
export const versionName = ({ ms, count }: Stamp): string =>
  ms.toString(16).padStart(12, '0') + count.toString(16).padStart(4, '0')

/** The stamp in a version's name; undefined if it is none. */
export function stampNamed(name: string): Stamp | undefined {
  if (!/^[0-9a-f]{16}$/.test(name)) return undefined
  return { ms: parseInt(name.slice(0, 12), 16), count: parseInt(name.slice(12), 16) }
}
