import fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { DirectoryEntry } from '../base/environment.ts'

/**
 * The bare calls under a `Disk`, with the operating system's own habits: a write may be short,
 * errors carry `code: 'ENOSPC'` and the like, nothing is durable unless synced. `CheckedDisk` puts
 * the rules on top; the simulated world implements the same calls with faults.
 */
export interface SystemCalls {
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<number>
  /** Returns how many bytes were read; 0 at the end of the file. */
  read(handle: number, into: Uint8Array, position: number): Promise<number>
  /** Returns how many bytes were written, possibly fewer than asked. Leaves `bytes` alone. */
  write(handle: number, bytes: Uint8Array, position: number): Promise<number>
  datasync(handle: number): Promise<void>
  truncate(handle: number, sizeBytes: number): Promise<void>
  sizeBytes(handle: number): Promise<number>
  close(handle: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  makeDirectory(path: string): Promise<void>
  list(directory: string): Promise<DirectoryEntry[]>
  syncDirectory(directory: string): Promise<void>
  freeBytes(): Promise<number>
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

const flags = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
}

/** Windows cannot open a directory, and needs no sync of one: NTFS journals names by itself. */
const syncsDirectories = process.platform !== 'win32'

/** System calls on Node's thread pool: for everything that must not block its thread. */
export function pooledCalls(root: string): SystemCalls {
  const at = (path: string): string => join(root, path)
  const open = promisify(fs.open)
  const close = promisify(fs.close)
  const fsync = promisify(fs.fsync)
  return {
    open: (path, mode) => open(at(path), flags[mode], FILE_MODE),
    read: async (handle, into, position) =>
      (await promisify(fs.read)(handle, into, 0, into.length, position)).bytesRead,
    write: async (handle, bytes, position) =>
      (await promisify(fs.write)(handle, bytes, 0, bytes.length, position)).bytesWritten,
    datasync: promisify(fs.fdatasync),
    truncate: promisify(fs.ftruncate),
    sizeBytes: async handle => (await promisify(fs.fstat)(handle)).size,
    close,
    rename: (from, to) => fs.promises.rename(at(from), at(to)),
    remove: path => fs.promises.unlink(at(path)),
    makeDirectory: path => fs.promises.mkdir(at(path), DIRECTORY_MODE),
    list: async path => entries(await fs.promises.readdir(at(path), { withFileTypes: true })),
    syncDirectory: async path => {
      if (!syncsDirectories) return
      const handle = await open(at(path), 'r')
      try {
        await fsync(handle)
      } finally {
        await close(handle)
      }
    },
    freeBytes: async () => available(await fs.promises.statfs(root)),
  }
}

/** The same calls, blocking: for a thread that has nothing else to do. */
export function blockingCalls(root: string): SystemCalls {
  const at = (path: string): string => join(root, path)
  return {
    open: async (path, mode) => fs.openSync(at(path), flags[mode], FILE_MODE),
    read: async (handle, into, position) => fs.readSync(handle, into, 0, into.length, position),
    write: async (handle, bytes, position) =>
      fs.writeSync(handle, bytes, 0, bytes.length, position),
    datasync: async handle => fs.fdatasyncSync(handle),
    truncate: async (handle, sizeBytes) => fs.ftruncateSync(handle, sizeBytes),
    sizeBytes: async handle => fs.fstatSync(handle).size,
    close: async handle => fs.closeSync(handle),
    rename: async (from, to) => fs.renameSync(at(from), at(to)),
    remove: async path => fs.unlinkSync(at(path)),
    makeDirectory: async path => fs.mkdirSync(at(path), DIRECTORY_MODE),
    list: async path => entries(fs.readdirSync(at(path), { withFileTypes: true })),
    syncDirectory: async path => {
      if (!syncsDirectories) return
      const handle = fs.openSync(at(path), 'r')
      try {
        fs.fsyncSync(handle)
      } finally {
        fs.closeSync(handle)
      }
    },
    freeBytes: async () => available(fs.statfsSync(root)),
  }
}

const available = ({ bavail, bsize }: fs.StatsFs): number => bavail * bsize

const entries = (found: readonly fs.Dirent[]): DirectoryEntry[] =>
  found.map(entry => ({ name: entry.name, kind: entry.isDirectory() ? 'directory' : 'file' }))
