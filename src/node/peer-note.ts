import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { META_BYTES_MAX } from '../membership/record.ts'
import { NAME_BYTES_MAX } from './node-options.ts'

const VERSION = 1

/** What a peer adds to its membership record. */
export function encodeNote({ name }: { readonly name: string }): Uint8Array {
  const writer = new BinaryWriter(META_BYTES_MAX)
  writer.u8(VERSION)
  writer.string(name)
  return writer.finish()
}

/** What another peer added; an empty name for what cannot be read. Later fields are passed over. */
export function decodeNote(bytes: Uint8Array): { readonly name: string } {
  try {
    const reader = new BinaryReader(bytes)
    return { name: reader.u8() === VERSION ? reader.string(NAME_BYTES_MAX) : '' }
  } catch {
    return { name: '' }
  }
}

/** As much of a name as fits. */
export function fittingName(name: string): string {
  const bytes = fromUtf8(name.toWellFormed())
  // What is cut in the middle of a character ends in U+FFFD, which is left out.
  return bytes.length <= NAME_BYTES_MAX
    ? name.toWellFormed()
    : toUtf8(bytes.subarray(0, NAME_BYTES_MAX)).replace(/\uFFFD+$/, '')
}
