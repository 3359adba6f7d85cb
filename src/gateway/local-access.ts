import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises'
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
const TOKEN_CHARS_MIN = 32
const FILE_BYTES_MAX = 4096
const OTHERS_MODE = 0o077

export interface LocalAccess extends Announced {
  readonly token: string
}

/** Where a gateway listens. */
interface Announced {
  readonly url: string
  /** SHA-256 of the certificate it proves itself with; undefined for plain HTTP. */
  readonly fingerprint: string | undefined
}

/**
 * The token of this directory, made if there is none, or none that could keep anybody out: a file
 * that a crash left empty must not become a token that everybody has.
 * @throws {HoldfastError} `FILE_FORBIDDEN`
 */
export async function openToken(directory: string): Promise<string> {
  const path = join(directory, TOKEN_FILE)
  const before = await readIfThere(path)
  if (before !== undefined && before.length >= TOKEN_CHARS_MIN) return before
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  // One process at a time has the directory, so nobody else makes one now.
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  await rm(`${path}.tmp`, { force: true })
  const file = await open(`${path}.tmp`, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    await file.writeFile(`${token}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
  return token
}

/** Says where the gateway listens; resolves to what takes it back. */
export async function announce(
  directory: string,
  { url, fingerprint }: Announced,
): Promise<() => Promise<void>> {
  const path = join(directory, ADDRESS_FILE)
  await writeFile(`${path}.tmp`, `${JSON.stringify({ url, fingerprint, pid: process.pid })}\n`, {
    mode: 0o600,
  })
  await rename(`${path}.tmp`, path)
  return () => rm(path, { force: true })
}

/**
 * How to reach the peer that runs on this directory.
 * @throws {HoldfastError} `NOT_RUNNING`, `FILE_FORBIDDEN`
 */
export async function findAccess(directory: string): Promise<LocalAccess> {
  const address = await readIfThere(join(directory, ADDRESS_FILE))
  const token = await readIfThere(join(directory, TOKEN_FILE))
  const found = address === undefined ? undefined : livingAddress(address)
  if (found === undefined || token === undefined) throw notRunning(directory)
  return { ...found, token }
}

/**
 * The address in a file, unless who wrote it is gone: somebody else may listen there by now, and
 * is not to be told the token.
 */
function livingAddress(text: string): Announced | undefined {
  try {
    const { url, fingerprint, pid } = JSON.parse(text) as Announced & { pid: number }
    return isThere(pid) ? { url, fingerprint } : undefined
  } catch {
    // What cannot be read leads nowhere.
    return undefined
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // It is, and another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export const notRunning = (path: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `No peer runs on ${path}: start one with \`holdfast up\`, or name its directory by --data`,
    { code: 'NOT_RUNNING', path },
    { cause },
  )

/** What is in a file of the owner alone; undefined if there is none. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readPrivate(await open(path, constants.O_RDONLY | constants.O_NOFOLLOW), path)
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unreadable(path, message, error)
  }
}

async function readPrivate(file: FileHandle, path: string): Promise<string> {
  try {
    const { mode } = await file.stat()
    if (process.platform !== 'win32' && (mode & OTHERS_MODE) !== 0)
      throw unreadable(path, 'others may read it, chmod 600')
    const { buffer, bytesRead } = await file.read(new Uint8Array(FILE_BYTES_MAX))
    return Buffer.from(buffer.subarray(0, bytesRead)).toString('utf8').trim()
  } finally {
    await file.close()
  }
}

const unreadable = (path: string, why: string, cause?: unknown): HoldfastError =>
  new HoldfastError(
    `Cannot use ${path}: ${why}`,
    { code: 'FILE_FORBIDDEN', path, operation: 'read' },
    { cause },
  )
