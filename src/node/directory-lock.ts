/**
 * One process at a time may use a data directory. Its lock is a file, `lock.1`, with the process's
 * pid in it; who finds the lock of a process that is gone takes the next number, `lock.2`, and
 * clears the old one away.
 *
 * A dead lock cannot simply be removed: between the look and the removal somebody else may have
 * done so and put a living one in its place. A number can be taken by one process only, for the
 * file is written in full under another name and then linked. And since a directory that changes
 * may be listed without what was just put there, whoever has taken a number looks again, and of two
 * living locks the lower number yields.
 */
import { randomBytes } from 'node:crypto'
import { link, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { HoldfastError } from '../base/errors.ts'

/** How often a number may be snatched away before something is odd. */
const ATTEMPTS_MAX = 100

interface Lock {
  readonly number: number
  readonly pid: number
  /** When the process started, as the system counts; tells two processes with one pid apart. */
  readonly startedAt: string
}

/**
 * Takes a data directory for this process; resolves to what gives it back. The lock of a process
 * that is gone does not count, even if another program has its pid by now.
 * @throws {HoldfastError} `DIRECTORY_LOCKED`
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const draft = join(directory, `lock.draft.${randomBytes(6).toString('hex')}`)
  const mine = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' }
  await writeFile(draft, `${JSON.stringify(mine)}\n`, { mode: 0o600, flag: 'wx' })
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const number = await nextNumber(directory)
      if (!(await isLinked(draft, pathOf(directory, number)))) continue
      await checkAlone(directory, number)
      return () => rm(pathOf(directory, number), { force: true })
    }
    throw locked(directory, 0)
  } finally {
    await unlink(draft)
  }
}

/** The number after that of all dead locks. */
async function nextNumber(directory: string): Promise<number> {
  const locks = await locksIn(directory)
  for (const lock of locks) if (await isAlive(lock)) throw locked(directory, lock.pid)
  return Math.max(0, ...locks.map(({ number }) => number)) + 1
}

/** Looks again with the number taken: yields to a living lock above it, clears away the dead. */
async function checkAlone(directory: string, number: number): Promise<void> {
  for (const lock of await locksIn(directory)) {
    if (lock.number === number) continue
    const isOther = await isAlive(lock)
    if (isOther && lock.number > number) {
      await rm(pathOf(directory, number), { force: true })
      throw locked(directory, lock.pid)
    }
    if (!isOther) await rm(pathOf(directory, lock.number), { force: true })
  }
}

async function locksIn(directory: string): Promise<Lock[]> {
  const names = await readdir(directory)
  const numbers = names.flatMap(name => /^lock\.(\d{1,9})$/.exec(name)?.[1] ?? [])
  const locks = await Promise.all(numbers.map(digits => readLock(directory, Number(digits))))
  return locks.filter(lock => lock !== undefined)
}

/** What is not readable as a lock is one of nobody; undefined if it is gone. */
async function readLock(directory: string, number: number): Promise<Lock | undefined> {
  try {
    const text = await readFile(pathOf(directory, number), 'utf8')
    const { pid, startedAt } = JSON.parse(text) as Lock
    return { number, pid, startedAt }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    return { number, pid: 0, startedAt: '' }
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

async function isAlive({ pid, startedAt }: Lock): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
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

const pathOf = (directory: string, number: number): string => join(directory, `lock.${number}`)

const locked = (path: string, pid: number): HoldfastError =>
  new HoldfastError(`Cannot use ${path}: process ${pid} uses it`, {
    code: 'DIRECTORY_LOCKED',
    path,
    pid,
  })
