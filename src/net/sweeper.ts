import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What may pass through a thread before what is left of it is swept. */
const SWEEP_EVERY_BYTES = 4_194_304

type Collect = (options: { readonly type: 'minor' }) => void

/**
 * Sweeps a thread through which bulk passes. Chunks are garbage at once, but weigh nothing where the
 * collector looks: the few hundred bytes that stand for 64 KiB elsewhere. Left alone it begins when
 * tens of megabytes have gathered in each of a peer's threads.
 */
export class Sweeper {
  readonly #everyBytes: number
  #unsweptBytes = 0

  constructor(everyBytes: number = SWEEP_EVERY_BYTES) {
    this.#everyBytes = everyBytes
  }

  /** So many bytes have passed, and are of no use any more. */
  passed(bytes: number): void {
    this.#unsweptBytes += bytes
    if (this.#unsweptBytes < this.#everyBytes) return
    this.#unsweptBytes = 0
    collect ??= findCollect()
    collect({ type: 'minor' })
  }
}

/** Looked for when it is first needed. */
let collect: Collect | undefined

/** V8's own, which a program has to ask for. */
function findCollect(): Collect {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('globalThis.gc ?? (() => undefined)') as Collect
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
