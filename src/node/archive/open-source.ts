import { type FileHandle, open } from 'node:fs/promises'

import { translateError } from './translate-error.ts'

/** Bytes of the source read at once. */
const READ_BYTES = 1_048_576

/** Bytes to encode, and how many there are if that is known. */
interface Source {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly totalBytes: number | undefined
}

/**
 * Opens a file at once, so that nothing is written for one that cannot be read.
 * @throws {HoldfastError} `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `DISK_IO`
 */
export async function openSource(source: AsyncIterable<Uint8Array> | string): Promise<Source> {
  if (typeof source !== 'string') return { chunks: source, totalBytes: undefined }
  try {
    const file = await open(source)
    const stats = await file.stat()
    const totalBytes = stats.isFile() ? stats.size : undefined
    if (!stats.isDirectory()) return { chunks: readAll(file, source), totalBytes }
    await file.close()
  } catch (error) {
    throw translateError(error, 'read', source)
  }
  throw translateError({ code: 'EISDIR' }, 'read', source)
}

async function* readAll(file: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* file.createReadStream({ highWaterMark: READ_BYTES })
  } catch (error) {
    throw translateError(error, 'read', path)
  } finally {
    await file.close()
  }
}
