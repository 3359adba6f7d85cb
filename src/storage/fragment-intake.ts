import { equals } from '../base/bytes.ts'
import { corrupt, wrongCellSize } from './fragment-errors.ts'
import { cellCount, RUN_CELLS } from './fragment-file.ts'
import { DIGEST_BYTES, digestIn, type FragmentNames, LEAF_ROOM_BYTES } from './fragment-names.ts'

export type Cells = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

const SLAB_BYTES = 131_072
/** What is larger gets memory of its own. */
const SLAB_SHARE_BYTES_MAX = 16_384

/** Memory for runs. Small ones share theirs: an array of its own costs more than its hash. */
class RunMemory {
  #slab = new Uint8Array(SLAB_BYTES)
  #end = 0

  /** Zeros that nobody else has, perhaps next to others': never transfer them. */
  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    if (sizeBytes > SLAB_SHARE_BYTES_MAX) return new Uint8Array(sizeBytes)
    if (this.#end + sizeBytes > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES)
      this.#end = 0
    }
    this.#end += sizeBytes
    return this.#slab.subarray(this.#end - sizeBytes, this.#end)
  }
}

const memory = new RunMemory()

export interface IntakeOptions {
  readonly names: FragmentNames
  readonly id: Uint8Array
  readonly cellBytes: number
  readonly sizeBytes: number
  readonly signal: AbortSignal | undefined
  /** Takes the array over. The next few cells are taken in meanwhile, and no more than that. */
  readonly write: (position: number, run: Uint8Array<ArrayBuffer>) => Promise<void>
}

/**
 * Takes a fragment in, cell by cell, and returns its leaves once it has proven to be the one with
 * this id. Holds two runs of cells at most; copies each, so the sender may use its array again.
 * However it ends, the sender is told that no more is wanted.
 * @throws {HoldfastError} `FRAGMENT_CORRUPT`, `CELL_SIZE`, what `write` throws; the signal's reason
 */
export async function takeIn(cells: Cells, options: IntakeOptions): Promise<Uint8Array> {
  const iterator = iteratorOf(cells)
  try {
    return await readAll(iterator, options)
  } finally {
    // A sender that hangs is not waited for.
    void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

async function readAll(
  iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
  { names, id, cellBytes, sizeBytes, signal, write }: IntakeOptions,
): Promise<Uint8Array> {
  const leaves = new Uint8Array(cellCount(sizeBytes, cellBytes) * DIGEST_BYTES)
  // A run has room for a leaf's header before it; within it the header stands in the end of the
  // cell before, which is put back.
  const newRun = (at: number): Uint8Array<ArrayBuffer> =>
    memory.take(LEAF_ROOM_BYTES + Math.min(RUN_CELLS * cellBytes, sizeBytes - at))
  let runAt = 0
  let run = newRun(runAt)
  let writing: Promise<void> = Promise.resolve()
  try {
    for (let at = 0, index = 0; at < sizeBytes; at += cellBytes, index++) {
      const { value, done } = await nextOf(iterator, signal)
      if (done === true) {
        throw corrupt(names.encode(id), `it ends after ${at} of ${sizeBytes} bytes`)
      }
      const neededBytes = Math.min(cellBytes, sizeBytes - at)
      if (value.length !== neededBytes) throw wrongCellSize(value.length, neededBytes)
      // What is written is what was hashed, whatever the sender does to its array.
      const framed = run.subarray(at - runAt, at - runAt + LEAF_ROOM_BYTES + neededBytes)
      framed.set(value, LEAF_ROOM_BYTES)
      const before = framed.slice(0, LEAF_ROOM_BYTES)
      leaves.set(names.leaf(id, index, framed), index * DIGEST_BYTES)
      framed.set(before)
      const end = at + neededBytes
      if (end < runAt + run.length - LEAF_ROOM_BYTES) continue
      await writing
      writing = write(runAt, run.subarray(LEAF_ROOM_BYTES))
      // Heard of in a later round, which may be long in coming.
      writing.catch(() => undefined)
      runAt = end
      run = newRun(runAt)
    }
    const { done } = await nextOf(iterator, signal)
    if (done !== true) throw corrupt(names.encode(id), `it goes on after ${sizeBytes} bytes`)
  } finally {
    // Nobody may close the file while it is being written to.
    await writing.catch(() => undefined)
  }
  await writing
  if (!equals(names.root(id, leaves), digestIn(id))) {
    throw corrupt(names.encode(id), 'its cells have another root')
  }
  return leaves
}

const iteratorOf = (cells: Cells): AsyncIterator<Uint8Array> | Iterator<Uint8Array> =>
  Symbol.asyncIterator in cells ? cells[Symbol.asyncIterator]() : cells[Symbol.iterator]()

type Next = IteratorResult<Uint8Array, unknown>

/** A sender that answers at once is not waited for. */
const nextOf = (
  iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
  signal: AbortSignal | undefined,
): Next | Promise<Next> =>
  signal === undefined ? iterator.next() : unlessAborted(iterator.next(), signal)

/** What `work` gives, or the reason of the signal if that comes first. */
async function unlessAborted<Result>(
  work: Result | Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
