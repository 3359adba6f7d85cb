import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { HoldfastError } from '../base/errors.ts'

/**
 * How a program of the same user finds and may use a running peer: two files in its data directory.
 *
 *     api-token      the bearer token, 0600; stays the same
 *     gateway.json   where the gateway listens, while it does
 */
const TOKEN_FILE = 'api-token'
const ADDRESS_FILE = 'gateway.json'
const TOKEN_BYTES = 24
const FILE_BYTES_MAX = 4096
const OTHERS_MODE = 0o077

export interface LocalAccess {
  readonly url: string
  readonly token: string
}

/** The token of this directory, made if there is none. */
export async function openToken(directory: string): Promise<string> {
  const path = join(directory, TOKEN_FILE)
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  try {
    const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      await file.writeFile(`${randomBytes(TOKEN_BYTES).toString('base64url')}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readPrivate(path)
}

/** Says where the gateway listens; resolves to what takes it back. */
export async function announce(directory: string, url: string): Promise<() => Promise<void>> {
  const path = join(directory, ADDRESS_FILE)
  await writeFile(`${path}.tmp`, `${JSON.stringify({ url, pid: process.pid })}\n`, { mode: 0o600 })
  await rename(`${path}.tmp`, path)
  return () => rm(path, { force: true })
}

/**
 * How to reach the peer that runs on this directory.
 * @throws {HoldfastError} `NOT_RUNNING`, `FILE_FORBIDDEN`
 */
export async function findAccess(directory: string): Promise<LocalAccess> {
  try {
    const address = await readPrivate(join(directory, ADDRESS_FILE))
    const { url } = JSON.parse(address) as { url: string }
    return { url, token: await readPrivate(join(directory, TOKEN_FILE)) }
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    throw notRunning(directory, error)
  }
}

export const notRunning = (path: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `No peer runs on ${path}: start one with \`holdfast up\`, or name its directory by --data`,
    { code: 'NOT_RUNNING', path },
    { cause },
  )

async function readPrivate(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { mode } = await file.stat()
    if (process.platform !== 'win32' && (mode & OTHERS_MODE) !== 0) throw exposed(path)
    const { buffer, bytesRead } = await file.read(new Uint8Array(FILE_BYTES_MAX))
    return Buffer.from(buffer.subarray(0, bytesRead)).toString('utf8').trim()
  } finally {
    await file.close()
  }
}

const exposed = (path: string): HoldfastError =>
  new HoldfastError(`Cannot use ${path}: others may read it, chmod 600`, {
    code: 'FILE_FORBIDDEN',
    path,
    operation: 'read',
  })
