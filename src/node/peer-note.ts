import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { fromUtf8 } from '../base/bytes.ts'
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
  let fitting = name.toWellFormed()
  while (fromUtf8(fitting).length > NAME_BYTES_MAX) fitting = [...fitting].slice(0, -1).join('')
  return fitting
}
