import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { abortable } from '../../base/waiting.ts'

/** Streams to one peer at once: fewer than it allows, for others may want some too. */
const STREAMS_PER_PEER_MAX = 24
/** How many calls may wait for one. */
const WAITING_PER_PEER_MAX = 256

interface Gate {
  count: number
  readonly waiting: PromiseWithResolvers<void>[]
}

/** Lets so many streams go to each peer at once; others wait in line. */
export class StreamGate {
  readonly #gates = new Map<PeerId, Gate>()

  /** @throws {HoldfastError} `BUSY`; the signal's reason */
  async pass<Result>(
    peer: PeerId,
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const gate = this.#gates.get(peer) ?? { count: 0, waiting: [] }
    this.#gates.set(peer, gate)
    if (gate.count >= STREAMS_PER_PEER_MAX) await this.#wait(gate, signal)
    else gate.count++
    try {
      return await work()
    } finally {
      this.#leave(peer, gate)
    }
  }

  async #wait(gate: Gate, signal: AbortSignal | undefined): Promise<void> {
    if (gate.waiting.length >= WAITING_PER_PEER_MAX) throw busy()
    const turn = Promise.withResolvers<void>()
    gate.waiting.push(turn)
    try {
      await abortable(turn.promise, signal)
    } catch (error) {
      const at = gate.waiting.indexOf(turn)
      if (at >= 0) gate.waiting.splice(at, 1)
      // The turn had come already: the next one gets it.
      else this.#pass(gate)
      throw error
    }
  }

  #leave(peer: PeerId, gate: Gate): void {
    this.#pass(gate)
    if (gate.count === 0) this.#gates.delete(peer)
  }

  #pass(gate: Gate): void {
    const next = gate.waiting.shift()
    if (next === undefined) gate.count--
    else next.resolve()
  }
}

const busy = (): HoldfastError =>
  new HoldfastError(`Cannot open a stream: ${WAITING_PER_PEER_MAX} calls wait for one`, {
    code: 'BUSY',
    what: 'streams of fragments',
    limit: WAITING_PER_PEER_MAX,
  })
