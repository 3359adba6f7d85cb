import { toHex } from '../../src/base/bytes.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import type { Prng } from '../../src/base/prng.ts'
import type {
  KeyChange,
  KeyRange,
  KeyValue,
  KeyValueEntry,
  KeyValueView,
} from '../../src/storage/key-value.ts'
import type { World } from './world.ts'

/** Probabilities per call. */
export interface KeyValueFaults {
  /** A batch finds no space, and does not happen. */
  full: number
  /** A sync fails: the database answers nothing more, and the batch may have happened. */
  syncError: number
  readError: number
  /** A page holds a few entries although there are more. */
  shortPage: number
  /** A batch is the first of another log. */
  nextLog: number
}

export interface SimKeyValueOptions {
  readonly callMs?: number
  readonly syncMs?: number
}

interface Batch {
  readonly changes: readonly KeyChange[]
  /** The log it was left behind in, unsynced, when the next one was begun; 0 if it was not. */
  leftIn: number
}

/**
 * A database on a machine whose power may be cut. Batches become durable in their order: with a
 * batch that is synced all before it in its log, the others when the database is opened again, or by
 * chance. A power cut loses the last ones, and the last ones of each log that was left before they
 * were synced. What is durable can rot: bits flip in values, and whole batches are skipped, as
 * LevelDB does with a damaged record of its log. Pages may be short.
 */
export class SimKeyValueDrive {
  readonly faults: KeyValueFaults = {
    full: 0,
    syncError: 0,
    readError: 0,
    shortPage: 0,
    nextLog: 0,
  }
  /** Keys of which a single read failed. */
  readonly struck: Set<string> = new Set()
  readonly #world: World
  readonly #owner: string
  readonly #random: Prng
  readonly #callMs: number
  readonly #syncMs: number
  /** By the hexadecimal spelling of the key, which sorts like its bytes. */
  #tables = new Map<string, Uint8Array>()
  /** Batches since the last opening: the log. The first `#durable` of them survive a power cut. */
  #log: Batch[] = []
  #durable = 0
  #logs = 1
  /** Tables and log. */
  #current = new Map<string, Uint8Array>()
  #sorted: string[] | undefined
  #epoch = 0

  constructor(world: World, owner: string, { callMs = 0.02, syncMs = 0.5 }: SimKeyValueOptions) {
    this.#world = world
    this.#owner = owner
    this.#random = world.random.fork(`key-value ${owner}`)
    this.#callMs = callMs
    this.#syncMs = syncMs
  }

  /** Every key there is, in hexadecimal, ascending. */
  keys(): readonly string[] {
    this.#sorted ??= [...this.#current.keys()].toSorted()
    return this.#sorted
  }

  /** Opens it for a run of the process; as LevelDB does, turns the log into tables. */
  open(deliver: (callback: () => void) => void): KeyValue {
    this.#epoch++
    this.#tables = new Map(this.#current)
    this.#log = []
    this.#durable = 0
    return new SimKeyValue(this, this.#epoch, deliver)
  }

  cutPower(): void {
    this.#epoch++
    const kept = this.#durable + this.#random.below(this.#log.length - this.#durable + 1)
    const torn = new Set<number>()
    this.#replay(
      this.#log.slice(0, kept).filter(({ leftIn }) => {
        if (leftIn > 0 && this.#random.chance(0.3)) torn.add(leftIn)
        return !torn.has(leftIn)
      }),
    )
  }

  /**
   * The machine is off: a record of the log will be skipped at the next opening; neither the first
   * one nor the last one, whose loss nothing could tell from a torn write.
   */
  skipBatch(): boolean {
    if (this.#log.length < 3) return false
    const skipped = 1 + this.#random.below(this.#log.length - 2)
    this.#world.note(this.#owner, `skip batch ${skipped} of ${this.#log.length}`)
    this.#replay(this.#log.filter((_, at) => at !== skipped))
    return true
  }

  /** The value of a key, by the hexadecimal spelling. */
  value(key: string): Uint8Array | undefined {
    return this.#current.get(key)
  }

  /** Flips a bit in the value of a key, which must not be empty. */
  flipBit(key: string): void {
    const value = (this.#current.get(key) as Uint8Array).slice()
    const at = this.#random.below(value.length)
    this.#world.note(this.#owner, `rot ${key} ${at}`)
    value[at] = (value[at] as number) ^ (1 << this.#random.below(8))
    this.#current.set(key, value)
  }

  call<Result>(
    { epoch, deliver }: { epoch: number; deliver: (callback: () => void) => void },
    name: string,
    { meanMs = this.#callMs, work }: { meanMs?: number; work: () => Result },
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#world.schedule(this.#random.exponential(meanMs), () => {
        if (this.#epoch !== epoch) return
        this.#world.note(this.#owner, name)
        try {
          const result = work()
          deliver(() => resolve(result))
        } catch (error) {
          deliver(() => reject(error))
        }
      })
    })
  }

  get(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    if (this.#random.chance(this.faults.readError)) {
      this.struck.add(toHex(key))
      throw failure('DISK_IO', 'read')
    }
    return this.#current.get(toHex(key))?.slice()
  }

  page(range: KeyRange): KeyValueEntry[] {
    if (this.#random.chance(this.faults.readError)) throw failure('DISK_IO', 'read')
    const limit = this.#random.chance(this.faults.shortPage)
      ? 1 + this.#random.below(Math.min(range.limit, 8))
      : range.limit
    return pageOf(this.#current, this.keys(), { ...range, limit })
  }

  /** What is there now. */
  copy(): { readonly values: ReadonlyMap<string, Uint8Array>; readonly keys: readonly string[] } {
    return { values: new Map(this.#current), keys: this.keys() }
  }

  batch(changes: readonly KeyChange[], sync: boolean): void {
    if (this.#random.chance(this.faults.full)) throw failure('DISK_FULL', 'batch')
    const copy = changes.map(({ key, value }) => ({ key, value: value?.slice() }))
    const isFailing = sync && this.#random.chance(this.faults.syncError)
    if (this.#random.chance(this.faults.nextLog)) {
      for (const batch of this.#log.slice(this.#durable)) batch.leftIn ||= this.#logs
      this.#logs++
    }
    if (!isFailing || this.#random.chance(0.5)) {
      this.#log.push({ changes: copy, leftIn: 0 })
      this.#apply(copy)
    }
    if (isFailing) throw failure('DISK_FAILED', 'sync')
    if (sync) this.#durable = this.#log.length
  }

  /** How long a batch takes. */
  batchMs(sync: boolean): number {
    return sync ? this.#syncMs : this.#callMs
  }

  #replay(log: Batch[]): void {
    this.#current = new Map(this.#tables)
    this.#sorted = undefined
    for (const { changes } of log) this.#apply(changes)
    this.#log = log
    this.#durable = log.length
    for (const batch of log) batch.leftIn = 0
  }

  #apply(changes: readonly KeyChange[]): void {
    for (const { key, value } of changes) {
      const text = toHex(key)
      if (value === undefined) this.#current.delete(text)
      else this.#current.set(text, value)
    }
    this.#sorted = undefined
  }
}

class SimKeyValue implements KeyValue {
  readonly #drive: SimKeyValueDrive
  readonly #run: { readonly epoch: number; readonly deliver: (callback: () => void) => void }
  #failure: HoldfastError | undefined
  #isWriting = false

  constructor(drive: SimKeyValueDrive, epoch: number, deliver: (callback: () => void) => void) {
    this.#drive = drive
    this.#run = { epoch, deliver }
  }

  get(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return this.#drive.call(this.#run, `get ${toHex(key)}`, { work: () => this.#drive.get(key) })
  }

  getLarge(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.get(key)
  }

  page(range: KeyRange): Promise<KeyValueEntry[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const work = (): KeyValueEntry[] => this.#drive.page(range)
    return this.#drive.call(this.#run, `page ${toHex(range.after)}+${range.limit}`, { work })
  }

  async batch(changes: readonly KeyChange[], { sync }: { sync: boolean }): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isWriting) throw new Error('batches are written one at a time')
    this.#isWriting = true
    try {
      const work = (): void => this.#drive.batch(changes, sync)
      const meanMs = this.#drive.batchMs(sync)
      await this.#drive.call(this.#run, `batch ${changes.length}`, { meanMs, work })
    } catch (error) {
      if ((error as HoldfastError).code === 'DISK_FAILED') this.#failure = error as HoldfastError
      throw error
    } finally {
      this.#isWriting = false
    }
  }

  view(): KeyValueView {
    const { values, keys } = this.#drive.copy()
    const answer = <Result>(name: string, work: () => Result): Promise<Result> =>
      this.#failure === undefined
        ? this.#drive.call(this.#run, name, { work })
        : Promise.reject(this.#failure)
    return {
      get: key =>
        answer(
          `get ${toHex(key)}`,
          () => values.get(toHex(key))?.slice() as Uint8Array<ArrayBuffer>,
        ),
      page: range => answer(`page ${toHex(range.after)}`, () => pageOf(values, keys, range)),
      close: async () => undefined,
    }
  }

  async close(): Promise<void> {
    const details = { code: 'CLOSED', what: 'key-value store' } as const
    this.#failure ??= new HoldfastError('The key-value store is closed', details)
  }
}

function pageOf(
  values: ReadonlyMap<string, Uint8Array>,
  keys: readonly string[],
  { after, before, limit }: KeyRange,
): KeyValueEntry[] {
  const high = toHex(before)
  const page: KeyValueEntry[] = []
  for (let at = firstAbove(keys, toHex(after)); at < keys.length && page.length < limit; at++) {
    const key = keys[at] as string
    if (key >= high) break
    const value = (values.get(key) as Uint8Array).slice()
    page.push({ key: Uint8Array.from(Buffer.from(key, 'hex')), value })
  }
  return page
}

/** The first index whose key is above `low`. */
function firstAbove(keys: readonly string[], low: string): number {
  let [from, to] = [0, keys.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((keys[middle] as string) <= low) from = middle + 1
    else to = middle
  }
  return from
}

const failure = (code: 'DISK_IO' | 'DISK_FULL' | 'DISK_FAILED', operation: string) =>
  new HoldfastError(`${code}: ${operation}`, { code, path: 'keys', operation })
