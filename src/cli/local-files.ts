import { opendir, stat } from 'node:fs/promises'
import { join, posix, sep } from 'node:path'

import { HoldfastError } from '../base/errors.ts'
import { isPartialFile } from './download.ts'
import { isUploadState } from './upload-state.ts'
import type { LocalFile } from './upload.ts'

/** How deep folders may lie in each other: deeper is a loop, or no tree of files. */
const DEPTH_MAX = 64

/** @throws {HoldfastError} `FILE_NOT_FOUND`, or what the system says */
export async function describeFile(path: string): Promise<LocalFile & { isFolder: boolean }> {
  try {
    const { size, mtimeMs, isDirectory } = await statOf(path)
    return { path, sizeBytes: size, modifiedMs: mtimeMs, isFolder: isDirectory }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new HoldfastError(
      `There is no file ${path}`,
      { code: 'FILE_NOT_FOUND', path },
      { cause: error },
    )
  }
}

async function statOf(
  path: string,
): Promise<{ size: number; mtimeMs: number; isDirectory: boolean; isFile: boolean }> {
  const found = await stat(path)
  const { size, mtimeMs } = found
  return { size, mtimeMs, isDirectory: found.isDirectory(), isFile: found.isFile() }
}

export interface FoundFile extends LocalFile {
  /** Below the folder, with `/`. */
  readonly relative: string
}

/**
 * The files below a folder, as they are found. Links to files are followed, links to folders are
 * not; sockets and the like, and what transfers have left behind, are left out.
 */
export async function* filesBelow(folder: string, relative = ''): AsyncGenerator<FoundFile> {
  if (relative.split('/').length > DEPTH_MAX)
    throw new Error(`${folder} has folders in folders more than ${DEPTH_MAX} deep`)
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name)
    const name = posix.join(relative, entry.name)
    if (entry.isDirectory()) yield* filesBelow(path, name)
    else if (!isUploadState(entry.name) && !isPartialFile(entry.name)) {
      const { size, mtimeMs, isFile } = await statOf(path)
      if (isFile) yield { path, relative: name, sizeBytes: size, modifiedMs: mtimeMs }
    }
  }
}

/**
 * Where a key goes below a folder; undefined if it would lead out of it, or cannot be a file here.
 */
export function pathBelow(folder: string, relative: string): string | undefined {
  const names = relative.split('/')
  return names.every(isFileName) ? join(folder, ...names) : undefined
}

/** On Windows a colon names a drive, or a stream of a file. */
const isFileName = (name: string): boolean =>
  !['', '.', '..'].includes(name) && !name.includes('\0') && (sep === '/' || !/[\\:]/.test(name))
