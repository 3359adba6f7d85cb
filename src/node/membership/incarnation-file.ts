import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import type { Disk } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'

const FILE = 'membership'
const VERSION = 1
/** version u8 | ceiling u64 | the same again, to tell rot */
const FILE_BYTES = 17

/**
 * The highest incarnation this peer may have used; 0 if there is no file, or a rotten one: the
 * network then tells the peer which incarnation it had, and it goes on above that.
 */
export async function readCeiling(disk: Disk): Promise<number> {
  try {
    const file = await disk.open(FILE, 'read')
    try {
      return decode(await file.read(0, FILE_BYTES))
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'FILE_NOT_FOUND' || code === 'MALFORMED' || code === 'DISK_IO') return 0
    throw error
  }
}

/** Resolves once it is durable. */
export async function writeCeiling(disk: Disk, ceiling: number): Promise<void> {
  const writer = new BinaryWriter(FILE_BYTES)
  writer.u8(VERSION)
  writer.u64(ceiling)
  writer.u64(ceiling)
  await disk.replace(FILE, writer.finish())
}

function decode(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes)
  const version = reader.u8()
  const ceiling = reader.u64()
  return version === VERSION && ceiling === reader.u64() ? ceiling : 0
}
