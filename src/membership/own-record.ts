import type { Context } from './context.ts'
import { type Description, INCARNATION_MAX, type PeerRecord, signRecord } from './record.ts'

/**
 * Incarnations are reserved on disk in blocks, so that a refutation need not wait for the disk. A
 * start begins a new block, so the block also tells others that a peer has restarted.
 */
const INCARNATIONS_PER_BLOCK = 64

/** Two incarnations of different blocks: the peer was restarted in between. */
export const isRestart = (before: number, after: number): boolean =>
  Math.ceil(before / INCARNATIONS_PER_BLOCK) !== Math.ceil(after / INCARNATIONS_PER_BLOCK)

/**
 * This peer's own record. Its incarnation only ever grows, over restarts too.
 *
 * Invariant: no record leaves before a ceiling at least as high as its incarnation is durable.
 */
export class OwnRecord {
  readonly #context: Context
  #description: Description
  #ceiling = 0
  #record: PeerRecord | undefined

  constructor(context: Context) {
    this.#context = context
    this.#description = context.options.description
  }

  get record(): PeerRecord {
    if (this.#record === undefined) throw new Error('the core was not started')
    return this.#record
  }

  get isStarted(): boolean {
    return this.#record !== undefined
  }

  get isLeft(): boolean {
    return this.record.isLeft
  }

  start(ceiling: number): void {
    this.#ceiling = ceiling
    this.#become(nextBlock(ceiling) + 1, this.#description, false)
  }

  /** Makes the incarnation higher than this one and its own, and spreads it. */
  raise(above: number): void {
    this.#become(Math.max(above, this.record.incarnation) + 1, this.#description, this.isLeft)
  }

  /** @throws {HoldfastError} `TOO_LARGE`, state unchanged */
  describe(description: Description): void {
    this.#become(this.record.incarnation + 1, description, this.isLeft)
  }

  leave(): void {
    this.#become(this.record.incarnation + 1, this.#description, true)
  }

  #become(incarnation: number, description: Description, isLeft: boolean): void {
    if (incarnation > INCARNATION_MAX) return
    const { options, rumors } = this.#context
    const { seal, network, self: peer } = options
    const record = signRecord(seal, network, { ...description, peer, incarnation, isLeft })
    if (incarnation > this.#ceiling) {
      this.#ceiling = nextBlock(incarnation)
      this.#context.effect({ type: 'persist', ceiling: this.#ceiling })
    }
    this.#description = description
    this.#record = record
    rumors.put(record)
  }
}

/** The last incarnation of the block that holds this one. */
const nextBlock = (incarnation: number): number =>
  Math.ceil(incarnation / INCARNATIONS_PER_BLOCK) * INCARNATIONS_PER_BLOCK
