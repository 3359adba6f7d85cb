import type { Timers } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { withDeadline } from '../../base/waiting.ts'

/**
 * What cells of segments on their way out may take, all writes of a peer together: two segments of
 * most schemes. Whatever is larger than all of it goes alone.
 */
const BYTES_MAX = 67_108_864
/** Of which small segments have a share that large ones leave alone. */
const SMALL_BYTES_MAX = 16_777_216
/** What is small. */
const SMALL_BYTES = 2_097_152
/** How long a write waits for others before it is refused, and how many may wait. */
const WAIT_MS = 60_000
const WAITING_MAX = 1_024

/**
 * Room for the cells of segments. A fragment is named by all of its cells, so a segment is held until
 * its last byte is encoded, and then until its holders have it. Whoever cannot have room at once
 * waits in line; slow uploads of large objects do not hold up small ones.
 */
export class WriteMemory {
  readonly #timers: Timers
  readonly #large = poolOf(BYTES_MAX - SMALL_BYTES_MAX)
  readonly #small = poolOf(SMALL_BYTES_MAX)

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /**
   * Resolves with what gives the room back, once.
   * @throws {HoldfastError} `BUSY`, `TIMEOUT`; the signal's reason
   */
  async take(wishedBytes: number, signal: AbortSignal): Promise<() => void> {
    const pool = wishedBytes <= SMALL_BYTES ? this.#small : this.#large
    const sizeBytes = Math.min(wishedBytes, pool.bytes)
    if (pool.line.length > 0 || pool.leftBytes < sizeBytes)
      await this.#wait(pool, sizeBytes, signal)
    else pool.leftBytes -= sizeBytes
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      pool.leftBytes += sizeBytes
      serve(pool)
    }
  }

  async #wait(pool: Pool, sizeBytes: number, signal: AbortSignal): Promise<void> {
    if (pool.line.length >= WAITING_MAX) throw busy()
    const waiter: Waiter = { sizeBytes, ready: Promise.withResolvers<void>() }
    pool.line.push(waiter)
    const bounds = { ms: WAIT_MS, what: 'room for a segment', signal }
    try {
      await withDeadline(this.#timers, bounds, () => waiter.ready.promise)
    } catch (error) {
      const at = pool.line.indexOf(waiter)
      if (at >= 0) pool.line.splice(at, 1)
      else pool.leftBytes += sizeBytes
      serve(pool)
      throw error
    }
  }
}

interface Waiter {
  readonly sizeBytes: number
  readonly ready: PromiseWithResolvers<void>
}

interface Pool {
  readonly bytes: number
  leftBytes: number
  readonly line: Waiter[]
}

const poolOf = (bytes: number): Pool => ({ bytes, leftBytes: bytes, line: [] })

/** Gives room to those who wait, in their order. */
function serve(pool: Pool): void {
  for (let [first] = pool.line; first !== undefined; [first] = pool.line) {
    if (first.sizeBytes > pool.leftBytes) return
    pool.line.shift()
    pool.leftBytes -= first.sizeBytes
    first.ready.resolve()
  }
}

const busy = (): HoldfastError =>
  new HoldfastError(`Cannot write: ${WAITING_MAX} writes wait for room`, {
    code: 'BUSY',
    what: 'writes',
    limit: WAITING_MAX,
  })
