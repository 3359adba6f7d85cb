import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

import { fromHex, toHex, toUtf8 } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { translateError } from './translate-error.ts'

/** Longer than any key file. */
const FILE_BYTES_MAX = 128
const KEY_BYTES = 32
const OTHERS_MODE = 0o077

/**
 * Reads a key: 32 bytes, or their 64 hexadecimal digits and perhaps a line feed. A file that others
 * may read, or a link, is refused.
 * @throws {HoldfastError} `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `MALFORMED`, `DISK_IO`
 */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  const bytes = await withFile(path, constants.O_RDONLY | constants.O_NOFOLLOW, async file => {
    const { mode } = await file.stat()
    if (process.platform !== 'win32' && (mode & OTHERS_MODE) !== 0) throw exposed(path, mode)
    const { buffer, bytesRead } = await file.read(new Uint8Array(FILE_BYTES_MAX))
    return buffer.subarray(0, bytesRead)
  })
  if (bytes.length === KEY_BYTES) return bytes
  const text = toUtf8(bytes).trim().toLowerCase()
  if (/^[0-9a-f]{64}$/.test(text)) return fromHex(text)
  throw new HoldfastError(`Cannot use key file ${path}: not 32 bytes nor 64 hex digits`, {
    code: 'MALFORMED',
    what: 'key file',
    offset: 0,
  })
}

/**
 * Draws a key and writes it, as text, to a new file that only its owner may read.
 * @throws {HoldfastError} `FILE_EXISTS`, `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `DISK_IO`
 */
export async function createKeyFile(path: string): Promise<Uint8Array> {
  const key = randomBytes(KEY_BYTES)
  const { O_WRONLY, O_CREAT, O_EXCL } = constants
  await withFile(path, O_WRONLY | O_CREAT | O_EXCL, async file => {
    await file.writeFile(`${toHex(key)}\n`)
    await file.sync()
  })
  return key
}

async function withFile<Result>(
  path: string,
  flags: number,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  let file: FileHandle | undefined
  try {
    file = await open(path, flags, 0o600)
    return await use(file)
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause
    throw translateError(cause, 'use key file', path)
  } finally {
    await file?.close()
  }
}

const exposed = (path: string, mode: number): HoldfastError =>
  new HoldfastError(
    `Cannot use key file ${path}: others may read it (mode ${(mode & 0o777).toString(8)}), chmod 600`,
    { code: 'FILE_FORBIDDEN', path, operation: 'read' },
  )
