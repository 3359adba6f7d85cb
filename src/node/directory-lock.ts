import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { HoldfastError } from '../base/errors.ts'

const NAME = 'lock'
/** Locks of dead processes that may be cleared away before something is odd. */
const ATTEMPTS_MAX = 5

interface Owner {
  readonly pid: number
  /** When the process started, as the system counts; tells two processes with one pid apart. */
  readonly startedAt: string
}

/**
 * Takes a data directory for this process; resolves to what gives it back. The lock of a process
 * that is gone is cleared away, even if another program has its pid by now.
 *
 * The lock is written in full under another name and then linked, so nobody reads half of one; and
 * a dead one is moved aside before it is removed, so of two who find it only one removes it.
 * @throws {HoldfastError} `DIRECTORY_LOCKED`
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, NAME)
  const token = randomBytes(6).toString('hex')
  const draft = `${path}.${token}`
  const mine = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '', token }
  await writeFile(draft, `${JSON.stringify(mine)}\n`, { mode: 0o600, flag: 'wx' })
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await isLinked(draft, path)) return () => release(path, token)
      const owner = await ownerOf(path)
      if (owner !== undefined && (await isAlive(owner))) throw locked(directory, owner.pid)
      await clearAway(path, `${path}.stale.${token}`, owner)
    }
    throw locked(directory, (await ownerOf(path))?.pid ?? 0)
  } finally {
    await unlink(draft)
  }
}

async function isLinked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Who wrote the lock; undefined if nobody did, or it is not readable as one. */
async function ownerOf(path: string): Promise<(Owner & { token: string }) | undefined> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as Owner & { token: string }
    return Number.isSafeInteger(owner.pid) && owner.pid > 0 ? owner : undefined
  } catch {
    return undefined
  }
}

/** Removes the lock of a dead owner; puts it back if meanwhile it is somebody else's. */
async function clearAway(
  path: string,
  aside: string,
  owner: { token: string } | undefined,
): Promise<void> {
  try {
    await rename(path, aside)
  } catch {
    return
  }
  const moved = await ownerOf(aside)
  if (moved?.token !== owner?.token) await isLinked(aside, path)
  await rm(aside, { force: true })
}

async function release(path: string, token: string): Promise<void> {
  if ((await ownerOf(path))?.token === token) await rm(path, { force: true })
}

async function isAlive({ pid, startedAt }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const start = await startOf(pid)
  return start === undefined || startedAt === '' || start === startedAt
}

/** When a process started, where the system tells. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in brackets, may contain anything; the 20th field after it counts.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const locked = (path: string, pid: number): HoldfastError =>
  new HoldfastError(`Cannot use ${path}: process ${pid} uses it`, {
    code: 'DIRECTORY_LOCKED',
    path,
    pid,
  })
