/**
 * A peer runs for weeks, most of the time doing little. What V8 and the C library keep in case it
 * were more, a hundred megabytes of it, can only be said when a process begins. So the process begins
 * once more: same number, same files, same arguments. Where that cannot be done it goes on as it is.
 */
export type Process = Pick<NodeJS.Process, 'execPath' | 'execArgv' | 'argv' | 'env'> & {
  readonly execve?: NodeJS.Process['execve']
}

/** Of the nursery: what is new dies young here, or lives long. */
const NURSERY_MIB = 2
/** Threads share heaps, and what is large goes back to the system. */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536' }
/** Says that this was done. */
const MARK = 'HOLDFAST_LEAN'

/** Does not return where it does anything. What the user has said of memory stays said. */
export function beginLean({ execPath, execArgv, argv, env, execve }: Process): void {
  if (execve === undefined || env[MARK] !== undefined) return
  const nursery = '--max-semi-space-size'
  const isSaid = `${execArgv.join(' ')} ${env['NODE_OPTIONS'] ?? ''}`.includes(nursery)
  const flags = isSaid ? [] : [`${nursery}=${NURSERY_MIB}`]
  const args = [execPath, ...flags, ...execArgv, ...argv.slice(1)]
  try {
    execve(execPath, args, { ...ALLOCATOR, ...env, [MARK]: '1' })
  } catch {
    // Some sandboxes forbid it.
  }
}
