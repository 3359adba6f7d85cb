import { concat } from '../../../src/base/bytes.ts'
import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { HoldfastNode } from '../../../src/node/create-node.ts'
import type { Action, HistoryRecorder, Outcome } from '../linearizability/history.ts'
import { demand } from '../scenario.ts'
import type { House, Town } from '../town.ts'
import { areBytesOf, bytesOf, etagOf, nameOf } from './contents.ts'

export const BUCKET = 'town'
const NAME_HEADER = 'x-amz-meta-name'
/** Longer than any call may take. */
const PATIENCE_MS = 60_000
/** Says that nothing was done, now or later. */
const NOT_DONE = ['NO_QUORUM', 'BUSY', 'TOO_FEW_PEERS', 'PRECONDITION_FAILED', 'DISK_FULL']

export interface ClientOptions {
  readonly town: Town
  readonly random: Random
  readonly recorder: HistoryRecorder
  readonly keys: readonly string[]
  /** Sizes to draw from. */
  readonly sizes: readonly number[]
  /** A number nobody else got. */
  readonly next: () => number
  readonly counts: { puts: number; gets: number; failed: number; unknown: number; bytes: number }
}

/** What a client has seen last of a key. */
interface Seen {
  readonly name: string | undefined
}

/** Puts, reads, and deletes objects at whichever peers are up, and notes what it saw. */
export class Client {
  readonly name: string
  readonly #options: ClientOptions
  readonly #seen = new Map<string, Seen>()
  #isOver = false

  constructor(name: string, options: ClientOptions) {
    this.name = name
    this.#options = options
  }

  async run(): Promise<void> {
    const { town, random } = this.#options
    while (!this.#isOver) {
      await town.world.sleep(random.exponential(400))
      const houses = [...town.houses.values()].filter(({ node }) => node !== undefined)
      if (houses.length === 0 || this.#isOver) continue
      await this.#act(random.pick(houses), random.pick(this.#options.keys))
    }
  }

  stop(): void {
    this.#isOver = true
  }

  #act(house: House, key: string): Promise<void> {
    const kind = this.#options.random.below(20)
    if (kind < 8) return this.#get(house, key)
    if (kind < 10) return this.#getRange(house, key)
    if (kind < 16) return this.#put(house, key, {})
    if (kind < 18) return this.#putIf(house, key)
    return this.#delete(house, key)
  }

  async #get(house: House, key: string): Promise<void> {
    this.#options.counts.gets++
    await this.#record(house, { key, action: { type: 'get' } }, async node => {
      const name = await readWhole(node, key)
      this.#seen.set(key, { name })
      return { type: 'found', value: name }
    })
  }

  async #getRange(house: House, key: string): Promise<void> {
    const { name } = this.#seen.get(key) ?? {}
    const { random } = this.#options
    const size = name === undefined ? 0 : bytesOf(name).length
    if (size === 0) return
    const from = random.below(size)
    const to = from + 1 + random.below(size - from)
    await this.#record(house, { key, action: { type: 'get' } }, async node => ({
      type: 'found',
      value: await readRange(node, key, { from, to }),
    }))
  }

  async #put(house: House, key: string, conditions: Conditions): Promise<void> {
    const { random, sizes, counts } = this.#options
    const value = nameOf(this.#options.next(), random.pick(sizes))
    counts.puts++
    const { expected, ...rest } = conditions
    const action: Action =
      expected === undefined ? { type: 'put', value } : { type: 'cas', expected, value }
    await this.#record(house, { key, action }, async node => {
      const bytes = bytesOf(value)
      counts.bytes += bytes.length
      const headers = { [NAME_HEADER]: value }
      const { etag } = await node.put({ bucket: BUCKET, key }, bytes, { headers, ...rest })
      demand(etag === etagOf(value), `the ETag of ${value} is ${etag}`)
      this.#seen.set(key, { name: value })
      return { type: 'written' }
    })
  }

  /** Only over what it saw last. */
  #putIf(house: House, key: string): Promise<void> {
    const seen = this.#seen.get(key)
    if (seen === undefined) return this.#get(house, key)
    const { name: value } = seen
    // All that hold nothing have one ETag, by which the condition could not tell them apart.
    if (value !== undefined && bytesOf(value).length === 0) return this.#get(house, key)
    const condition = value === undefined ? { ifNoneMatch: '*' } : { ifMatch: etagOf(value) }
    return this.#put(house, key, { ...condition, expected: { value } })
  }

  async #delete(house: House, key: string): Promise<void> {
    await this.#record(house, { key, action: { type: 'delete' } }, async node => {
      const { version } = await node.delete({ bucket: BUCKET, key })
      this.#seen.set(key, { name: undefined })
      return version === undefined ? { type: 'found', value: undefined } : { type: 'written' }
    })
  }

  /** Waits until there is an answer, the process is gone, or nobody would wait any more. */
  async #record(
    house: House,
    { key, action }: { key: string; action: Action },
    act: (node: HoldfastNode) => Promise<Outcome>,
  ): Promise<void> {
    const { town, recorder, counts } = this.#options
    const { world } = town
    const node = house.node as HoldfastNode
    const settle = recorder.call({ client: this.name, key, action }, world.nowMs)
    const gone = town.until(PATIENCE_MS, () => house.node !== node)
    const outcome = await Promise.race([
      act(node).catch((error: unknown) => outcomeOf(error, action)),
      gone.then((): Outcome => ({ type: action.type === 'get' ? 'refused' : 'unknown' })),
    ])
    if (outcome.type === 'refused') counts.failed++
    if (outcome.type === 'unknown') counts.unknown++
    settle(outcome, world.nowMs)
  }
}

interface Conditions {
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
  readonly expected?: { readonly value: string | undefined }
}

/** The name of what is there; undefined if there is nothing. The bytes must be those of the name. */
export async function readWhole(node: HoldfastNode, key: string): Promise<string | undefined> {
  return readRange(node, key, { from: 0, to: undefined })
}

async function readRange(
  node: HoldfastNode,
  key: string,
  { from, to }: { readonly from: number; readonly to: number | undefined },
): Promise<string | undefined> {
  try {
    const reading = await node.get({ bucket: BUCKET, key }, { from, ...(to && { to }) })
    const chunks: Uint8Array[] = []
    for await (const chunk of reading.body) chunks.push(chunk)
    const name = reading.headers[NAME_HEADER] ?? ''
    demand(areBytesOf(name, reading, concat(chunks)), `${key} does not hold the bytes of ${name}`)
    return name
  } catch (error) {
    if (codeOf(error) === 'NO_SUCH_KEY') return undefined
    throw error
  }
}

function outcomeOf(error: unknown, action: Action): Outcome {
  const code = codeOf(error)
  if (code === undefined) throw error
  const isDone = action.type === 'get' || NOT_DONE.includes(code)
  return { type: isDone ? 'refused' : 'unknown' }
}
