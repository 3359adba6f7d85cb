import { chmod, mkdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { HoldfastError } from '../base/errors.ts'
import { lockDirectory } from './directory-lock.ts'

const OTHERS_MODE = 0o077
const DIRECTORY_MODE = 0o700

/** Where a peer keeps everything. */
export interface DataDirectory {
  readonly path: string
  readonly identityPath: string
  /** Gives the directory back to whoever wants it next. */
  release(): Promise<void>
}

/** Where the identity is in a directory. */
export const identityPath = (root: string): string => join(root, 'keys', 'identity')

/**
 * Makes the directory if it is not there, for its owner alone, and takes it for this process.
 * @throws {HoldfastError} `DIRECTORY_LOCKED`, `FILE_FORBIDDEN`
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const root = resolve(path)
  const keys = join(root, 'keys')
  try {
    await mkdir(root, { recursive: true, mode: DIRECTORY_MODE })
    await mkdir(keys, { recursive: true, mode: DIRECTORY_MODE })
    for (const directory of [root, keys]) await closeToOthers(directory)
    const release = await lockDirectory(root)
    return { path: root, identityPath: identityPath(root), release }
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause
    throw forbidden(root, cause)
  }
}

/** A directory made by hand often lets others in: there are keys in it. */
async function closeToOthers(directory: string): Promise<void> {
  const { mode } = await stat(directory)
  if (process.platform !== 'win32' && (mode & OTHERS_MODE) !== 0)
    await chmod(directory, DIRECTORY_MODE)
}

function forbidden(path: string, cause: unknown): HoldfastError {
  const uid = process.getuid?.()
  const who = uid === undefined ? '' : ` by user ${uid}; try: chown -R ${uid} ${path}`
  return new HoldfastError(
    `Cannot use data directory ${path}${who} (${(cause as Error).message})`,
    { code: 'FILE_FORBIDDEN', path, operation: 'open' },
    { cause },
  )
}
