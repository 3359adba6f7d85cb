import type { Clock, PeerId } from '../../base/environment.ts'

/** How often at most one peer's nonsense is reported; how many peers are remembered for that. */
const TELL_EVERY_MS = 10_000
const PEERS_MAX = 1_024

/** Reports what peers sent that made no sense, at a rate that no flood can raise. */
export class Refusals {
  readonly #clock: Clock
  readonly #tell: ((refusal: { from: PeerId; reason: string }) => void) | undefined
  readonly #toldAtMs = new Map<PeerId, number>()

  constructor(
    clock: Clock,
    tell: ((refusal: { from: PeerId; reason: string }) => void) | undefined,
  ) {
    this.#clock = clock
    this.#tell = tell
  }

  tell(from: PeerId, reason: string): void {
    const nowMs = this.#clock.monotonicMs()
    const lastMs = this.#toldAtMs.get(from) ?? Number.NEGATIVE_INFINITY
    if (nowMs - lastMs < TELL_EVERY_MS) return
    if (this.#toldAtMs.size >= PEERS_MAX) this.#toldAtMs.clear()
    this.#toldAtMs.set(from, nowMs)
    this.#tell?.({ from, reason })
  }
}
